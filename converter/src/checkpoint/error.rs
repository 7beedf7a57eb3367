//! Every way in which a checkpoint can be wrong.

use std::path::PathBuf;

use bossnas_files::{ReadError, SourceFile};

use bossnas_pickle::{Global, PickleError};

use super::StateDictName;
use super::legacy::LegacyError;
use super::safetensors::SafetensorsError;
use super::tensor::TensorError;
use super::zip::ZipError;

/// Why a checkpoint could not be read: one sentence with the file's name in it.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct CheckpointError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: Box<Problem>,
}

impl CheckpointError {
    pub(super) fn new(file: &SourceFile, problem: impl Into<Problem>) -> Self {
        Self { path: file.path().to_path_buf(), problem: Box::new(problem.into()) }
    }

    /// What the file tried to import, if that is why it was refused.
    pub fn forbidden(&self) -> Option<&[Global]> {
        match &*self.problem {
            Problem::Pickle(PickleError::Forbidden(forbidden))
            | Problem::Legacy(LegacyError::Pickle(PickleError::Forbidden(forbidden))) => Some(&forbidden.globals),
            _ => None,
        }
    }

    fn sentence(&self) -> String {
        match &*self.problem {
            // These have the path already.
            Problem::Read(error)
            | Problem::Zip(ZipError::Read(error))
            | Problem::Legacy(LegacyError::Read(error))
            | Problem::Safetensors(SafetensorsError::Read(error)) => error.to_string(),
            problem if self.forbidden().is_some() => {
                format!("`{}` is refused: {problem}; nothing of it was run", self.path.display())
            }
            problem => format!("`{}`: {problem}", self.path.display()),
        }
    }
}

/// The kinds of [`CheckpointError`].
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file is something else than a checkpoint, whatever its name says.
    #[error("not a checkpoint: {0}")]
    NotACheckpoint(&'static str),
    /// The zip container is wrong.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// The container of old PyTorch versions is wrong.
    #[error(transparent)]
    Legacy(#[from] LegacyError),
    /// The safetensors file is wrong.
    #[error(transparent)]
    Safetensors(#[from] SafetensorsError),
    /// A zip archive without the pickle that describes the tensors, or with several.
    #[error("the archive is no PyTorch checkpoint: it has {0} entries `*/data.pkl` where one is needed")]
    DataPkl(usize),
    /// Written on a machine with the other byte order.
    #[error("its numbers are stored in {0} byte order, which is not supported")]
    ByteOrder(String),
    /// The pickle is wrong.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// A pickle without the storages that PyTorch puts beside it.
    #[error("a pickle that PyTorch did not write: there are no tensors beside it")]
    BarePickle,
    /// There is no dictionary of tensors at any place where one is expected.
    #[error("no state dict in it: {0}")]
    NoStateDict(String),
    /// The state dict that was asked for is not there.
    #[error("no state dict `{wanted}` in it, only {}", list(there))]
    NotThere {
        /// What was asked for.
        wanted: &'static str,
        /// What there is.
        there: Vec<StateDictName>,
    },
    /// A key of the state dict is no text.
    #[error("state dict `{0}`: a key is not a text")]
    Key(StateDictName),
    /// A key of the state dict occurs twice.
    #[error("state dict `{dict}` has `{key}` twice")]
    Twice {
        /// The state dict.
        dict: StateDictName,
        /// The key.
        key: String,
    },
    /// The optimizer's state is wrong.
    #[error("the optimizer's state: {0}")]
    Optimizer(String),
    /// A tensor of the state dict is wrong.
    #[error("tensor `{name}`: {error}")]
    Tensor {
        /// Its name, escaped.
        name: String,
        /// What is wrong with it.
        #[source]
        error: TensorError,
    },
    /// Views of small storages that together would fill the disk.
    #[error("its tensors repeat small storages to {elements} elements, more than {limit}")]
    Expansion {
        /// Elements of all views that are larger than their storage.
        elements: u128,
        /// How many are allowed.
        limit: usize,
    },
}

fn list(names: &[StateDictName]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
