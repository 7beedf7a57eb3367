//! Checkpoints as a DeiT training run leaves them, with weights of the recipe and made-up moments: the layout of the published
//! BossNet files, at their size.

mod training;

use std::path::Path;

use bossnas_converter::checkpoint::pth::{DeitCheckpoint, PthWriteError, write_pth};
use bossnas_model::weights::Weights;

use crate::recipe::{Kind, RecipeWeights};

/// What to write.
#[derive(Clone, Copy)]
pub struct Checkpoint<'a> {
    /// State dict under the key `model`.
    pub model: &'a dyn Weights,
    /// State dict under the key `model_ema`.
    pub model_ema: &'a dyn Weights,
}

impl Checkpoint<'_> {
    /// Writes the checkpoint to `path` and returns its size in bytes. `optimizer` holds AdamW's moments for every
    /// trained parameter of `model`, with made-up numbers.
    pub fn write(&self, path: &Path) -> Result<u64, PthWriteError> {
        let moments = training::moments(self.model);
        let checkpoint = DeitCheckpoint {
            model: self.model,
            model_ema: Some(self.model_ema),
            optimizer: training::optimizer(&moments),
            schedule: training::SCHEDULE,
            epoch: training::EPOCH,
            args: training::args(),
        };
        write_pth(path, &checkpoint.value())
    }
}

/// Writes the checkpoint of a network of the recipe: `model_ema` with the fixtures' seed 0, so that its logits are the
/// fixtures', and `model` with seed 1. Returns the size in bytes.
pub fn write_recipe<'a>(
    path: &Path,
    shapes: impl IntoIterator<Item = (&'a str, &'a [usize])> + Clone,
    gain: f64,
) -> Result<u64, PthWriteError> {
    let model = RecipeWeights::of_shapes(shapes.clone(), gain, 1);
    let model_ema = RecipeWeights::of_shapes(shapes, gain, 0);
    Checkpoint { model: &model, model_ema: &model_ema }.write(path)
}

/// Whether a state dict's entry is a trained parameter.
fn is_trained(name: &str, shape: &[usize]) -> bool {
    let buffer = [Some(Kind::BatchCount), Some(Kind::RunningMean), Some(Kind::RunningVar)];
    !buffer.contains(&Kind::of_parameter(name, shape))
}
