//! Unpacked data sets: `<data set>-<digest>/`.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::leftovers::{self, LeftoverKind};
use super::{DataFolder, Inventory, Links, found_in};
use crate::cache::{Cache, CacheError, Fetched, Lock};
use crate::{DataSet, Layout, Registry};

/// The list of digests in each of them.
pub(in crate::cache) const SUMS: &str = "SHA256SUMS";

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
        let named = slug(&found.name).filter(|_| found.meta.is_dir());
        let refers = named.is_some_and(|slug| {
            let outdated = registry.is_some_and(|registry| slugs(cache, registry).iter().any(|own| own == slug));
            !outdated && is_recorded(cache, lock, slug, &found.path)
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

/// `cifar-10` of `cifar-10-0123456789abcdef`.
fn slug(name: &str) -> Option<&str> {
    let (slug, digest) = name.rsplit_once('-')?;
    let plain = digest.len() == 16 && digest.chars().all(|c| c.is_ascii_hexdigit());
    (plain && !slug.is_empty() && !slug.starts_with('.')).then_some(slug)
}

/// The first parts of the names of all folders that data sets of the registry in use can have.
fn slugs(cache: &Cache, registry: &Registry) -> Vec<String> {
    let folders = registry.data_sets().iter().map(|set| cache.data_set_folder(set, &[]));
    folders.filter_map(|path| Some(slug(path.file_name()?.to_str()?)?.to_owned())).collect()
}

/// Whether a folder that the registry in use knows nothing of was made of recorded files: its name is that of one of them, or
/// all its files have name and size of one.
fn is_recorded(cache: &Cache, lock: &Lock, slug: &str, folder: &Path) -> bool {
    let set = DataSet {
        name: slug.to_owned(),
        aliases: Vec::new(),
        layout: Layout::RankFiles,
        source: String::new(),
        licence: String::new(),
        files: Vec::new(),
    };
    let of_one = lock.files.iter().any(|record| {
        let file = Fetched { path: PathBuf::new(), record: record.clone(), state_dicts: Vec::new() };
        cache.data_set_folder(&set, &[file]) == folder
    });
    let files = found_in(folder).unwrap_or_default();
    let mut named = files.iter().filter(|file| file.name != SUMS).peekable();
    let recorded =
        |name: &str, bytes: u64| lock.files.iter().any(|record| record.name == name && record.bytes == bytes);
    of_one || (named.peek().is_some() && named.all(|file| recorded(&file.name, file.meta.len())))
}
