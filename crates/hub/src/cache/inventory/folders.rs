//! Unpacked data sets: `<data set>-<digest>/`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bossnas_files::Sha256;

use super::leftovers::{self, LeftoverKind};
use super::{DataFolder, Inventory, Links, found_in};
use crate::cache::{Cache, CacheError, Lock};
use crate::{DataSet, Registry};

/// Digits of the digest in the name of a folder.
const DIGITS: usize = 16;

pub(super) fn all(
    cache: &Cache,
    lock: &Lock,
    registry: Option<&Registry>,
    inventory: &mut Inventory,
    links: &mut Links,
    now: SystemTime,
) -> Result<(), CacheError> {
    for found in found_in(&cache.data_folder())? {
        let mut own = inventory.entries.iter_mut().filter_map(|entry| entry.folder.as_mut());
        if let Some(folder) = own.find(|folder| folder.path == found.path && found.meta.is_dir()) {
            folder.bytes = Some(links.add_tree(&found.path));
            continue;
        }
        let named = split(&found.name).filter(|_| found.meta.is_dir());
        let refers = named.is_some_and(|(slug, digest)| {
            let outdated = registry.is_some_and(|registry| slugs(cache, registry).iter().any(|own| own == slug));
            !outdated && is_recorded(lock, digest, &found.path)
        });
        let kind = if named.is_some() { LeftoverKind::DataFolder } else { LeftoverKind::Strange };
        if refers || (named.is_some() && inventory.lock_problem.is_some()) {
            let bytes = Some(links.add_tree(&found.path));
            inventory.other_folders.push(DataFolder { path: found.path, bytes });
        } else {
            inventory.leftovers.push(leftovers::of(&found, kind, links, now));
        }
    }
    Ok(())
}

fn split(name: &str) -> Option<(&str, &str)> {
    let (slug, digest) = name.rsplit_once('-')?;
    let plain = digest.len() == DIGITS && digest.chars().all(|c| c.is_ascii_hexdigit());
    (plain && !slug.is_empty() && !slug.starts_with('.')).then_some((slug, digest))
}

/// The first parts of the names of all folders that data sets of the registry in use can have.
fn slugs(cache: &Cache, registry: &Registry) -> Vec<String> {
    let folder = |set: &DataSet| cache.data_set_folder(set, &[]);
    let slug = |path: &PathBuf| Some(split(path.file_name()?.to_str()?)?.0.to_owned());
    registry.data_sets().iter().map(folder).filter_map(|path| slug(&path)).collect()
}

/// Whether a folder that the registry in use knows nothing of was made of recorded files: its name is that of one of them, or
/// all its files have name and size of one.
fn is_recorded(lock: &Lock, digest: &str, folder: &Path) -> bool {
    let of_one = lock.files.iter().any(|record| {
        let mut own = Sha256::new();
        own.update(format!("{}  {}\n", record.sha256, record.name).as_bytes());
        own.finish().to_string()[..DIGITS] == *digest
    });
    let files = found_in(folder).unwrap_or_default();
    let is_sums = |name: &str| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let mut named = files.iter().filter(|file| !is_sums(&file.name)).peekable();
    let recorded = |name: &str, bytes: u64| lock.files.iter().any(|record| record.name == name && record.bytes == bytes);
    of_one || (named.peek().is_some() && named.all(|file| recorded(&file.name, file.meta.len())))
}
