//! Checkpoints of a retraining: the network, its average, and the rest in a safetensors file each, and in `checkpoint.json`
//! everything else. New ones are written beside the last, read back, named, and only then the last ones go.
//!
//! The first two are what other programs read: state dicts under the published names, with notes of what they are.

use std::collections::BTreeMap;
use std::path::Path;

use bossnas_converter::checkpoint::{Notes, StateDict};
use bossnas_converter::onnx::Source;
use bossnas_model::weights::Weights;
use serde::{Deserialize, Serialize};
use tch::{TchError, Tensor};

use super::learner::Learner;
use super::plan::Plan;
use super::state::{Best, Losses, Position, State, Which};
use crate::optim::LossScaler;
use crate::run::{CheckpointError, Folder, NamedTensors, TensorFile, read_document, remove_others, write_document};
use crate::torch::{Params, TorchError, from_f32};

const NAME: &str = "checkpoint.json";
const SCHEMA: &str = "bossnas-train/retrain-checkpoint/1";
/// The optimizer's tensors are called like the parameters, behind this and what they are.
const OPTIMIZER: &str = "optimizer.";
/// Gradients of batches that wait for their update.
const GRADIENT: &str = "gradient.";

/// What `checkpoint.json` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Kind and version.
    pub schema: String,
    /// The network.
    pub arch: String,
    /// Height and width of the images.
    pub image_size: usize,
    /// Its weights.
    pub model: TensorFile,
    /// The average of its weights, if one is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_ema: Option<TensorFile>,
    /// The optimizer's tensors, and gradients that wait.
    pub optimizer: TensorFile,
    /// What comes next.
    #[serde(flatten)]
    pub position: Position,
    /// Losses that are not told yet.
    pub losses: Losses,
    /// The best weights so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<Best>,
    /// The factor of the loss in float16, and the good steps since it last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<(f64, u32)>,
}

/// The files of tensors of a checkpoint, which nothing refers to yet.
pub(super) struct Files {
    model: TensorFile,
    model_ema: Option<TensorFile>,
    optimizer: TensorFile,
}

impl Files {
    /// Writes all tensors of a run.
    pub(super) fn write(
        folder: &Folder,
        plan: &Plan,
        labels: &[String],
        state: &State,
        learner: &Learner,
    ) -> Result<Self, CheckpointError> {
        // Of the same step, there may be one of before the evaluation.
        let stem = format!("checkpoint-{:08}", state.position.step);
        let taken = folder.file(&format!("{stem}.model.safetensors")).exists();
        let stem = if taken { format!("{stem}b") } else { stem };
        let write = |part: &str, tensors: &dyn Weights, notes: &BTreeMap<String, String>| {
            TensorFile::write(folder, format!("{stem}.{part}.safetensors"), tensors, notes)
        };
        let of_network =
            |which: Which, params: &Params| write(which.name(), &named(params)?, &notes(plan, labels, which).entries());
        let model_ema = learner.average().map(|(_, params)| of_network(Which::ModelEma, params)).transpose()?;
        Ok(Self {
            model: of_network(Which::Model, learner.params())?,
            model_ema,
            optimizer: write("optimizer", &rest(learner)?, &BTreeMap::new())?,
        })
    }

    /// The file of a state dict.
    pub(super) fn of(&self, which: Which) -> Option<&TensorFile> {
        match which {
            Which::Model => Some(&self.model),
            Which::ModelEma => self.model_ema.as_ref(),
        }
    }
}

/// What a file of a state dict says of itself.
fn notes(plan: &Plan, labels: &[String], which: Which) -> Notes {
    Notes {
        architecture: Some(plan.network.clone().into()),
        source: Some(Source::StateDict(which.name().to_owned())),
        preprocessing: Some(plan.config.images.evaluation()),
        labels: labels.to_vec(),
    }
}

/// The tensors of a network under their names.
pub(super) fn named(params: &Params) -> Result<NamedTensors, TchError> {
    NamedTensors::of(params.iter().map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone())))
}

