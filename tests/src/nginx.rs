//! A real server on this machine: nginx, as the ordinary way of a download.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::authority::Authority;
use crate::patience::wait_for;
use crate::program::scratch;
use crate::strict::skipped;

/// A running nginx. Dropping it ends it.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    folder: TempDir,
    plain: u16,
    secure: u16,
    authority: Authority,
}

impl Nginx {
    /// Starts one; `None` on a machine without nginx, unless `$BOSSNAS_STRICT` says that there must be one.
    pub fn start() -> Option<Self> {
        let Some(program) = program() else {
            skipped("there is no nginx (`cargo xtask setup --test-servers` installs it)");
            return None;
        };
        // A port that was free a moment ago may be another's now.
        (0..5).find_map(|_| Self::start_once(&program)).or_else(|| panic!("nginx does not start"))
    }

    fn start_once(program: &Path) -> Option<Self> {
        let folder = scratch();
        fs::create_dir(folder.path().join("files")).expect("a folder");
        let authority = Authority::create(folder.path(), "trusted");
        let (plain, secure) = (free_port(), free_port());
        let config = folder.path().join("nginx.conf");
        fs::write(&config, configuration(folder.path(), plain, secure, &authority)).expect("a file");
        let mut child = Command::new(program)
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let mut ended = false;
        wait_for("nginx", || {
            ended = child.try_wait().expect("a child").is_some();
            ended || [plain, secure].iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
        });
        (!ended).then_some(Self { child, folder, plain, secure, authority })
    }

    /// Puts a file where it is served.
    pub fn serve(&self, name: &str, bytes: &[u8]) {
        fs::write(self.file(name), bytes).expect("a file");
    }

    /// Where a served file is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("files").join(name)
    }

    /// The address of its folder, without TLS. Below it `basic/` asks for `zoo` and `secret`, `moved/` redirects to the folder,
    /// `loop/` to itself.
    pub fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.plain)
    }

    /// The address of its folder, with TLS. Below it `to-http/` redirects to the one without.
    pub fn https(&self) -> String {
        format!("https://127.0.0.1:{}", self.secure)
    }

    /// The authority of its certificate.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Range and status of each request so far.
    pub fn requests(&self) -> Vec<(String, u16)> {
        let log = fs::read_to_string(self.folder.path().join("access.log")).expect("a log");
        let line = |line: &str| {
            let (range, status) = line.rsplit_once(' ').expect("two columns");
            (range.to_owned(), status.parse().expect("a status"))
        };
        log.lines().map(line).collect()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // One process, without a master: nothing of it survives.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, which is often not on the path of ordinary users.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")]);
    folders.map(|folder| folder.join("nginx")).find(|path| path.is_file())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free").port()
}

fn configuration(folder: &Path, plain: u16, secure: u16, authority: &Authority) -> String {
    let folder = folder.display();
    let Authority { certificate, key, .. } = authority;
    let (certificate, key) = (certificate.display(), key.display());
    fs::write(format!("{folder}/users"), "zoo:{PLAIN}secret\n").expect("a file");
    format!(
        r#"
daemon off;
master_process off;
pid "{folder}/pid";
error_log "{folder}/error.log";
events {{ worker_connections 128; }}
http {{
    log_format tests '$http_range $status';
    access_log "{folder}/access.log" tests;
    client_body_temp_path "{folder}/temp-1";
    proxy_temp_path "{folder}/temp-2";
    fastcgi_temp_path "{folder}/temp-3";
    uwsgi_temp_path "{folder}/temp-4";
    scgi_temp_path "{folder}/temp-5";
    sendfile on;
    default_type application/octet-stream;
    server {{
        listen 127.0.0.1:{plain};
        root "{folder}/files";
        location /basic/ {{
            alias "{folder}/files/";
            auth_basic tests;
            auth_basic_user_file "{folder}/users";
        }}
        location /moved/ {{ rewrite ^/moved/(.*)$ /$1 redirect; }}
        location /loop/ {{ rewrite ^ /loop/again redirect; }}
    }}
    server {{
        listen 127.0.0.1:{secure} ssl;
        ssl_certificate "{certificate}";
        ssl_certificate_key "{key}";
        root "{folder}/files";
        location /to-http/ {{ rewrite ^/to-http/(.*)$ http://127.0.0.1:{plain}/$1 redirect; }}
    }}
}}
"#
    )
}
