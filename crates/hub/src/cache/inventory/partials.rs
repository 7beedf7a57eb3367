//! Downloads that are not whole: `<digest>-<name>/`, each a [`Baton`].

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::found::age;
use super::leftovers::{self, LeftoverKind};
use super::{Inventory, Links, found_in};
use crate::cache::{Baton, Cache, CacheError, Owner, PATIENCE, Presence};
use crate::{Registry, RemoteFile};

/// A download that is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialDownload {
    /// Name of the file that it will be.
    pub name: String,
    /// The checkpoint or data set that it is of, where the registry in use has it.
    pub entry: Option<String>,
    /// Its folder.
    pub path: PathBuf,
    /// Bytes that came.
    pub bytes: u64,
    /// Bytes of the whole file, where the registry tells.
    pub expected: Option<u64>,
    /// How long ago the last byte came.
    pub age: Duration,
    /// The process that works on it, or that did when it ended.
    pub owner: Option<Owner>,
}

impl PartialDownload {
    /// Whether no process works on it. One of another machine that has not grown for 10 minutes counts as abandoned.
    pub fn is_abandoned(&self) -> bool {
        is_left_by(self.owner.as_ref(), self.age)
    }
}

/// Whether something that changed so long ago was left behind by `owner`.
pub(in crate::cache) fn is_left_by(owner: Option<&Owner>, age: Duration) -> bool {
    match owner.map(Owner::presence) {
        None | Some(Presence::Gone) => true,
        Some(Presence::Alive) => false,
        Some(Presence::Elsewhere) => age >= PATIENCE,
    }
}

pub(super) fn all(
    cache: &Cache,
    registry: Option<&Registry>,
    inventory: &mut Inventory,
    links: &mut Links,
    now: SystemTime,
) -> Result<(), CacheError> {
    let known = registry.map(|registry| files(cache, registry)).unwrap_or_default();
    for found in found_in(&cache.partial_folder())? {
        let name = name(&found.name).filter(|_| found.meta.is_dir());
        let Some(name) = name else {
            inventory.leftovers.push(leftovers::of(&found, LeftoverKind::Strange, links, now));
            continue;
        };
        links.add_tree(&found.path);
        let token = Baton::look(&found.path).map_err(CacheError::io(&found.path))?;
        let meta = token.as_ref().and_then(|(file, _)| file.metadata().ok());
        let entry = known.iter().find(|(path, ..)| *path == found.path);
        inventory.partials.push(PartialDownload {
            name: name.to_owned(),
            entry: entry.map(|(_, entry, _)| (*entry).to_owned()),
            bytes: meta.as_ref().map_or(0, std::fs::Metadata::len),
            expected: entry.and_then(|(.., file)| file.bytes),
            age: age(meta.as_ref().unwrap_or(&found.meta), now),
            owner: token.and_then(|(_, owner)| owner),
            path: found.path,
        });
    }
    Ok(())
}

/// All files of the registry, by the folders of their downloads.
fn files<'r>(cache: &Cache, registry: &'r Registry) -> Vec<(PathBuf, &'r str, &'r RemoteFile)> {
    let checkpoints = registry.checkpoints().iter().map(|checkpoint| (checkpoint.name.as_str(), &checkpoint.file));
    let sets = registry.data_sets().iter().flat_map(|set| set.files.iter().map(|file| (set.name.as_str(), file)));
    checkpoints.chain(sets).map(|(entry, file)| (cache.partial_of(&file.url, &file.name), entry, file)).collect()
}

/// `a.pth` of `0123456789abcdef-a.pth`.
fn name(folder: &str) -> Option<&str> {
    let (digest, name) = folder.split_once('-')?;
    let plain = digest.len() == 16 && digest.chars().all(|c| c.is_ascii_hexdigit());
    (plain && !name.is_empty() && Path::new(name).components().count() == 1).then_some(name)
}
