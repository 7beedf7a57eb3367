//! Why a file of a run could not be written or read.

use std::io;
use std::path::{Path, PathBuf};

use bossnas_files::{ReadError, WriteError};
use bossnas_report::plot::PlotError;

/// Why a file of a run could not be written or read. Each message is one sentence with the file in it.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file could not be written as a whole.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Something could not be added to a file.
    #[error("cannot write to `{}`: {source}", path.display())]
    Append {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file has more bytes than any run writes.
    #[error("`{}` has {len} bytes, at most {limit} are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        len: u64,
        /// How many there may be.
        limit: u64,
    },
    /// A line of the log is no event.
    #[error("`{}`, line {line}: {problem}", path.display())]
    Line {
        /// The log.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A file does not hold what its name says.
    #[error("`{}`: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A plot of the report cannot be drawn.
    #[error(transparent)]
    Plot(#[from] PlotError),
}

impl JournalError {
    /// What appending to `path` returned.
    pub(super) fn append(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Append { path: path.to_path_buf(), source }
    }

    /// What is wrong with the contents of `path`.
    pub(crate) fn malformed(path: &Path, problem: &impl ToString) -> Self {
        Self::Malformed { path: path.to_path_buf(), problem: problem.to_string() }
    }
}
