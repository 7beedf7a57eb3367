//! What can be wrong with a run folder.

use std::path::{Path, PathBuf};

use bossnas_converter::checkpoint::{CheckpointError, Mismatch};
use bossnas_files::{Digest, ReadError};
use bossnas_model::space::{PathError, Space, SpaceError};

use crate::rank::RankError;

/// Why a run folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The search has written no checkpoint yet.
    #[error("`{}` holds no checkpoint yet", .0.display())]
    NoCheckpoint(PathBuf),
    /// The operating system refused, or it is no file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Ratings cannot be read.
    #[error(transparent)]
    Ratings(#[from] RankError),
    /// Weights cannot be read.
    #[error(transparent)]
    Weights(#[from] CheckpointError),
    /// A file is not what it should be.
    #[error("`{}`: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: Box<Problem>,
    },
}

impl RunError {
    pub(super) fn new(path: &Path, problem: impl Into<Problem>) -> Self {
        Self::Malformed { path: path.to_owned(), problem: Box::new(problem.into()) }
    }
}

/// What is wrong with a file of a run.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Larger than such files are.
    #[error("it has {len} bytes, {limit} are allowed")]
    TooLarge {
        /// Its size.
        len: u64,
        /// The largest that is read.
        limit: u64,
    },
    /// It breaks the rules of JSON, or lacks a field.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Another kind of document, or a newer version.
    #[error("its schema is `{}`, expected `{expected}`", found.escape_debug())]
    Schema {
        /// What it says.
        found: String,
        /// What it should say.
        expected: &'static str,
    },
    /// A search space that is not known.
    #[error("its space is `{}`, known are {}", .0.escape_debug(), Space::PUBLISHED.map(|space| space.name()).join(", "))]
    UnknownSpace(String),
    /// A width or a depth that the space cannot have.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The name of the file of weights leads elsewhere.
    #[error("its `file` is `{}`, expected checkpoint-NUMBER.safetensors, which lies beside it", .0.escape_debug())]
    FileName(String),
    /// A digest that is none.
    #[error("its `sha256` is `{}`, expected 64 hexadecimal digits", .0.escape_debug())]
    Sha256(String),
    /// A field outside its range.
    #[error("its `{field}` is {found}, expected {expected}")]
    Number {
        /// The field.
        field: &'static str,
        /// What it says.
        found: usize,
        /// The range.
        expected: String,
    },
    /// A rule that is not known.
    #[error("its rule `attention` is `{}`, expected `standard` or `transposed`", .0.escape_debug())]
    Attention(String),
    /// The file contradicts the checkpoint.
    #[error("its `{field}` is {found}, in checkpoint.json it is {expected}")]
    Contradiction {
        /// The field.
        field: &'static str,
        /// What it says.
        found: String,
        /// What the checkpoint says.
        expected: String,
    },
    /// A path that is no digits.
    #[error("`{}` is no path of stage {stage}: a path is digits such as 5433", text.chars().take(40).collect::<String>().escape_debug())]
    NoPath {
        /// The text.
        text: String,
        /// The stage, from 0.
        stage: usize,
    },
    /// A path that the stage cannot have.
    #[error("`{path}` is no path there: {error} (stages and layers counted from 1)")]
    Path {
        /// The path.
        path: String,
        /// Why.
        error: PathError,
    },
    /// The same path twice.
    #[error("the path `{0}` has two scores")]
    Twice(String),
    /// A path without a score.
    #[error("the path `{0}` has no score")]
    Missing(String),
    /// A score that no loss can be.
    #[error("the score of `{path}` is {score}, a loss is between -8 and 8")]
    Score {
        /// The path.
        path: String,
        /// Its score.
        score: f64,
    },
    /// The file of weights has another size.
    #[error("it has {found} bytes, checkpoint.json says {expected}")]
    Bytes {
        /// Its size.
        found: u64,
        /// What is noted.
        expected: u64,
    },
    /// The file of weights has another digest.
    #[error("its SHA-256 is {found}, checkpoint.json says {expected}")]
    Digest {
        /// Its digest.
        found: Digest,
        /// What is noted.
        expected: Digest,
    },
    /// The weights are not those of the supernet.
    #[error("{0}")]
    Misfit(#[from] Mismatch),
}
