//! `cargo xtask proto`: ONNX's messages as Rust types.
//!
//! The generated file is committed, so that a build needs neither a protobuf compiler nor this step; the gate generates
//! it again and compares.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::{process, workspace};

const SOURCE: &str = "converter/proto/onnx.proto";
const GENERATED: &str = "converter/src/onnx/proto.rs";
const HEADER: &str = "\
// Generated from converter/proto/onnx.proto by `cargo xtask proto`: do not edit.
// SPDX-License-Identifier: Apache-2.0

//! ONNX's messages, as the protocol buffers of its standard define them.

#![allow(missing_docs, reason = \"the definitions are documented in onnx.proto\")]
#![allow(unreachable_pub, clippy::pedantic, clippy::all, reason = \"generated\")]

";

#[derive(Args)]
pub(crate) struct Options {
    /// Write nothing; fail if the committed file differs
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let generated = generate()?;
    let path = workspace::root().join(GENERATED);
    if options.check {
        let committed = fs::read_to_string(&path).with_context(|| GENERATED.to_owned())?;
        ensure!(committed == generated, "{GENERATED} is not what {SOURCE} generates\nhint: run `cargo xtask proto`");
    } else {
        fs::write(&path, generated).with_context(|| GENERATED.to_owned())?;
        eprintln!("wrote {GENERATED}");
    }
    Ok(())
}

fn generate() -> anyhow::Result<String> {
    let source = workspace::root().join(SOURCE);
    let folder = source.parent().context("the source has a folder")?;
    let descriptors = protox::compile([&source], [folder]).context("cannot compile onnx.proto")?;
    let out = tempfile::tempdir()?;
    prost_build::Config::new()
        // Tensor data is referred to, not copied.
        .bytes(["."])
        // Its comments are no rustdoc: their indented lines would become tests, their brackets links.
        .disable_comments(["."])
        .out_dir(out.path())
        .compile_fds(descriptors)?;
    let file = out.path().join("onnx.rs");
    fs::write(&file, HEADER.to_owned() + &fs::read_to_string(&file)?)?;
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--edition", "2024", "--config-path"]).arg(workspace::root()).arg(&file);
    process::run(&mut rustfmt)?;
    Ok(fs::read_to_string(&file)?)
}
