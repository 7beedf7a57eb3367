//! What NAMEs stand for in the cache.

use bossnas_hub::cache::{Cache, Inventory, Selection, State, StoredEntry};
use bossnas_hub::{Entry, Registry, RemoteFile};
use bossnas_report::Failure;

use crate::cli::{exported, model};

/// What `name` stands for: files of an entry of the registry, or of a record that the registry does not have.
pub(super) fn select<'i>(
    cache: &Cache,
    inventory: &'i Inventory,
    registry: &Registry,
    name: &str,
) -> anyhow::Result<Selection<'i>> {
    let mut selection = Selection::default();
    if let Some(entry) = registry.entry(name) {
        let (own, files, exports) = match entry {
            Entry::DataSet(set) => (&set.name, set.files.as_slice(), Vec::new()),
            Entry::Embedded(embedded) => (&embedded.name, [].as_slice(), Vec::new()),
            Entry::Checkpoint(checkpoint) => {
                let models = registry.models_of(&checkpoint.name).map(exported::export_name);
                let exports: Vec<String> = models.collect::<anyhow::Result<_>>()?;
                let files: &[RemoteFile] = std::slice::from_ref(&checkpoint.file);
                (&checkpoint.name, files, exports)
            }
        };
        let is_own = |entry: &&StoredEntry| {
            entry.name == *own && entry.files.iter().all(|file| files.iter().any(|known| known.url == file.record.url))
        };
        let folders: Vec<_> = files.iter().map(|file| cache.partial_of(&file.url, &file.name)).collect();
        selection.entries = inventory.entries.iter().filter(is_own).collect();
        selection.exports = inventory.exports.iter().filter(|export| exports.contains(&export.name)).collect();
        selection.partials = inventory.partials.iter().filter(|partial| folders.contains(&partial.path)).collect();
    } else {
        let name = name.trim();
        let is = |entry: &&StoredEntry| {
            entry.name.eq_ignore_ascii_case(name)
                || entry.files.iter().any(|file| file.record.name.eq_ignore_ascii_case(name))
        };
        selection.entries = inventory.entries.iter().filter(is).collect();
        selection.partials =
            inventory.partials.iter().filter(|partial| partial.name.eq_ignore_ascii_case(name)).collect();
        if selection.entries.is_empty() && selection.partials.is_empty() {
            return Err(model::unknown_entry(registry, name, "cache ls").into());
        }
    }
    let is_there = |entry: &&StoredEntry| entry.state != State::Recorded;
    if !selection.entries.iter().any(is_there) && selection.exports.is_empty() && selection.partials.is_empty() {
        let failure = Failure::failed(format!("nothing of `{name}` is in the cache"));
        return Err(failure.hint("`bossnas-zoo cache ls` shows what is").into());
    }
    Ok(selection)
}

/// All that was fetched.
pub(super) fn everything(inventory: &Inventory) -> Selection<'_> {
    Selection {
        entries: inventory.entries.iter().collect(),
        exports: inventory.exports.iter().collect(),
        partials: inventory.partials.iter().collect(),
        folders: inventory.other_folders.iter().map(|folder| folder.path.clone()).collect(),
    }
}