/// The optimizer's tensors, and gradients that wait.
fn rest(learner: &Learner) -> Result<NamedTensors, TchError> {
    let optimizer = learner.optimizer().tensors().into_iter();
    let optimizer = optimizer.map(|(name, tensor)| (format!("{OPTIMIZER}{name}"), tensor));
    let gradients = learner.params().iter().map(|(name, tensor)| (format!("{GRADIENT}{name}"), tensor.grad()));
    NamedTensors::of(optimizer.chain(gradients.filter(|(_, gradient)| gradient.defined())))
}

impl Checkpoint {
    /// Names the files of a run; those of the last checkpoint go.
    pub(super) fn write(
        folder: &Folder,
        plan: &Plan,
        files: Files,
        state: &State,
        learner: &Learner,
    ) -> Result<Self, CheckpointError> {
        let checkpoint = Self {
            schema: SCHEMA.to_owned(),
            arch: plan.config.arch.clone(),
            image_size: plan.config.images.size,
            model: files.model,
            model_ema: files.model_ema,
            optimizer: files.optimizer,
            position: state.position,
            losses: state.losses,
            best: state.best,
            loss_scale: learner.scaler.map(|scaler| (scaler.scale(), scaler.good_steps())),
        };
        write_document(&folder.file(NAME), &checkpoint)?;
        let kept: Vec<&str> = checkpoint.files().map(|file| file.file.as_str()).collect();
        remove_others(folder, &kept);
        Ok(checkpoint)
    }

    /// What a folder's checkpoint says, if there is one.
    pub fn read(run: &Path) -> Result<Option<Self>, CheckpointError> {
        let Some(read) = read_document::<Self>(&run.join(NAME), SCHEMA)? else { return Ok(None) };
        for file in read.files() {
            file.check().map_err(|why| CheckpointError::Document { path: run.join(NAME), why })?;
        }
        Ok(Some(read))
    }

    fn files(&self) -> impl Iterator<Item = &TensorFile> {
        [Some(&self.model), self.model_ema.as_ref(), Some(&self.optimizer)].into_iter().flatten()
    }

    /// The tensors of a state dict, if the file is the one that was written; `None` where there is no average.
    pub fn weights(&self, run: &Path, which: Which) -> Result<Option<StateDict>, CheckpointError> {
        let file = match which {
            Which::Model => Some(&self.model),
            Which::ModelEma => self.model_ema.as_ref(),
        };
        file.map(|file| file.open(run)).transpose()
    }

    /// All that is not in tensors.
    pub(super) fn state(&self) -> State {
        State { position: self.position, best: self.best, losses: self.losses }
    }

    /// Puts the optimizer's tensors, waiting gradients and the factor of the loss back.
    pub(super) fn restore(&self, run: &Path, learner: &mut Learner) -> Result<(), CheckpointError> {
        let rest = self.optimizer.open(run)?;
        let read = |name: &str| -> Result<Option<Tensor>, CheckpointError> {
            let Some(info) = rest.info(name) else { return Ok(None) };
            let values = rest.f32(name).map_err(TorchError::from)?;
            Ok(Some(from_f32(&values, &info.shape, tch::Device::Cpu)?))
        };
        let (optimizer, params) = learner.optimizer_mut();
        optimizer.restore(params.iter(), |name| read(&format!("{OPTIMIZER}{name}")))?;
        for (name, tensor) in params.iter() {
            if let Some(gradient) = read(&format!("{GRADIENT}{name}"))? {
                bossnas_torch_shim::put_gradient(tensor, &gradient.f_to_device(tensor.device())?)?;
            }
        }
        if let Some((scale, good_steps)) = self.loss_scale.filter(|_| learner.scaler.is_some()) {
            learner.scaler = Some(LossScaler::restore(scale, good_steps));
        }
        learner.updates = self.position.updates;
        Ok(())
    }
}
