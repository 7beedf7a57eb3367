//! `cargo xtask check`: what every commit passes.

use anyhow::Context as _;

use crate::setup::CARGO_DENY;
use crate::{process, proto, torch, workspace};

pub(crate) fn run() -> anyhow::Result<()> {
    process::run(&mut process::cargo(["fmt", "--all", "--check"]))?;
    proto::run(&proto::Options { check: true })?;
    torch::ready().context("libtorch is needed to check the trainer")?;
    for packages in [torch::all_others(), torch::these()] {
        let mut clippy = process::cargo(["clippy", "--release", "--all-targets", "--locked"]);
        process::run(clippy.args(&packages).args(["--", "-D", "warnings"]))?;
        let mut doc = process::cargo(["doc", "--release", "--no-deps", "--locked"]);
        process::run(doc.args(&packages).env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    deny()
}

fn deny() -> anyhow::Result<()> {
    let program = CARGO_DENY.ready().context("cargo-deny is needed to check licences")?;
    let mut deny = std::process::Command::new(program);
    deny.current_dir(workspace::root()).args(["--log-level", "error", "check", "licenses", "bans", "sources"]);
    process::run(&mut deny)
}
