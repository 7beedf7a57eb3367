//! Checkpoints: all tensors of a run in a safetensors file, and in `checkpoint.json` everything else. A new one is written
//! beside the last, read back, named, and only then the last one goes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bossnas_converter::checkpoint::{
    Checkpoint as Container, CheckpointError as ContainerError, Choice, SafetensorsWriteError, StateDict,
    write_safetensors,
};
use bossnas_files::{ReadError, SourceFile, WriteError, sha256_of, write_file};
use bossnas_model::weights::{DType, Problem, TensorInfo, Weights, WeightsError};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, TchError, Tensor};

use super::folder::Folder;
use super::plan::Plan;
use super::ratings::name;
use super::state::{Decided, Position, State};
use crate::optim::LossScaler;
use crate::search::Rules;
use crate::search::siamese::Learner;
use crate::torch::{Params, TorchError};

const NAME: &str = "checkpoint.json";
const SCHEMA: &str = "bossnas-train/checkpoint/1";
/// More bytes than any such document.
const MAX_BYTES: u64 = 1 << 20;
/// The optimizer's tensors are called like the parameters, behind this.
pub(super) const MOMENTUM: &str = "optimizer.momentum.";
/// Gradients of batches that wait for their update.
pub(super) const GRADIENT: &str = "gradient.";

/// What `checkpoint.json` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Kind and version.
    pub schema: String,
    /// The file with the tensors, in the same folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
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

/// Why a checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The tensors cannot be written.
    #[error(transparent)]
    Safetensors(#[from] SafetensorsWriteError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The tensors cannot be read.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// libtorch said no.
    #[error(transparent)]
    Torch(#[from] TorchError),
    /// The document is not one.
    #[error("`{path}` is no checkpoint: {why}", path = .path.display())]
    Document {
        /// The document.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The file is another than the one that was written.
    #[error("`{path}` is not what was written: {why}", path = .path.display())]
    Changed {
        /// The file with the tensors.
        path: PathBuf,
        /// In what it differs.
        why: &'static str,
    },
}

impl From<TchError> for CheckpointError {
    fn from(error: TchError) -> Self {
        Self::Torch(error.into())
    }
}

/// The tensors of a run under the names that they are written by.
struct Tensors {
    /// Handles may not be shared between threads, so one at a time reads.
    handles: Mutex<HashMap<String, Tensor>>,
    infos: HashMap<String, TensorInfo>,
    names: Vec<String>,
}

impl Tensors {
    /// Parameters, the optimizer's buffers, and gradients that wait.
    fn of(params: &Params, learner: Option<&Learner>) -> Result<Self, TchError> {
        let mut all: Vec<(String, Tensor)> =
            params.iter().map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone())).collect();
        if let Some(learner) = learner {
            let buffers = learner.optimizer().state().iter();
            all.extend(buffers.map(|(name, tensor)| (format!("{MOMENTUM}{name}"), tensor.shallow_clone())));
            let gradients = params.iter().map(|(name, tensor)| (name, tensor.grad()));
            let waiting = gradients.filter(|(_, gradient)| gradient.defined());
            all.extend(waiting.map(|(name, gradient)| (format!("{GRADIENT}{name}"), gradient)));
        }
        let info = |tensor: &Tensor| -> Result<TensorInfo, TchError> {
            let dtype = match tensor.f_kind()? {
                Kind::Float => DType::F32,
                Kind::Double => DType::F64,
                Kind::Int64 => DType::I64,
                other => return Err(TchError::Kind(format!("no checkpoint holds {other:?}"))),
            };
            Ok(TensorInfo { dtype, shape: tensor.size().iter().map(|&extent| extent as usize).collect() })
        };
        let infos =
            all.iter().map(|(name, tensor)| Ok((name.clone(), info(tensor)?))).collect::<Result<_, TchError>>()?;
        let names = all.iter().map(|(name, _)| name.clone()).collect();
        Ok(Self { handles: Mutex::new(all.into_iter().collect()), infos, names })
    }
}

