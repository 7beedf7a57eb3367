//! `cargo xtask check`: what every commit passes.

use anyhow::Context as _;

use crate::setup::CARGO_DENY;
use crate::{process, proto, workspace};

pub(crate) fn run() -> anyhow::Result<()> {
    process::run(&mut process::cargo(["fmt", "--all", "--check"]))?;
    proto::run(&proto::Options { check: true })?;
    let clippy = ["clippy", "--release", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    process::run(&mut process::cargo(clippy))?;
    let mut doc = process::cargo(["doc", "--release", "--workspace", "--no-deps", "--locked"]);
    process::run(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    deny()
}

fn deny() -> anyhow::Result<()> {
    let program = CARGO_DENY.ready().context("cargo-deny is needed to check licences")?;
    let mut deny = std::process::Command::new(program);
    deny.current_dir(workspace::root()).args(["--log-level", "error", "check", "licenses", "bans", "sources"]);
    process::run(&mut deny)
}
