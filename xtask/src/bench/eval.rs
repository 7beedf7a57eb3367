//! `bossnas-zoo eval` with a small network: how busy it keeps the cores, and that its memory does not grow with the data.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use super::measure::{Measured, measure};
use crate::{process, program, workspace};

const NETWORK: &str = "bossnet:1/0/10/01+silu+se+base=16+classes=10";
const PHOTOGRAPH: &str = "zoo/assets/flower.jpg";
const CLASSES: usize = 10;

#[derive(Args)]
pub(crate) struct Options {
    /// Side of the network's input
    #[arg(long, default_value_t = 96)]
    size: usize,
    /// Images, as links to one photograph; the second number shows whether memory grows
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 10_000])]
    images: Vec<usize>,
    /// Runtimes, by the names that --provider takes
    #[arg(long, value_delimiter = ',', default_values_t = ["tract".to_owned(), "cpu".to_owned()])]
    providers: Vec<String>,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let program = program::ready()?;
    let folder = tempfile::tempdir()?;
    let model = folder.path().join("small.onnx");
    let size = options.size.to_string();
    let mut export = Command::new(&program);
    export.args(["export", NETWORK, "--onnx", "--quiet", "--size", &size, "-o"]).arg(&model);
    process::output(&mut export)?;
    for &images in &options.images {
        let data = links(folder.path(), images)?;
        for provider in &options.providers {
            let mut eval = Command::new(&program);
            eval.arg("eval").arg(&model).arg("--data").arg(&data).args(["--quiet", "--provider", provider]);
            let Measured { wall, processor, peak } = measure(&eval)?;
            let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
            let busy = processor.as_secs_f64() / wall.as_secs_f64() / cores * 100.0;
            println!(
                "{provider:<6} {images:>7} images: {:>7.1} images/s, cores {busy:.0} % busy (limit 90), the largest process took {:.0} MB",
                images as f64 / wall.as_secs_f64(),
                peak as f64 / 1e6
            );
        }
    }
    Ok(())
}

/// A folder of classes with so many links to the photograph.
fn links(parent: &Path, images: usize) -> anyhow::Result<PathBuf> {
    let photograph = workspace::root().join(PHOTOGRAPH);
    let data = parent.join(format!("images-{images}"));
    for class in 0..CLASSES {
        std::fs::create_dir_all(data.join(class.to_string()))?;
    }
    for image in 0..images {
        let link = data.join((image % CLASSES).to_string()).join(format!("{image}.jpg"));
        #[cfg(unix)]
        std::os::unix::fs::symlink(&photograph, link)?;
        #[cfg(not(unix))]
        std::fs::hard_link(&photograph, link)?;
    }
    Ok(data)
}
