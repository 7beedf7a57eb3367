//! Searches and a retraining on made-up images of the published shapes: how long steps wait for data, and what memory does over
//! them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use bossnas_report::statistics::median;
use bossnas_report::units;
use bossnas_testkit::cifar;
use clap::Args;

use super::{folder, trainer};
use crate::runs::events;
use crate::{process, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// Only this one
    #[arg(long, value_parser = ["nats-c10", "hytra", "t0"])]
    only: Option<String>,
    /// Threads of libtorch and of the loader
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// A run that is watched.
struct Watched {
    name: &'static str,
    arguments: &'static [&'static str],
    /// The option that takes the configuration.
    takes: &'static str,
    configuration: &'static str,
    steps: u64,
}

/// A whole stage of 50 steps, with the rating of its paths.
const NATS: Watched = Watched {
    name: "nats-c10",
    arguments: &["search", "--stages", "0..1"],
    takes: "--config",
    configuration: "preset = \"nats-c10\"\n[training]\nbatch-size = 64\naccumulate = 1\nepochs = 2\nwarmup-epochs = 0\n\
                    [rating]\nevery = 1\nimages = 128\nbatch-size = 64\nbn-images = 64\n",
    steps: 50,
};
const HYTRA: Watched = Watched {
    name: "hytra",
    arguments: &["search", "--stages", "0..1"],
    takes: "--config",
    configuration: "preset = \"hytra\"\n[training]\nbatch-size = 8\naccumulate = 1\nepochs = 6\nwarmup-epochs = 0\n",
    steps: 8,
};
/// DeiT's recipe, every draw of it.
const T0: Watched = Watched {
    name: "t0",
    arguments: &["retrain", "--arch", "BossNet-T0", "--data-set", "folder"],
    takes: "--recipe",
    configuration: "recipe = \"deit\"\n[training]\nbatch-size = 8\n",
    steps: 20,
};
/// Images of the made-up CIFAR-10, of which a tenth is held out: 25 batches of 64 are left.
const CIFAR_IMAGES: usize = 1780;

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let train = trainer()?;
    let folder = folder("steady")?;
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    if wanted(NATS.name) {
        let data = folder.join("cifar-10-batches-py");
        cifar::write_folder(&data, CIFAR_IMAGES)?;
        watch(&train, &NATS, &data, &folder, options.threads)?;
    }
    if wanted(HYTRA.name) || wanted(T0.name) {
        let data = photographs(&folder)?;
        for watched in [&HYTRA, &T0].into_iter().filter(|watched| wanted(watched.name)) {
            watch(&train, watched, &data, &folder, options.threads)?;
        }
    }
    Ok(())
}

/// A folder of two classes of one photograph.
fn photographs(folder: &Path) -> anyhow::Result<PathBuf> {
    let data = folder.join("photographs");
    let photograph = workspace::root().join("zoo/assets/flower.jpg");
    for (part, images) in [("train", 160), ("val", 2)] {
        for number in 0..images {
            let class = data.join(part).join((number % 2).to_string());
            std::fs::create_dir_all(&class)?;
            std::fs::copy(&photograph, class.join(format!("{number}.jpg")))?;
        }
    }
    Ok(data)
}

fn watch(train: &Path, watched: &Watched, data: &Path, folder: &Path, threads: usize) -> anyhow::Result<()> {
    let Watched { name, arguments, takes, configuration, steps } = watched;
    let config = folder.join(format!("{name}.toml"));
    std::fs::write(&config, configuration)?;
    let run = folder.join(name);
    let threads = threads.to_string();
    let mut command = Command::new(train);
    command.args(*arguments).args(["--quiet", "--threads", &threads, "--workers", &threads]);
    command.args(["--max-steps", &steps.to_string(), takes]).arg(&config);
    command.arg("--data").arg(data).arg("--out").arg(&run);
    process::run(&mut command)?;
    let log = events(&run, "step")?;
    let numbers = |key: &str| log.iter().filter_map(|event| event[key].as_f64()).collect::<Vec<f64>>();
    let (waited, memory) = (numbers("waited"), numbers("memory"));
    anyhow::ensure!(waited.len() as u64 == *steps, "the log has {} steps of {steps}", waited.len());
    // The first batch is made while nothing else is done.
    let later = &waited[1..];
    let mean = later.iter().sum::<f64>() / later.len() as f64;
    println!(
        "{name}: {steps} steps of {:.2} images/s; waited {:.2} % of the time (limit 2), {:.2} % in the median step",
        median(&numbers("images_per_second")).unwrap_or(f64::NAN),
        100.0 * mean,
        100.0 * median(later).unwrap_or(f64::NAN)
    );
    // By then every kernel has been run, and memory that is kept is there.
    let settled = memory.len() / 5;
    let (early, late) = (&memory[settled..2 * settled.max(1) + settled], &memory[memory.len() - settled.max(1)..]);
    let largest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    println!(
        "{name}: memory {} in the second fifth, {} in the last",
        units::bytes(largest(early) as u64),
        units::bytes(largest(late) as u64)
    );
    for rating in events(&run, "rating")? {
        let paths = rating["paths"].as_u64().context("a rating without paths")?;
        println!("{name}: {paths} paths rated in {:.1} s", rating["seconds"].as_f64().unwrap_or(f64::NAN));
    }
    Ok(())
}
