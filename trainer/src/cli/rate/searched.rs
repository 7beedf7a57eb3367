//! What is rated, from the folder of a run: its weights, its rules, and views of the images that it rates on.

use std::num::NonZero;
use std::path::Path;

use bossnas_data::dataset::DataSet;
use bossnas_data::views::Broken;
use bossnas_report::{Console, Failure, escape};
use bossnas_trainer::run::read_config;
use bossnas_trainer::search::run::{Checkpoint, Config, Fixed, Images};
use tch::Device;

use super::super::running::folder_failure;
use super::super::search::images_failure;
use super::{Args, Subject, best_paths, load, stage};

pub(super) fn subject(args: &Args, run: &Path, console: Console) -> anyhow::Result<Subject> {
    let config: Config = read_config(&run.join("config.toml")).map_err(folder_failure)?;
    let shown = run.display();
    let checkpoint = Checkpoint::read(run)?
        .ok_or_else(|| Failure::failed(format!("`{shown}` holds no checkpoint")).hint("a search leaves one"))?;
    let best = match &args.best_paths {
        Some(text) => best_paths(text)?,
        None => decided(args.stage, &checkpoint, run)?,
    };
    let space = config.space()?;
    let stage = stage(args, &space, best)?;
    let images = Images::open(&config, args.data.as_deref()).map_err(images_failure)?;
    let mut broken = |data: &DataSet, broken: &Broken| {
        let name = data.sample(broken.index).map_or_else(|| broken.index.to_string(), |sample| sample.name());
        let error = broken.error.to_string();
        console.note(format_args!("another image takes the place of `{}`: {}", escape(&name), escape(&error)));
    };
    let cores = || std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let workers = args.workers.unwrap_or_else(cores);
    let mut fixed = Fixed { device: Device::Cpu, workers, broken: &mut broken };
    // The same images are held out, whatever draws their views.
    let views = Config { seed: args.seed.unwrap_or(config.seed), ..config.clone() };
    let batches = images.rating_batches(&views, &mut fixed)?;
    let bn_images = images.estimation_batch(&views, &mut fixed)?;
    let siamese = load(&run.join(&checkpoint.tensors.file), &checkpoint.tensors(run)?, space, &stage)?;
    Ok(Subject { rules: config.rules, stage, siamese, images: batches, bn_images })
}

/// The paths that the run has decided on before a stage.
fn decided(stage: usize, checkpoint: &Checkpoint, run: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let decided = checkpoint.decided(run)?;
    if decided.len() < stage {
        let message = format!("`{}` has not come to stage {stage}: it stands at {}", run.display(), decided.len());
        return Err(Failure::failed(message).hint("--best-paths names paths to rate it behind").into());
    }
    Ok(decided.into_iter().take(stage).map(|decided| decided.path).collect())
}
