//! `cargo xtask setup`: installs the tools that the gate and the fuzzer need.
//!
//! Each is built once, at a pinned version, into `target/tools/<name>-<version>`: the user's own tools stay as they are,
//! and a CI that keeps its target folder keeps them too. What tests need of the system is [`test_servers`]'s duty.

use std::path::PathBuf;

use clap::Args;

use crate::{process, test_servers, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// Install the servers that the tests download from instead: nginx, from the system's packages
    #[arg(long)]
    test_servers: bool,
}

/// A tool that cargo installs.
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Checks licences, bans and sources of dependencies.
pub(crate) const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

/// Builds and runs fuzz targets.
pub(crate) const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

impl Tool {
    /// The program, installed first if it is missing.
    pub(crate) fn ready(&self) -> anyhow::Result<PathBuf> {
        let folder = workspace::tools().join(format!("{}-{}", self.name, self.version));
        let program = folder.join("bin").join(format!("{}{}", self.name, std::env::consts::EXE_SUFFIX));
        if !program.is_file() {
            eprintln!("installing {} {} (once, some minutes)", self.name, self.version);
            // Unoptimised: it takes half the time to build, and both tools run for seconds.
            let mut install = process::cargo(["install", "--locked", "--quiet", "--debug", "--root"]);
            install.arg(&folder).args(["--version", self.version, self.name]);
            // A target folder of its own would be thrown away; in the shared one it costs 1 GB for good.
            install.env_remove("CARGO_TARGET_DIR");
            process::run(&mut install)?;
        }
        Ok(program)
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.test_servers {
        return test_servers::run();
    }
    let program = CARGO_DENY.ready()?;
    eprintln!("ready: {}", program.display());
    Ok(())
}
