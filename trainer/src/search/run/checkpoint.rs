//! Checkpoints of a search: all tensors in a safetensors file, and in `checkpoint.json` everything else. A new one is written
//! beside the last, read back, named, and only then the last one goes.

use std::collections::BTreeMap;
use std::path::Path;

use bossnas_converter::checkpoint::StateDict;
use bossnas_model::weights::Weights;
use serde::{Deserialize, Serialize};
use tch::{TchError, Tensor};

use super::plan::Plan;
use super::ratings::name;
use super::state::{Decided, Position, State};
use crate::optim::LossScaler;
use crate::run::{CheckpointError, Folder, NamedTensors, TensorFile, read_document, remove_others, write_document};
use crate::search::Rules;
use crate::search::siamese::Learner;
use crate::torch::{Params, TorchError};

const NAME: &str = "checkpoint.json";
const SCHEMA: &str = "bossnas-train/checkpoint/1";
/// The optimizer's tensors are called like the parameters, behind this.
const MOMENTUM: &str = "optimizer.momentum.";
/// Gradients of batches that wait for their update.
const GRADIENT: &str = "gradient.";

/// What `checkpoint.json` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Kind and version.
    pub schema: String,
    /// The file with the tensors, in the same folder.
    #[serde(flatten)]
    pub tensors: TensorFile,
    /// The search space, by name.
    pub space: String,
    /// Its base width.
    pub base: usize,
    /// Height and width of the images.
    pub image_size: usize,
    /// The rules that hold.
    pub rules: Rules,
    /// What comes next.
    #[serde(flatten)]
    pub position: Position,
    /// The best paths of the stages that are decided, as digits.
    pub best_paths: Vec<String>,
    /// Their scores.
    pub scores: Vec<f64>,
    /// The factor of the loss in float16, and the good steps since it last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<(f64, u32)>,
}

/// Parameters, the optimizer's buffers, and gradients that wait.
fn all_tensors(params: &Params, learner: Option<&Learner>) -> Result<NamedTensors, TchError> {
    let mut all: Vec<(String, Tensor)> =
        params.iter().map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone())).collect();
    if let Some(learner) = learner {
        let buffers = learner.optimizer().state().iter();
        all.extend(buffers.map(|(name, tensor)| (format!("{MOMENTUM}{name}"), tensor.shallow_clone())));
        let gradients = params.iter().map(|(name, tensor)| (name, tensor.grad()));
        let waiting = gradients.filter(|(_, gradient)| gradient.defined());
        all.extend(waiting.map(|(name, gradient)| (format!("{GRADIENT}{name}"), gradient)));
    }
    NamedTensors::of(all)
}

impl Checkpoint {
    /// Writes all of a run; the last checkpoint stays until this one was read back.
    pub(super) fn write(
        folder: &Folder,
        plan: &Plan,
        state: &State,
        params: &Params,
        learner: Option<&Learner>,
    ) -> Result<Self, CheckpointError> {
        let file = format!("checkpoint-{:08}.safetensors", state.position.step);
        // Of the same step, there may be one of before the stage was decided.
        let file = if folder.file(&file).exists() {
            format!("checkpoint-{:08}b.safetensors", state.position.step)
        } else {
            file
        };
        let tensors = TensorFile::write(folder, file, &all_tensors(params, learner)?, &BTreeMap::new())?;
        let checkpoint = Self {
            schema: SCHEMA.to_owned(),
            tensors,
            space: plan.config.space.clone(),
            base: plan.config.base,
            image_size: plan.config.views.size,
            rules: plan.config.rules,
            position: state.position,
            best_paths: state.decided.iter().map(|decided| name(&decided.path)).collect(),
            scores: state.decided.iter().map(|decided| decided.score).collect(),
            loss_scale: learner.and_then(|learner| learner.scaler).map(|scaler| (scaler.scale(), scaler.good_steps())),
        };
        write_document(&folder.file(NAME), &checkpoint)?;
        remove_others(folder, &[&checkpoint.tensors.file]);
        Ok(checkpoint)
    }

    /// What a folder's checkpoint says, if there is one.
    pub fn read(run: &Path) -> Result<Option<Self>, CheckpointError> {
        let Some(read) = read_document::<Self>(&run.join(NAME), SCHEMA)? else { return Ok(None) };
        let wrong = |why: String| CheckpointError::Document { path: run.join(NAME), why };
        read.tensors.check().map_err(wrong)?;
        if read.scores.len() != read.best_paths.len() || read.best_paths.len() != read.position.stage {
            return Err(wrong("its stages, best paths and scores are not as many".to_owned()));
        }
        Ok(Some(read))
    }

    /// Its tensors, if the file is the one that was written.
    pub fn tensors(&self, run: &Path) -> Result<StateDict, CheckpointError> {
        self.tensors.open(run)
    }

    /// The stages that are decided.
    pub fn decided(&self, run: &Path) -> Result<Vec<Decided>, CheckpointError> {
        let digits = |text: &String| text.chars().map(|c| c.to_digit(10).map(|digit| digit as u8)).collect();
        let path = |text: &String| -> Result<Vec<u8>, CheckpointError> {
            let path: Option<Vec<u8>> = digits(text);
            let wrong = || CheckpointError::Document {
                path: run.join(NAME),
                why: format!("`{}` is no path", text.escape_debug()),
            };
            path.ok_or_else(wrong)
        };
        self.best_paths
            .iter()
            .zip(&self.scores)
            .map(|(text, &score)| Ok(Decided { path: path(text)?, score }))
            .collect()
    }

    /// The scaler of losses.
    pub(super) fn scaler(&self) -> Option<LossScaler> {
        self.loss_scale.map(|(scale, good_steps)| LossScaler::restore(scale, good_steps))
    }
}

/// Puts the optimizer's buffers and waiting gradients back.
pub(super) fn restore(learner: &mut Learner, weights: &dyn Weights) -> Result<(), CheckpointError> {
    let mut buffers = indexmap::IndexMap::new();
    for (name, tensor) in learner.siamese().params().iter() {
        let read = |prefix: &str| -> Result<Option<Tensor>, CheckpointError> {
            let name = format!("{prefix}{name}");
            if weights.info(&name).is_none() {
                return Ok(None);
            }
            let values = weights.f32(&name).map_err(TorchError::from)?;
            let shape: Vec<usize> = tensor.size().iter().map(|&extent| extent as usize).collect();
            Ok(Some(crate::torch::from_f32(&values, &shape, tensor.device())?))
        };
        if let Some(values) = read(MOMENTUM)? {
            // In the memory format of the parameter.
            let buffer = tensor.f_detach()?.f_zeros_like()?;
            buffer.shallow_clone().f_copy_(&values)?;
            buffers.insert(name.to_owned(), buffer);
        }
        if let Some(gradient) = read(GRADIENT)? {
            bossnas_torch_shim::put_gradient(tensor, &gradient)?;
        }
    }
    learner.optimizer_mut().restore(buffers);
    Ok(())
}
