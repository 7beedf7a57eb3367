//! Why an archive is refused.

use std::io;
use std::path::{Path, PathBuf};

use bossnas_files::WriteError;

use super::path::PathProblem;

/// An archive that is not unpacked, and why.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {problem}{}", path.display(), shown(at.as_deref()))]
pub struct ArchiveError {
    /// The archive.
    path: PathBuf,
    /// The entry that was being read, where the problem does not name it.
    at: Option<String>,
    /// Why.
    #[source]
    problem: Box<Problem>,
}

impl ArchiveError {
    pub(super) fn new(path: &Path, at: Option<String>, problem: Problem) -> Self {
        Self { path: path.to_owned(), at: at.filter(|_| !problem.names_entry()), problem: Box::new(problem) }
    }

    /// Why.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

fn shown(at: Option<&str>) -> String {
    at.map(|at| format!(", at `{}` in it", at.escape_debug())).unwrap_or_default()
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
    /// A folder that has contents as files have them.
    #[error("the folder `{}` in it has {size} bytes", path.escape_debug())]
    FolderSize {
        /// Its path.
        path: String,
        /// Bytes that its header gives.
        size: u64,
    },
    /// Cut, though the gzip around it is whole.
    #[error("it has no end: two blocks of zeros are missing")]
    End,
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

    fn names_entry(&self) -> bool {
        match self {
            Self::Read(_) | Self::Entries(_) | Self::Bytes(_) | Self::Ratio(_) | Self::End | Self::Trailing => false,
            Self::Write(_)
            | Self::Type { .. }
            | Self::Path { .. }
            | Self::Twice { .. }
            | Self::Short { .. }
            | Self::FolderSize { .. } => true,
        }
    }

    pub(super) fn write(path: &Path, error: io::Error) -> Self {
        Self::Write(WriteError::from_io(path, error))
    }
}
