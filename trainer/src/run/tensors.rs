//! Tensors in a file of a run's folder: written, read back, and trusted later by their digest.

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
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, TchError, Tensor};

use super::folder::Folder;
use crate::torch::TorchError;

/// More bytes than any document beside tensors.
const MAX_BYTES: u64 = 1 << 20;

/// Why tensors, or the document beside them, cannot be written or read.
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

/// Tensors of libtorch under the names that they are written by.
pub struct NamedTensors {
    /// Handles may not be shared between threads, so one at a time reads.
    handles: Mutex<HashMap<String, Tensor>>,
    infos: HashMap<String, TensorInfo>,
    names: Vec<String>,
}

impl NamedTensors {
    /// These tensors, in this order; what changes in them later changes here.
    pub fn of(tensors: impl IntoIterator<Item = (String, Tensor)>) -> Result<Self, TchError> {
        let all: Vec<(String, Tensor)> = tensors.into_iter().collect();
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

impl Weights for NamedTensors {
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

/// A file of tensors in a run's folder, and how it is known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorFile {
    /// Its name.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
}

impl TensorFile {
    /// Writes tensors, whole or not at all, and reads them back.
    pub fn write(
        folder: &Folder,
        file: String,
        tensors: &dyn Weights,
        notes: &BTreeMap<String, String>,
    ) -> Result<Self, CheckpointError> {
        let path = folder.file(&file);
        write_safetensors(&path, tensors, &tensors.names(), notes)?;
        let written = SourceFile::open(&path)?;
        let written = Self { file, bytes: written.len(), sha256: sha256_of(&written)?.to_string() };
        verify(tensors, &path)?;
        Ok(written)
    }

    /// The tensors, if the file is the one that was written.
    pub fn open(&self, run: &Path) -> Result<StateDict, CheckpointError> {
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

    /// What is wrong with its name, as a document tells it.
    pub fn check(&self) -> Result<(), String> {
        if Path::new(&self.file).file_name().is_none_or(|name| name != self.file.as_str()) {
            return Err(format!("`{}` is no file beside it", self.file.escape_debug()));
        }
        Ok(())
    }
}

/// Whether the file holds what was to be written, bit for bit.
fn verify(tensors: &dyn Weights, path: &Path) -> Result<(), CheckpointError> {
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

/// Writes a document, whole or not at all.
pub fn write_document<T: Serialize>(path: &Path, document: &T) -> Result<(), CheckpointError> {
    let mut text = serde_json::to_vec_pretty(document).unwrap_or_default();
    text.push(b'\n');
    Ok(write_file(path, &text)?)
}

/// Reads a document of a schema, if there is one.
pub fn read_document<T: DeserializeOwned>(path: &Path, schema: &str) -> Result<Option<T>, CheckpointError> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    if !path.exists() {
        return Ok(None);
    }
    let wrong = |why: String| CheckpointError::Document { path: path.to_owned(), why };
    let bytes = SourceFile::open(path)?.read_up_to(0, MAX_BYTES)?;
    let head: Head = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if head.schema != schema {
        return Err(wrong(format!("its schema is `{}`, expected `{schema}`", head.schema.escape_debug())));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| wrong(error.to_string()))
}

/// Removes the files of tensors of earlier checkpoints, and what an interrupted writing has left. What cannot be removed stays.
pub fn remove_others(folder: &Folder, kept: &[&str]) {
    let Ok(entries) = std::fs::read_dir(folder.path()) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_one = name.starts_with("checkpoint-") && name.ends_with(".safetensors");
        if is_one && !kept.contains(&name.as_ref()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
