//! `cargo xtask setup`: installs the tools that the gate and the fuzzer need, and native libraries.
//!
//! A tool is built once, at a pinned version, into `target/tools/<name>-<version>`: the user's own tools stay as they are,
//! and a CI that keeps its target folder keeps them too. Libraries are [`native`]'s duty, libtorch is [`torch`]'s, what comes
//! from the system's packages is [`system_packages`](crate::system_packages)', Python with PyTorch is [`peers`]'.

use std::path::PathBuf;

use bossnas_native::Part;
use clap::Args;

use crate::system_packages::{NASM, NGINX};
use crate::{native, peers, process, torch, workspace};

#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a command line")]
pub(crate) struct Options {
    /// Install ONNX Runtime for Nvidia's graphics processors too, and the CUDA libraries that it needs (1.5 GB to fetch)
    #[arg(long)]
    cuda: bool,
    /// Install ONNX Runtime with Intel's OpenVINO too
    #[arg(long)]
    openvino: bool,
    /// Install the servers that the tests download from instead: nginx, from the system's packages
    #[arg(long)]
    test_servers: bool,
    /// Install the assembler that makes the JPEG library fast instead: nasm, from the system's packages
    #[arg(long)]
    nasm: bool,
    /// Install libtorch for the trainer instead, and let `.libtorch` in the repository lead to it (540 MB to fetch); with
    /// `--cuda` the one for Nvidia's graphics processors (2.5 GB to fetch)
    #[arg(long, conflicts_with = "openvino")]
    torch: bool,
    /// Install what ours is compared with instead: a Python environment with PyTorch (2 GB to fetch, 4 GB on the disk: its
    /// wheel for Linux needs CUDA's libraries on every machine)
    #[arg(long)]
    peers: bool,
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
        NGINX.install()?;
    }
    if options.nasm {
        NASM.install()?;
    }
    if options.peers {
        eprintln!("ready: {}", peers::set_up()?.display());
    }
    if options.torch {
        return torch::set_up(if options.cuda { Part::LibtorchCuda } else { Part::Libtorch });
    }
    let others_only = (options.test_servers || options.nasm || options.peers) && !options.cuda && !options.openvino;
    if others_only {
        return Ok(());
    }
    let program = CARGO_DENY.ready()?;
    eprintln!("ready: {}", program.display());
    let mut parts = vec![Part::OnnxRuntime];
    if options.openvino {
        parts.push(Part::OnnxRuntimeOpenVino);
    }
    if options.cuda {
        parts.extend([Part::OnnxRuntimeGpu, Part::Cuda]);
    }
    native::set_up(&parts)
}