impl Weights for Tensors {
    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.infos.get(name)
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError> {
        let missing = || WeightsError::new(name, Problem::Missing);
        let handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        let (tensor, info) = (handles.get(name).ok_or_else(missing)?, self.infos.get(name).ok_or_else(missing)?);
        let mut bytes = vec![0; info.byte_len().ok_or_else(missing)?];
        let mut copy = || -> Result<(), TchError> {
            let tensor = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?;
            tensor.f_copy_data_u8(&mut bytes, tensor.numel())
        };
        copy().map_err(|error| WeightsError::source(name, error))?;
        Ok(bytes.into())
    }
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
        let path = folder.file(&file);
        let tensors = Tensors::of(params, learner)?;
        write_safetensors(&path, &tensors, &tensors.names(), &BTreeMap::new())?;
        let written = SourceFile::open(&path)?;
        let checkpoint = Self {
            schema: SCHEMA.to_owned(),
            bytes: written.len(),
            sha256: sha256_of(&written)?.to_string(),
            file,
            space: plan.config.space.clone(),
            base: plan.config.base,
            image_size: plan.config.views.size,
            rules: plan.config.rules,
            position: state.position,
            best_paths: state.decided.iter().map(|decided| name(&decided.path)).collect(),
            scores: state.decided.iter().map(|decided| decided.score).collect(),
            loss_scale: learner.and_then(|learner| learner.scaler).map(|scaler| (scaler.scale(), scaler.good_steps())),
        };
        verify(&tensors, &path)?;
        let mut text = serde_json::to_vec_pretty(&checkpoint).unwrap_or_default();
        text.push(b'\n');
        write_file(folder.file(NAME), &text)?;
        remove_others(folder, &checkpoint.file);
        Ok(checkpoint)
    }

    /// What a folder's checkpoint says, if there is one.
    pub fn read(run: &Path) -> Result<Option<Self>, CheckpointError> {
        let path = run.join(NAME);
        if !path.exists() {
            return Ok(None);
        }
        let wrong = |why: String| CheckpointError::Document { path: path.clone(), why };
        let bytes = SourceFile::open(&path)?.read_up_to(0, MAX_BYTES)?;
        let read: Self = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if read.schema != SCHEMA {
            return Err(wrong(format!("its schema is `{}`, expected `{SCHEMA}`", read.schema.escape_debug())));
        }
        if Path::new(&read.file).file_name().is_none_or(|name| name != read.file.as_str()) {
            return Err(wrong(format!("`{}` is no file beside it", read.file.escape_debug())));
        }
        if read.scores.len() != read.best_paths.len() || read.best_paths.len() != read.position.stage {
            return Err(wrong("its stages, best paths and scores are not as many".to_owned()));
        }
        Ok(Some(read))
    }

    /// Its tensors, if the file is the one that was written.
    pub fn tensors(&self, run: &Path) -> Result<StateDict, CheckpointError> {
        let path = run.join(&self.file);
        let file = SourceFile::open(&path)?;
        let changed = |why| CheckpointError::Changed { path: path.clone(), why };
        if file.len() != self.bytes {
            return Err(changed("its length is another"));
        }
        if sha256_of(&file)?.to_string() != self.sha256 {
            return Err(changed("its SHA-256 is another"));
        }
        Ok(Container::open(&path)?.state_dict(Choice::default())?)
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

/// Whether the file holds what was to be written, bit for bit.
fn verify(tensors: &Tensors, path: &Path) -> Result<(), CheckpointError> {
    let changed = |why| CheckpointError::Changed { path: path.to_owned(), why };
    let read = Container::open(path)?.state_dict(Choice::default())?;
    for name in tensors.names() {
        let same = match (read.bytes(name), tensors.bytes(name)) {
            (Ok(read), Ok(written)) => read == written,
            _ => false,
        };
        if !same {
            return Err(changed("a tensor was read back otherwise"));
        }
    }
    Ok(())
}

/// Removes the checkpoints before this one, and what an interrupted writing has left. What cannot be removed stays.
fn remove_others(folder: &Folder, kept: &str) {
    let Ok(entries) = std::fs::read_dir(folder.path()) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name != kept && name.starts_with("checkpoint-") && name.ends_with(".safetensors") {
            let _ = std::fs::remove_file(entry.path());
        }
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
