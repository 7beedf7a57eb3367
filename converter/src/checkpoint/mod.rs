//! Checkpoints in and out.
//!
//! [`Checkpoint::open`] tells by a file's content what it is (PyTorch's zip archive, PyTorch's older row of pickles, or
//! safetensors), reads its directory and its description, and refuses what is malformed or names an import that is not
//! on the allow list. Opening reads no tensor: a training checkpoint of 600 MB opens in milliseconds.
//! [`Checkpoint::state_dict`] then resolves one state dict into a [`StateDict`], which is [`Weights`] and reads each
//! tensor by position when asked for it. [`write_safetensors`] and [`pth::write_pth`] go the other way.
//!
//! ```text
//! file -> container -> (pickle -> value tree) -> state dict -> bytes of one tensor
//! ```
//!
//! Everything here treats the file as hostile: sizes are compared with the file before memory is taken, containers must
//! be readable in one way only, checksums are compared for all that is used, and a view that repeats its storage is
//! bounded.
//!
//! [`Weights`]: bossnas_model::weights::Weights

mod container;
mod error;
mod fit;
mod legacy;
mod notes;
mod optimizer;
pub mod pth;
mod recognise;
mod safetensors;
mod scalars;
mod state_dict;
mod tensor;
mod torch;
mod write;
mod zip;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bossnas_files::SourceFile;
use bossnas_pickle::Id;

use self::container::Container;

pub use self::container::Kind;
pub use self::error::{CheckpointError, Problem};
pub use self::fit::{Mismatch, ShapeDifference, check};
pub use self::legacy::LegacyError;
pub use self::notes::Notes;
pub use self::optimizer::OptimizerState;
pub use self::recognise::{NoTrace, Recognised, Unrecognised, recognise};
pub use self::safetensors::SafetensorsError;
pub use self::state_dict::{Choice, StateDict, StateDictName};
pub use self::tensor::TensorError;
pub use self::write::{SafetensorsWriteError, write_safetensors, write_safetensors_to};
pub use self::zip::ZipError;

/// An open checkpoint.
#[derive(Debug)]
pub struct Checkpoint {
    file: Arc<SourceFile>,
    container: Arc<Container>,
    names: Vec<StateDictName>,
    /// Where the state dicts are in the pickle; empty for safetensors.
    places: Vec<Id>,
}

impl Checkpoint {
    /// Opens a checkpoint of any kind.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let path = path.as_ref();
        let file = SourceFile::open(path)
            .map_err(|error| CheckpointError { path: path.to_path_buf(), problem: Box::new(error.into()) })?;
        Self::from_source(file)
    }

    /// Like [`open`](Self::open), of a file that is already open or of bytes in memory.
    pub fn from_source(file: SourceFile) -> Result<Self, CheckpointError> {
        let failed = |problem| CheckpointError::new(&file, problem);
        let container = Container::open(&file).map_err(failed)?;
        let (names, places) = match container.tree() {
            Some(tree) => state_dict::find(tree).map_err(failed)?.into_iter().unzip(),
            None => (vec![StateDictName::Plain], Vec::new()),
        };
        Ok(Self { file: Arc::new(file), container: Arc::new(container), names, places })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Length of the file in bytes.
    pub fn file_len(&self) -> u64 {
        self.file.len()
    }

    /// What kind of file it is.
    pub fn kind(&self) -> Kind {
        self.container.kind()
    }

    /// The state dicts in it, the preferred first; never empty.
    pub fn state_dicts(&self) -> &[StateDictName] {
        &self.names
    }

    /// Resolves a state dict: every name, type and shape is known and every tensor's bytes are shown to exist, but none
    /// is read.
    pub fn state_dict(&self, choice: Choice) -> Result<StateDict, CheckpointError> {
        let failed = |problem| CheckpointError::new(&self.file, problem);
        let which = choice.among(&self.names).map_err(failed)?;
        self.named_state_dict(which)
    }

    /// Resolves one of [`state_dicts`](Self::state_dicts).
    pub fn named_state_dict(&self, which: StateDictName) -> Result<StateDict, CheckpointError> {
        let failed = |problem| CheckpointError::new(&self.file, problem);
        let there = self.names.iter().position(|&name| name == which);
        let Some(index) = there else {
            return Err(failed(Problem::NotThere { wanted: which.name(), there: self.names.clone() }));
        };
        if let Container::Safetensors(header) = &*self.container {
            return Ok(StateDict::of_safetensors(&self.file, &self.container, header));
        }
        let (Some(tree), Some(&id)) = (self.container.tree(), self.places.get(index)) else {
            return Err(failed(Problem::BarePickle));
        };
        StateDict::of_tree(&self.file, &self.container, tree, which, id).map_err(failed)
    }

    /// What the file tells beside its state dicts: epoch, arguments, schedule, optimizer; of a safetensors file, its
    /// metadata. Tensors in it are told by type and shape. Texts are as in the file, not escaped.
    pub fn scalars(&self) -> serde_json::Map<String, serde_json::Value> {
        match &*self.container {
            Container::Safetensors(header) => {
                header.metadata.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect()
            }
            container => container.tree().map(|tree| scalars::scalars(tree, &self.places)).unwrap_or_default(),
        }
    }

    /// The metadata of a safetensors file; `None` for other kinds.
    pub fn metadata(&self) -> Option<&BTreeMap<String, String>> {
        match &*self.container {
            Container::Safetensors(header) => Some(&header.metadata),
            _ => None,
        }
    }
}
