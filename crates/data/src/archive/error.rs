//! Why an archive is refused.

use std::io;
use std::path::{Path, PathBuf};

use bossnas_files::WriteError;

use super::path::PathProblem;

/// An archive that is not unpacked, and why.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {problem}", path.display())]
pub struct ArchiveError {
    /// The archive.
    path: PathBuf,
    /// Why.
    #[source]
    problem: Box<Problem>,
}

impl ArchiveError {
    pub(super) fn new(path: &Path, problem: Problem) -> Self {
        Self { path: path.to_owned(), problem: Box::new(problem) }
    }

    /// Why.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

/// The reasons.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It cannot be read, or is no gzip or tar.
    #[error("it is no tar.gz archive, or a damaged one: {0}")]
    Read(io::Error),
    /// What is in it cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Something that is neither a file nor a folder.
    #[error("`{}` in it is {found}", path.escape_debug())]
    Type {
        /// Its path.
        path: String,
        /// What it is.
        found: &'static str,
    },
    /// A path that must not be written.
    #[error("the path `{}` in it {problem}", path.escape_debug())]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        problem: PathProblem,
    },
    /// A path for the second time.
    #[error("`{}` in it is there already, as `{}`", path.escape_debug(), first.escape_debug())]
    Twice {
        /// The second one.
        path: String,
        /// The first one.
        first: String,
    },
    /// More files and folders than allowed.
    #[error("it holds more than {0} files and folders")]
    Entries(usize),
    /// More bytes than allowed.
    #[error("it unpacks to more than {0} bytes")]
    Bytes(u64),
    /// A bomb.
    #[error("it unpacks to more than {0} times its size")]
    Ratio(u64),
    /// A file that ends too early.
    #[error("`{}` in it has {bytes} of its {size} bytes", path.escape_debug())]
    Short {
        /// Its path.
        path: String,
        /// Bytes that are there.
        bytes: u64,
        /// Bytes that its header gives.
        size: u64,
    },
    /// Something after the last file.
    #[error("there is something after its last file")]
    Trailing,
}

impl Problem {
    /// What a reader of the stream said: one of our own limits, or anything else.
    pub(super) fn read(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => Self::Read(error),
        }
    }

    pub(super) fn write(path: &Path, error: io::Error) -> Self {
        Self::Write(WriteError::from_io(path, error))
    }
}
