//! Making room: what nothing needs ([`Cache::gc`]), and what a person does not want any more ([`Cache::remove`]). Records stay.
//!
//! Nothing is taken from a process that runs. A download is claimed before it is removed. A blob without a record is removed
//! while the lock is held, and the record of a fetched file is there before its blob. State dicts are there before their
//! record: young ones stay while anything is being made in the cache.

mod carry_out;
mod plan;

use std::fmt;
use std::path::PathBuf;

use super::{Cache, CacheError, Export, PartialDownload, StoredEntry};
use crate::Registry;

/// What to remove beside what nothing refers to.
#[derive(Debug, Clone, Copy)]
pub struct GcOptions<'a> {
    /// Names and keys of the exports that a command would take now.
    pub needed_exports: &'a [(String, String)],
    /// All abandoned downloads, not only those older than 7 days.
    pub all_partials: bool,
    /// Only say what would be removed.
    pub dry_run: bool,
}

/// What a person does not want any more.
#[derive(Debug, Clone, Default)]
pub struct Selection<'a> {
    /// Fetched files with all that was made of them.
    pub entries: Vec<&'a StoredEntry>,
    /// Exported files.
    pub exports: Vec<&'a Export>,
    /// Downloads.
    pub partials: Vec<&'a PartialDownload>,
    /// Further folders of data sets.
    pub folders: Vec<PathBuf>,
}

/// What was removed, or would be.
#[derive(Debug, Clone, Default)]
pub struct Swept {
    /// Each with its size.
    pub removed: Vec<Removal>,
    /// What was left where it is, and why.
    pub kept: Vec<Kept>,
    /// Bytes that this freed: less than the sum of sizes where a file has another name that stays.
    pub freed: u64,
}

/// Something that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The file or folder.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Why.
    pub reason: Reason,
}

/// Something that was not removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The file or folder.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Why.
    pub why: String,
    /// Whether it should have been removed and could not.
    pub failed: bool,
}

/// Why something is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No record refers to it.
    Orphan,
    /// The process that was making it is gone.
    Scratch,
    /// Nobody goes on with this download.
    Abandoned,
    /// No command would take this export any more.
    Export,
    /// It was asked for.
    Asked,
}

impl Reason {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orphan => "orphan",
            Self::Scratch => "scratch",
            Self::Abandoned => "abandoned",
            Self::Export => "export",
            Self::Asked => "asked",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Orphan => "no record refers to it",
            Self::Scratch => "the process that was making it is gone",
            Self::Abandoned => "a download that nobody goes on with",
            Self::Export => "an export of weights that are not there any more, or were exported anew",
            Self::Asked => "as asked",
        })
    }
}

impl Cache {
    /// Removes what nothing needs. Fails before anything is removed when the lock cannot be used.
    pub fn gc(&self, registry: &Registry, options: &GcOptions<'_>) -> Result<Swept, CacheError> {
        self.lock()?;
        if !self.root.is_dir() {
            return Ok(Swept::default());
        }
        let now = if options.dry_run { std::time::SystemTime::now() } else { carry_out::clock(&self.root) };
        let inventory = self.inventory_at(Some(registry), now)?;
        let plan = plan::gc(&inventory, options);
        Ok(carry_out::run(self, plan, options.dry_run))
    }

    /// Removes the files of what was selected; blobs that other records refer to stay, and so do all records.
    pub fn remove(&self, selection: &Selection<'_>, dry_run: bool) -> Result<Swept, CacheError> {
        let lock = self.lock()?;
        let plan = plan::remove(self, &lock, selection);
        Ok(carry_out::run(self, plan, dry_run))
    }
}

#[cfg(test)]
mod tests;
