//! What comes from the system's packages: `cargo xtask setup --test-servers --nasm`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::process;

/// A program of the system, and the package that brings it.
pub(crate) struct SystemProgram {
    name: &'static str,
    package: &'static str,
}

/// The server that the download tests run beside their own: one that others wrote and many run is the point of it. The
/// tests start it themselves, as the user who runs them, and need no service.
pub(crate) const NGINX: SystemProgram = SystemProgram { name: "nginx", package: "nginx-light" };

/// The assembler with which the JPEG library is built: without it decoding takes half as long again.
pub(crate) const NASM: SystemProgram = SystemProgram { name: "nasm", package: "nasm" };

/// Where system programs lie that an ordinary user's path need not name.
const SYSTEM: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

impl SystemProgram {
    /// Installs it if it is missing.
    pub(crate) fn install(&self) -> anyhow::Result<()> {
        let Self { name, package } = self;
        if let Some(program) = find(name) {
            eprintln!("ready: {} is there, nothing to install", program.display());
            return Ok(());
        }
        if find("apt-get").is_none() {
            bail!(
                "no {name} on this machine, and no apt-get to install it with; \
                 install {name} with the system's own package manager (it is looked for in $PATH and in {})",
                SYSTEM.join(", ")
            );
        }
        let install = ["install", "--yes", "--no-install-recommends", package];
        if process::run(&mut apt_get(&install)).is_err() {
            eprintln!("once more with fresh package lists");
            process::run(&mut apt_get(&["update"]))?;
            process::run(&mut apt_get(&install))?;
        }
        let program = find(name).with_context(|| format!("{package} is installed, but there is no {name}"))?;
        eprintln!("ready: {}", program.display());
        Ok(())
    }
}

/// `apt-get`, through sudo for those who are not root and have it, and never asking anything.
fn apt_get(arguments: &[&str]) -> Command {
    let sudo = if is_root() { None } else { find("sudo") };
    let mut command = sudo.map_or_else(
        || Command::new("env"),
        |sudo| {
            let mut command = Command::new(sudo);
            command.arg("env");
            command
        },
    );
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(arguments);
    command
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

/// A program in `$PATH` or among the system's.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(SYSTEM.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}
