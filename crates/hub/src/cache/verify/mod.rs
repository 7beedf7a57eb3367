//! Whether the bytes in the cache are still the right ones: every file is read and compared with the digest in its name, in
//! the lock, or in the list of its folder.

mod checks;
mod hash;

use std::fmt;
use std::path::{Path, PathBuf};

use bossnas_files::Digest;

use super::{Cache, CacheError, Inventory};

/// Reads the list of digests in a folder: digests and relative paths, or what is wrong with it.
pub type ReadSums<'a> = &'a dyn Fn(&Path) -> Result<Vec<(Digest, String)>, String>;

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// Files that were read.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What is damaged or missing, in the order of paths.
    pub damages: Vec<Damage>,
}

/// A file that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// The entry that it belongs to.
    pub entry: Option<String>,
    /// What it is there for.
    pub part: PartKind,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What a file is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// It was fetched.
    Original,
    /// It was made of a checkpoint.
    StateDict,
    /// It is part of an unpacked data set.
    Data,
    /// A command exported it for itself.
    Export,
    /// Nothing refers to it.
    Leftover,
    /// It is the lock.
    Lock,
}

impl PartKind {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Original => "fetched file",
            Self::StateDict => "state dict",
            Self::Data => "unpacked data",
            Self::Export => "export",
            Self::Leftover => "left over",
            Self::Lock => "lock",
        }
    }
}

/// What can be wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It is not there.
    Missing,
    /// It has another size.
    Size {
        /// What was recorded.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// It has other bytes.
    Digest {
        /// The digest that it should have.
        expected: Digest,
        /// The one that it has.
        found: Digest,
    },
    /// It cannot be read.
    Unreadable(String),
    /// It is not in the list of its folder.
    Additional,
    /// It is no list of digests, or no lock.
    Malformed(String),
}

impl Problem {
    /// In one word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Size { .. } => "size",
            Self::Digest { .. } => "digest",
            Self::Unreadable(_) => "unreadable",
            Self::Additional => "additional",
            Self::Malformed(_) => "malformed",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is missing"),
            Self::Size { expected, found } => write!(f, "it has {found} bytes, expected {expected}"),
            Self::Digest { expected, found } => write!(f, "its SHA-256 is {found}, expected {expected}"),
            Self::Unreadable(reason) | Self::Malformed(reason) => f.write_str(reason),
            Self::Additional => f.write_str("it is not in the list of its folder"),
        }
    }
}

impl Cache {
    /// Reads everything in the cache, on all cores. `progress` is told how many bytes were read, of how many.
    pub fn verify(
        &self,
        inventory: &Inventory,
        read_sums: ReadSums<'_>,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Verified, CacheError> {
        let (checks, mut damages) = checks::all(self, inventory, read_sums)?;
        let (files, bytes) = (checks.len(), checks.iter().map(|check| check.len).sum());
        damages.extend(hash::all(&checks, bytes, progress));
        damages.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Verified { files, bytes, damages })
    }
}

#[cfg(test)]
mod tests;
