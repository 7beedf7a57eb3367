//! What is in the cache, as data: the files of each entry, exports, downloads that are not whole, and what nobody needs.
//!
//! Nothing is read but names, sizes and times, and nothing is changed, so that it is done in milliseconds.

mod entries;
mod exports;
mod folders;
mod found;
mod leftovers;
mod links;
mod partials;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bossnas_files::Digest;

use super::{Cache, CacheError, Lock, Record, Trust};
use crate::Registry;

pub use self::exports::Export;
pub use self::leftovers::{Leftover, LeftoverKind};
pub use self::partials::PartialDownload;

pub(super) use self::folders::SUMS;
pub(super) use self::found::found_in;
pub(super) use self::leftovers::digest_in;
pub(super) use self::links::Links;

/// Everything in the cache.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// Its folder.
    pub root: PathBuf,
    /// Why the lock cannot be used. Then nothing is known of what belongs to what, and no blob or folder counts as left over.
    pub lock_problem: Option<String>,
    /// What was fetched: in the order of the registry, then what is not in it.
    pub entries: Vec<StoredEntry>,
    /// Unpacked data sets that only another registry has.
    pub other_folders: Vec<DataFolder>,
    /// Files that a command exported for itself.
    pub exports: Vec<Export>,
    /// Downloads that are not whole.
    pub partials: Vec<PartialDownload>,
    /// What nothing refers to.
    pub leftovers: Vec<Leftover>,
    /// Bytes of all of it; a file with several names counts once.
    pub bytes: u64,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Weights.
    Checkpoint,
    /// A data set.
    DataSet,
    /// A registry.
    Registry,
    /// A file that the registry in use does not have.
    Other,
}

impl Kind {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::DataSet => "data set",
            Self::Registry => "registry",
            Self::Other => "other",
        }
    }
}

/// Whether an entry can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// All of it is there.
    Present,
    /// A part of it is missing.
    Incomplete,
    /// A file has not its recorded size.
    Damaged,
    /// The registry names other bytes than those that came.
    Outdated,
    /// Only the record is left.
    Recorded,
}

impl State {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Incomplete => "incomplete",
            Self::Damaged => "damaged",
            Self::Outdated => "outdated",
            Self::Recorded => "recorded only",
        }
    }
}

/// Something that was fetched under one name.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    /// Its name in the registry; for what is not in it, the address of a registry or the name of the file.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The models whose weights it holds.
    pub models: Vec<String>,
    /// Its files, as far as they were ever fetched.
    pub files: Vec<StoredFile>,
    /// Where a data set is unpacked or would be; only known when all its files are recorded.
    pub folder: Option<DataFolder>,
    /// Whether it can be used.
    pub state: State,
    /// Bytes that are there: of files, state dicts and the folder; a file with several names counts once.
    pub bytes: u64,
}

/// A fetched file and what was made of it.
#[derive(Debug, Clone)]
pub struct StoredFile {
    /// What was written down when it came. Its trust is what the registry in use makes of it.
    pub record: Record,
    /// The file as it came.
    pub original: Part,
    /// Its state dicts, the preferred first.
    pub state_dicts: Vec<Part>,
    /// How long ago it came.
    pub age: Option<Duration>,
}

/// One file in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The name of the file, or of the state dict.
    pub name: String,
    /// Where it is or would be.
    pub path: PathBuf,
    /// Its recorded digest.
    pub sha256: Digest,
    /// Its recorded size.
    pub bytes: u64,
    /// Its real size; `None` when it is not there.
    pub found: Option<u64>,
}

/// An unpacked data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder {
    /// Where it is or would be.
    pub path: PathBuf,
    /// Bytes of the files in it; `None` when it is not there.
    pub bytes: Option<u64>,
}

impl StoredFile {
    /// The file and its state dicts.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        std::iter::once(&self.original).chain(&self.state_dicts)
    }
}

impl StoredEntry {
    /// How long ago the last of its files came.
    pub fn age(&self) -> Option<Duration> {
        self.files.iter().filter_map(|file| file.age).min()
    }

    /// Why its bytes are believed: as little as those of the file that is believed least.
    pub fn trust(&self) -> Option<Trust> {
        let doubt = |trust: &Trust| match trust {
            Trust::Registry => 0,
            Trust::Pinned => 1,
            Trust::FirstUse => 2,
            Trust::Unconfirmed => 3,
        };
        self.files.iter().map(|file| file.record.trust).max_by_key(doubt)
    }
}

impl Cache {
    /// Looks at everything in the cache. Without a registry nothing has a name but that of its file.
    pub fn inventory(&self, registry: Option<&Registry>) -> Result<Inventory, CacheError> {
        self.inventory_at(registry, SystemTime::now())
    }

    pub(super) fn inventory_at(&self, registry: Option<&Registry>, now: SystemTime) -> Result<Inventory, CacheError> {
        let (lock, lock_problem) = match self.lock() {
            Ok(lock) => (lock, None),
            Err(error) => (Lock::default(), Some(error.to_string())),
        };
        let mut inventory = Inventory {
            root: self.root.clone(),
            lock_problem,
            entries: entries::all(self, &lock, registry, now),
            other_folders: Vec::new(),
            exports: Vec::new(),
            partials: Vec::new(),
            leftovers: Vec::new(),
            bytes: 0,
        };
        let mut links = Links::default();
        leftovers::in_root(self, &mut inventory, &mut links, now)?;
        leftovers::in_blobs(self, &lock, &mut inventory, &mut links, now)?;
        folders::all(self, &lock, registry, &mut inventory, &mut links, now)?;
        exports::all(self, &mut inventory, &mut links, now)?;
        partials::all(self, registry, &mut inventory, &mut links, now)?;
        // What an entry takes, and whether a data set can be used, depends on its folder, which was looked for after its files.
        inventory.entries.iter_mut().for_each(entries::complete);
        inventory.bytes = links.once();
        Ok(inventory)
    }
}

#[cfg(test)]
mod tests;
