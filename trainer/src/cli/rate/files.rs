//! What is rated, from files that are named one by one.

use std::path::Path;

use bossnas_converter::checkpoint::{Checkpoint, Choice};
use bossnas_files::{SourceFile, npy};
use bossnas_model::space::Space;
use bossnas_report::Failure;
use bossnas_trainer::search::Rules;
use bossnas_trainer::torch::{TorchError, from_f32};
use tch::{Device, Tensor};

use super::super::RulesName;
use super::{Args, Subject, best_paths, load, stage};

pub(super) fn subject(args: &Args) -> anyhow::Result<Subject> {
    let rules = args.rules.map_or(Rules::corrected(), RulesName::rules);
    // Without a run, clap asks for these.
    let needed = |name: &str| Failure::usage(format!("there is no {name} and no --run"));
    let name = args.space.as_deref().ok_or_else(|| needed("--space"))?;
    let checkpoint = args.checkpoint.as_deref().ok_or_else(|| needed("--checkpoint"))?;
    let bn_images = args.bn_images.as_deref().ok_or_else(|| needed("--bn-images"))?;
    let space = space(name, args.base)?.with_orientation(rules.attention);
    let best = args.best_paths.as_deref().map(best_paths).transpose()?.unwrap_or_default();
    let stage = stage(args, &space, best)?;
    let images = args.images.iter().map(|path| read_images(path)).collect::<Result<Vec<_>, _>>()?;
    let bn_images = read_images(bn_images)?;
    let weights = Checkpoint::open(checkpoint)?.state_dict(Choice::default())?;
    let siamese = load(checkpoint, &weights, space, &stage)?;
    Ok(Subject { rules, stage, siamese, images, bn_images })
}

fn space(name: &str, base: Option<usize>) -> anyhow::Result<Space> {
    let names = || Space::PUBLISHED.map(|space| space.name().to_owned()).join(", ");
    let Ok(space) = name.parse::<Space>() else {
        let message = format!("there is no search space `{}`", name.escape_debug());
        return Err(Failure::usage(message).hint(format!("there are {}", names())).into());
    };
    match base {
        None => Ok(space),
        Some(base) => Ok(space.with_base(base).map_err(|error| Failure::usage(error.to_string()))?),
    }
}

fn read_images(path: &Path) -> anyhow::Result<Tensor> {
    let array = npy::read(&SourceFile::open(path)?)?;
    let name = path.display();
    if array.shape.len() != 5 {
        let message = format!("`{name}` holds an array of shape {:?}", array.shape);
        let hint = "images are [images, views, 3, height, width]";
        return Err(Failure::failed(message).hint(hint).into());
    }
    if let Some(value) = array.values.iter().find(|value| !value.is_finite()) {
        return Err(Failure::failed(format!("`{name}` holds {value}")).into());
    }
    Ok(from_f32(&array.values, &array.shape, Device::Cpu).map_err(TorchError::from)?)
}
