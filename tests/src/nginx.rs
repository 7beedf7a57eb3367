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
        let program = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/bin/nginx", "/opt/homebrew/bin/nginx"];
        let program = program.map(Path::new).into_iter().find(|path| path.is_file());
        let Some(program) = program else {
            skipped("there is no nginx: `cargo xtask setup --test-servers` installs it");
            return None;
        };
        let folder = scratch();
        fs::create_dir(folder.path().join("files")).expect("a folder");
        // Its workers may run as another user.
        open_to_all(folder.path());
        let authority = Authority::create(folder.path(), "trusted");
        let (plain, secure) = (free_port(), free_port());
        let config = folder.path().join("nginx.conf");
        fs::write(&config, configuration(folder.path(), plain, secure, &authority)).expect("a file");
        let child = Command::new(program)
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        wait_for("nginx", || [plain, secure].iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()));
        Some(Self { child, folder, plain, secure, authority })
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
        // Its worker ends with it when it is asked, not when it is killed.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free").port()
}

#[cfg(unix)]
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

#[cfg(not(unix))]
fn open_to_all(_: &Path) {}

fn configuration(folder: &Path, plain: u16, secure: u16, authority: &Authority) -> String {
    let folder = folder.display();
    let Authority { certificate, key, .. } = authority;
    let (certificate, key) = (certificate.display(), key.display());
    fs::write(format!("{folder}/users"), "zoo:{PLAIN}secret\n").expect("a file");
    format!(
        r#"
daemon off;
worker_processes 1;
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
