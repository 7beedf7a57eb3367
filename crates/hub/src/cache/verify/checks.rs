//! What must be read, and what is wrong before anything is read.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use bossnas_files::Digest;

use super::{Damage, PartKind, Problem, ReadSums};
use crate::cache::inventory::{SUMS, digest_in, found_in};
use crate::cache::{Cache, CacheError, Inventory, LeftoverKind, Part, StoredEntry, StoredFile};

/// A file whose digest is known.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) path: PathBuf,
    pub(super) sha256: Digest,
    /// Its size when it was listed.
    pub(super) len: u64,
    entry: Option<String>,
    part: PartKind,
}

impl Check {
    pub(super) fn damage(&self, problem: Problem) -> Damage {
        Damage { path: self.path.clone(), entry: self.entry.clone(), part: self.part, problem }
    }
}

/// Everything that can be read, and the damages that need no reading.
pub(super) fn all(
    cache: &Cache,
    inventory: &Inventory,
    read_sums: ReadSums<'_>,
) -> Result<(Vec<Check>, Vec<Damage>), CacheError> {
    let mut listing = Listing { checks: Vec::new(), damages: Vec::new(), named: HashSet::new() };
    if let Some(problem) = &inventory.lock_problem {
        let (path, problem) = (cache.lock_path(), Problem::Malformed(problem.clone()));
        listing.damages.push(Damage { path, entry: None, part: PartKind::Lock, problem });
    }
    for entry in &inventory.entries {
        listing.entry(entry, read_sums);
    }
    for folder in inventory.other_folders.iter().filter(|folder| folder.bytes.is_some()) {
        listing.folder(&folder.path, None, PartKind::Data, read_sums);
    }
    for export in &inventory.exports {
        listing.add(&export.path, export.sha256, export.bytes, Some(export.name.clone()), PartKind::Export);
    }
    // Also those that nothing refers to, and all of them when the lock is damaged.
    for found in found_in(&cache.blobs_folder())? {
        if let Some(digest) = digest_in(&found.name).filter(|_| !found.meta.is_dir()) {
            listing.add(&found.path, digest, found.meta.len(), None, PartKind::Leftover);
        }
    }
    for left in inventory.leftovers.iter().filter(|left| left.kind == LeftoverKind::DataFolder) {
        listing.folder(&left.path, None, PartKind::Leftover, read_sums);
    }
    Ok((listing.checks, listing.damages))
}

struct Listing {
    checks: Vec<Check>,
    damages: Vec<Damage>,
    /// Entries may share files; each is read once.
    named: HashSet<PathBuf>,
}

impl Listing {
    fn add(&mut self, path: &Path, sha256: Digest, len: u64, entry: Option<String>, part: PartKind) {
        if self.named.insert(path.to_owned()) {
            self.checks.push(Check { path: path.to_owned(), sha256, len, entry, part });
        }
    }

    fn damage(&mut self, path: PathBuf, entry: Option<&str>, part: PartKind, problem: Problem) {
        self.damages.push(Damage { path, entry: entry.map(str::to_owned), part, problem });
    }

    /// An entry of which only the record is left lacks nothing.
    fn entry(&mut self, entry: &StoredEntry, read_sums: ReadSums<'_>) {
        for file in &entry.files {
            if file.parts().any(|part| part.found.is_some()) {
                self.part(&file.original, entry, PartKind::Original);
                file.state_dicts.iter().for_each(|part| self.part(part, entry, PartKind::StateDict));
            }
        }
        let Some(folder) = &entry.folder else { return };
        let is_there = |file: &StoredFile| file.original.found.is_some();
        if folder.bytes.is_some() {
            self.folder(&folder.path, Some(&entry.name), PartKind::Data, read_sums);
        } else if entry.files.iter().all(is_there) {
            self.damage(folder.path.clone(), Some(&entry.name), PartKind::Data, Problem::Missing);
        }
    }

    fn part(&mut self, part: &Part, entry: &StoredEntry, kind: PartKind) {
        let problem = match part.found {
            Some(found) if found == part.bytes => {
                return self.add(&part.path, part.sha256, found, Some(entry.name.clone()), kind);
            }
            Some(found) => Problem::Size { expected: part.bytes, found },
            None => Problem::Missing,
        };
        if self.named.insert(part.path.clone()) {
            self.damage(part.path.clone(), Some(&entry.name), kind, problem);
        }
    }

    /// All files of a folder with a list of digests. Paths of the list are only compared with those that are there.
    fn folder(&mut self, folder: &Path, entry: Option<&str>, part: PartKind, read_sums: ReadSums<'_>) {
        let sums = match read_sums(folder) {
            Ok(sums) => sums,
            Err(problem) => return self.damage(folder.join(SUMS), entry, part, Problem::Malformed(problem)),
        };
        let mut expected: BTreeMap<String, Digest> = sums.into_iter().map(|(digest, path)| (path, digest)).collect();
        let mut there = BTreeMap::new();
        if let Err(error) = walk(folder, "", &mut there) {
            return self.damage(folder.to_owned(), entry, part, Problem::Unreadable(error.to_string()));
        }
        there.remove(SUMS);
        for (path, len) in there {
            let full = folder.join(&path);
            match (expected.remove(&path), len) {
                (Some(digest), Some(len)) => self.add(&full, digest, len, entry.map(str::to_owned), part),
                (Some(_), None) => {
                    self.damage(full, entry, part, Problem::Unreadable("it is no file".to_owned()));
                }
                (None, _) => self.damage(full, entry, part, Problem::Additional),
            }
        }
        for path in expected.into_keys() {
            self.damage(folder.join(path), entry, part, Problem::Missing);
        }
    }
}

/// All that is no folder, by its path with `/`; the size of files alone. Links are not followed.
fn walk(folder: &Path, prefix: &str, there: &mut BTreeMap<String, Option<u64>>) -> Result<(), CacheError> {
    for found in found_in(folder)? {
        let path = format!("{prefix}{}", found.name);
        if found.meta.is_dir() {
            walk(&found.path, &format!("{path}/"), there)?;
        } else {
            there.insert(path, found.meta.is_file().then_some(found.meta.len()));
        }
    }
    Ok(())
}
