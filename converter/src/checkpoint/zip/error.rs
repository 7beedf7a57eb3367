//! How an archive can be wrong.

use bossnas_files::ReadError;

use super::MAX_DIRECTORY;

/// How a zip container can be wrong.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The last bytes of the file are not the end record of an archive.
    #[error("the archive does not end where the file ends: it was cut short, or something was appended")]
    NoEnd,
    /// A kind of archive that checkpoints never are.
    #[error("the archive {0}")]
    Unsupported(&'static str),
    /// The end records contradict each other or the file.
    #[error("the end records of the archive contradict {0}")]
    End(&'static str),
    /// The central directory is larger than any checkpoint needs.
    #[error("the directory of the archive has {0} bytes, more than {MAX_DIRECTORY}")]
    DirectoryTooLarge(u64),
    /// The central directory is malformed.
    #[error("entry {index} in the directory of the archive {what}")]
    Directory {
        /// Number of the entry.
        index: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Two entries have one name.
    #[error("two entries of the archive have the name `{0}`")]
    Twice(String),
    /// A name that would lead out of a folder.
    #[error("an entry of the archive has the unsafe name `{0}`")]
    UnsafeName(String),
    /// An entry contradicts the directory, or its neighbours.
    #[error("entry `{name}` of the archive {what}")]
    Entry {
        /// Its name in the directory.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// An entry unpacks to implausibly much.
    #[error("entry `{name}` of the archive claims to unpack from {packed} to {size} bytes")]
    Bomb {
        /// Its name.
        name: String,
        /// Bytes in the file.
        packed: u64,
        /// Bytes it claims to hold.
        size: u64,
    },
    /// The data of an entry is not what was written.
    #[error("entry `{0}` of the archive is damaged: its checksum is wrong")]
    Checksum(String),
    /// There is no entry of that name.
    #[error("the archive has no entry `{0}`")]
    Missing(String),
    /// An entry is larger than what it is read for allows.
    #[error("entry `{name}` of the archive has {size} bytes, more than {limit}")]
    TooLarge {
        /// Its name.
        name: String,
        /// Bytes it holds.
        size: u64,
        /// Bytes that are allowed.
        limit: u64,
    },
}
