//! What nothing refers to: blobs without a record, scratch files, and what this program never put there.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bossnas_files::Digest;

use super::found::Found;
use super::partials::is_left_by;
use super::{Inventory, Links, found_in};
use crate::cache::{Cache, CacheError, Lock, Owner, PATIENCE};

/// What is left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftoverKind {
    /// A file of the store that no record refers to.
    Blob,
    /// An unpacked data set that no record refers to.
    DataFolder,
    /// A file or folder that was being made.
    Scratch,
    /// Not of this program; it is never removed.
    Strange,
}

impl LeftoverKind {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blob => "blob without a record",
            Self::DataFolder => "data without a record",
            Self::Scratch => "scratch file",
            Self::Strange => "not of bossnas-zoo",
        }
    }
}

/// Something that nothing refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: LeftoverKind,
    /// Its size; 0 for folders of others, which are not looked into.
    pub bytes: u64,
    /// How long ago it was changed.
    pub age: Duration,
    /// The process that made it, where its name says so.
    pub owner: Option<Owner>,
}

impl Leftover {
    /// Whether the process that was making this scratch file is gone. Where the name does not say who that is, it must not
    /// have changed for 10 minutes.
    pub fn is_left_behind(&self) -> bool {
        match &self.owner {
            Some(owner) => is_left_by(Some(owner), self.age),
            None => self.age >= PATIENCE,
        }
    }
}

/// The digest that a blob's name says.
pub(in crate::cache) fn digest_in(name: &str) -> Option<Digest> {
    let stem = name.split('.').next().unwrap_or_default();
    stem.parse::<Digest>().ok().filter(|digest| digest.to_string() == stem)
}

/// Names of scratch files: of files that are written whole or not at all, of folders and exports that are made beside their
/// place, and of clocks.
fn is_scratch(name: &str) -> bool {
    name.starts_with('.') && (name.ends_with(".partial") || name.starts_with(".clock") || owner_in(name).is_some())
}

/// The owner in `.NAME.new-OWNER`, `.NAME.new7-OWNER`, `.NAME.new-OWNER.onnx`.
fn owner_in(name: &str) -> Option<Owner> {
    let (_, rest) = name.rsplit_once(".new")?;
    let owner = rest.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix('-')?;
    let (before, start) = owner.rsplit_once('~')?;
    let digits = start.find(|c: char| !c.is_ascii_digit()).unwrap_or(start.len());
    format!("{before}~{}", &start[..digits]).parse().ok()
}

/// `found` as something left over: a scratch file when its name says so, else of that kind.
pub(super) fn of(found: &Found, kind: LeftoverKind, links: &mut Links, now: SystemTime) -> Leftover {
    let kind = if is_scratch(&found.name) { LeftoverKind::Scratch } else { kind };
    let bytes = match kind {
        LeftoverKind::Strange => links.add(&found.meta),
        _ => links.add_tree(&found.path),
    };
    let owner = owner_in(&found.name).filter(|_| kind == LeftoverKind::Scratch);
    Leftover { path: found.path.clone(), kind, bytes, age: found.age(now), owner }
}

/// In the cache's own folder. Names of scratch files there must begin like those of this program: the folder may be one that
/// holds other things too.
pub(super) fn in_root(
    cache: &Cache,
    inventory: &mut Inventory,
    links: &mut Links,
    now: SystemTime,
) -> Result<(), CacheError> {
    for found in found_in(&cache.root)? {
        let ours = [".registry.lock.", ".CACHEDIR.TAG.", ".doctor.", ".clock"];
        match found.name.as_str() {
            "registry.lock" | "CACHEDIR.TAG" | ".registry.lock" => {
                links.add_tree(&found.path);
            }
            "blobs" | "data" | "exports" | "native" | "partial" | "tuned" => {}
            name if is_scratch(name) && ours.iter().any(|prefix| name.starts_with(prefix)) => {
                inventory.leftovers.push(of(&found, LeftoverKind::Scratch, links, now));
            }
            _ => {
                let (path, age) = (found.path.clone(), found.age(now));
                let bytes = if found.meta.is_file() { found.meta.len() } else { 0 };
                inventory.leftovers.push(Leftover { path, kind: LeftoverKind::Strange, bytes, age, owner: None });
            }
        }
    }
    Ok(())
}

pub(super) fn in_blobs(
    cache: &Cache,
    lock: &Lock,
    inventory: &mut Inventory,
    links: &mut Links,
    now: SystemTime,
) -> Result<(), CacheError> {
    let recorded = cache.recorded_blobs(lock);
    for found in found_in(&cache.blobs_folder())? {
        let is_blob = digest_in(&found.name).is_some() && !found.meta.is_dir();
        if is_blob && (recorded.contains(&found.path) || inventory.lock_problem.is_some()) {
            links.add(&found.meta);
        } else {
            let kind = if is_blob { LeftoverKind::Blob } else { LeftoverKind::Strange };
            inventory.leftovers.push(of(&found, kind, links, now));
        }
    }
    Ok(())
}

impl Cache {
    /// All blobs that records refer to, there or not.
    pub(in crate::cache) fn recorded_blobs(&self, lock: &Lock) -> HashSet<PathBuf> {
        let dicts = lock.files.iter().flat_map(|record| &record.state_dicts);
        let dicts = dicts.map(|dict| self.blob(dict.sha256, "x.safetensors"));
        lock.files.iter().map(|record| self.blob(record.sha256, &record.name)).chain(dicts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_file_says_who_makes_it() {
        let owner = Owner::current();
        for name in [
            format!(".cifar-10-0123.new-{owner}"),
            format!(".0123-a.pth.new3-{owner}"),
            format!(".t0.new-x.0123.new-{owner}.onnx"),
            format!(".t0.0123.new-{owner}.rejected.onnx"),
            format!("..t0.0123.new-{owner}.onnx.aB3x.partial"),
        ] {
            assert!(is_scratch(&name), "{name}");
            assert_eq!(owner_in(&name).as_ref(), Some(owner), "{name}");
        }
        for name in [".model.safetensors.x1y2z3.partial", ".clockAb12"] {
            assert!(is_scratch(name) && owner_in(name).is_none(), "{name}");
        }
        for name in ["a.partial", ".DS_Store", ".x.new", ".x.new-y", "x.new-h~b~1~2"] {
            assert!(!is_scratch(name), "{name}");
        }
    }
}
