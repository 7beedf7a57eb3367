//! Why an ONNX file could not be written or read.

use std::path::PathBuf;

use bossnas_files::{ReadError, WriteError};
use bossnas_model::shape::ShapeError;
use bossnas_model::space::SpaceError;
use bossnas_model::weights::WeightsError;

/// Why an ONNX file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// An operator set outside of the supported range.
    #[error("opset {0} is not between 13 and 21")]
    Opset(i64),
    /// The network does not run at this size.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// There is no network of this width.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A weight could not be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// One file holds at most 2 GB.
    #[error("{path}: the model takes {bytes} bytes, an ONNX file holds at most 2147483647", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What it would take.
        bytes: u64,
    },
    /// Not an ONNX file, or a damaged one.
    #[error("{path}: not an ONNX file, or a damaged one ({problem})", path = path.display())]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        problem: String,
    },
    /// An ONNX file that this tool did not write.
    #[error("{path}: not written by bossnas-zoo ({problem})", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is missing or unknown.
        problem: String,
    },
    /// A file whose contents are not what its metadata say.
    #[error("{path}: {problem}", path = path.display())]
    Differs {
        /// The file.
        path: PathBuf,
        /// The first difference.
        problem: String,
    },
    /// Tensors that lie in other files, and not where they may.
    #[error("{path}: {problem}", path = path.display())]
    External {
        /// The file.
        path: PathBuf,
        /// The first problem.
        problem: String,
    },
    /// A value that the file does not have.
    #[error("{path}: there is no value `{value}` in it", path = path.display())]
    NoSuchValue {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        value: String,
    },
}
