//! `cargo xtask setup --test-servers`: installs the server that the download tests run beside their own.
//!
//! It comes from the system's packages, since a server that others wrote and many run is the point of it. The tests start
//! it themselves, as the user who runs them, and need no service.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::process;

const PROGRAM: &str = "nginx";
const PACKAGE: &str = "nginx-light";

/// Where system programs lie that an ordinary user's path need not name.
const SYSTEM: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

pub(crate) fn run() -> anyhow::Result<()> {
    if let Some(program) = find(PROGRAM) {
        eprintln!("ready: {} is there, nothing to install", program.display());
        return Ok(());
    }
    if find("apt-get").is_none() {
        bail!(
            "no {PROGRAM} on this machine, and no apt-get to install it with; \
             install {PROGRAM} with the system's own package manager (the tests look for it in $PATH and in {})",
            SYSTEM.join(", ")
        );
    }
    let install = ["install", "--yes", "--no-install-recommends", PACKAGE];
    if process::run(&mut apt_get(&install)).is_err() {
        eprintln!("once more with fresh package lists");
        process::run(&mut apt_get(&["update"]))?;
        process::run(&mut apt_get(&install))?;
    }
    let program = find(PROGRAM).with_context(|| format!("{PACKAGE} is installed, but there is no {PROGRAM}"))?;
    eprintln!("ready: {}", program.display());
    Ok(())
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
