//! `cargo xtask onnx-checker`: exports networks at every opset and lets ONNX's own checker, in Python, judge them.
//!
//! The checker and what it needs are installed into a virtual environment under the target folder, by hash.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::{process, program, workspace};

const FOLDER: &str = "xtask/onnx-checker";
/// Part of the environment's name: a new one is made when the requirements change.
const ONNX_VERSION: &str = "1.23.2";

/// A network with every kind of block, small enough to export nine times.
const SMALL: &str = "bossnet:1/0/10/01+silu+se+classes=10+base=16";

/// File name, MODEL and options of what is exported beside [`SMALL`] at every opset.
const OTHERS: [(&str, &str, &[&str]); 7] = [
    ("t0", "BossNet-T0", &[]),
    ("t0-nose-dynamic", "BossNet-T0-noSE", &["--batch", "dynamic"]),
    ("t1-odd", "BossNet-T1", &["--size", "193x161", "--batch", "2"]),
    ("plain-empty", "bossnet:-/-/010/1+relu+plain+base=16", &[]),
    ("deep", "bossnet:1/0/1/0+silu+se+stem=deep:32+base=16", &["--size", "129"]),
    ("deep-tiered", "bossnet:1/0/1/0+relu+stem=deep_tiered:32+base=16", &[]),
    ("small-unfolded", SMALL, &["--no-fold"]),
];

#[derive(Args)]
pub(crate) struct Options {
    /// Fail when there is no Python instead of skipping
    #[arg(long)]
    pub(crate) strict: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let Some(python) = python() else {
        if options.strict {
            bail!("no python3 on this machine: the ONNX checker is written in Python");
        }
        eprintln!("SKIPPED onnx-checker: no python3 on this machine");
        return Ok(());
    };
    let python = environment(python)?;
    let program = program::ready()?;
    let folder = tempfile::tempdir()?;
    let mut files = Vec::new();
    for opset in 13..=21 {
        let file = format!("small-opset{opset}.onnx");
        export(&program, SMALL, &["--opset", &opset.to_string()], &folder.path().join(&file))?;
        files.push(file);
    }
    for (name, model, arguments) in OTHERS {
        let file = format!("{name}.onnx");
        export(&program, model, arguments, &folder.path().join(&file))?;
        files.push(file);
    }
    let script = workspace::root().join(FOLDER).join("check.py");
    process::run(Command::new(python).arg(script).args(files).current_dir(folder.path()))
}

fn export(program: &Path, model: &str, arguments: &[&str], file: &Path) -> anyhow::Result<()> {
    let mut export = Command::new(program);
    export.args(["export", model, "--no-verify", "--quiet"]).args(arguments).arg("-o").arg(file);
    process::output(&mut export).map(drop)
}

fn python() -> Option<&'static str> {
    ["python3", "python"].into_iter().find(|python| {
        let mut version = Command::new(python);
        version.args(["-c", "import sys, venv; sys.exit(sys.version_info < (3, 10))"]);
        version.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    })
}

/// The virtual environment's interpreter, made first if it is missing.
fn environment(python: &str) -> anyhow::Result<PathBuf> {
    let folder = workspace::tools().join(format!("onnx-{ONNX_VERSION}"));
    let interpreter = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    // Written last: an environment without it was not finished.
    let finished = folder.join("finished");
    if !finished.is_file() {
        process::run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut install = Command::new(&interpreter);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]);
        install.args(["--require-hashes", "--no-deps", "-r"]);
        process::run(install.arg(workspace::root().join(FOLDER).join("requirements.txt")))?;
        std::fs::write(&finished, "").context("cannot mark the environment as finished")?;
    }
    Ok(interpreter)
}
