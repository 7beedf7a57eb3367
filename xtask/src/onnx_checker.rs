//! `cargo xtask onnx-checker`: exports networks at every opset and lets ONNX's own checker, in Python, judge them.
//!
//! The checker and what it needs are installed into a virtual environment under the target folder, by hash.

use std::path::Path;
use std::process::Command;

use anyhow::bail;
use clap::Args;

use crate::{process, program, python, workspace};

const FOLDER: &str = "xtask/onnx-checker";

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
    let Some(python) = python::find(10, "venv") else {
        if options.strict {
            bail!("no python3 on this machine: the ONNX checker is written in Python");
        }
        eprintln!("SKIPPED onnx-checker: no python3 on this machine");
        return Ok(());
    };
    let python = python::environment(python, &format!("{FOLDER}/requirements.txt"))?;
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
