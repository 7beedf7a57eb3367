//! What is to be removed, and what stays though it looks as if nothing needed it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{GcOptions, Kept, Reason, Selection};
use crate::cache::inventory::Links;
use crate::cache::{Cache, Inventory, Leftover, LeftoverKind, Lock, PartialDownload, StoredFile};

/// How long a download that nobody goes on with is kept: whoever began it may want the bytes.
const KEEP_PARTIAL: Duration = Duration::from_hours(7 * 24);

/// A state dict without a record that is older was not made by a process that is about to record it.
const YOUNG: Duration = Duration::from_hours(1);

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) kept: Vec<Kept>,
}

/// One thing to remove.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) how: How,
    pub(super) reason: Reason,
}

/// How it is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// A file, or a folder that nobody uses as it is.
    Plain,
    /// A blob, if still no record refers to it.
    Orphan,
    /// A folder whose place says that it is whole.
    Folder,
    /// A download, once it is claimed.
    Claimed,
}

impl Plan {
    fn remove(&mut self, path: &Path, bytes: u64, how: How, reason: Reason) {
        if !self.steps.iter().any(|step| step.path == path) {
            self.steps.push(Step { path: path.to_owned(), bytes, how, reason });
        }
    }

    fn keep(&mut self, path: &Path, bytes: u64, why: String) {
        self.kept.push(Kept { path: path.to_owned(), bytes, why, failed: false });
    }
}

/// Everything that nothing needs.
pub(super) fn gc(inventory: &Inventory, options: &GcOptions<'_>) -> Plan {
    let mut plan = Plan::default();
    let busy = is_busy(inventory);
    for left in &inventory.leftovers {
        match left.kind {
            LeftoverKind::Strange => plan.keep(&left.path, left.bytes, "it is not of bossnas-zoo".to_owned()),
            LeftoverKind::DataFolder => plan.remove(&left.path, left.bytes, How::Folder, Reason::Orphan),
            LeftoverKind::Blob if busy && is_young_state_dict(left) => {
                plan.keep(&left.path, left.bytes, "a process may be about to record it".to_owned());
            }
            LeftoverKind::Blob => plan.remove(&left.path, left.bytes, How::Orphan, Reason::Orphan),
            LeftoverKind::Scratch if left.is_left_behind() => {
                plan.remove(&left.path, left.bytes, How::Plain, Reason::Scratch);
            }
            LeftoverKind::Scratch => plan.keep(&left.path, left.bytes, in_the_making(left)),
        }
    }
    for partial in &inventory.partials {
        if !partial.is_abandoned() {
            plan.keep(&partial.path, partial.bytes, working(partial));
        } else if options.all_partials || partial.age > KEEP_PARTIAL {
            plan.remove(&partial.path, partial.bytes, How::Claimed, Reason::Abandoned);
        } else {
            let why = "a download that can go on; removed after 7 days, or with --partial".to_owned();
            plan.keep(&partial.path, partial.bytes, why);
        }
    }
    for export in &inventory.exports {
        let is = |(name, key): &(String, String)| *name == export.name && *key == export.key;
        if !options.needed_exports.iter().any(is) {
            plan.remove(&export.path, export.bytes, How::Plain, Reason::Export);
        }
    }
    plan
}

/// Whether any process seems to be making something.
fn is_busy(inventory: &Inventory) -> bool {
    inventory.partials.iter().any(|partial| !partial.is_abandoned())
        || inventory.leftovers.iter().any(|left| left.kind == LeftoverKind::Scratch && !left.is_left_behind())
}

fn is_young_state_dict(left: &Leftover) -> bool {
    left.age < YOUNG && is_state_dict(&left.path)
}

/// Whether a blob may have been made of another one.
pub(super) fn is_state_dict(blob: &Path) -> bool {
    blob.extension().is_some_and(|extension| extension == "safetensors")
}

fn in_the_making(left: &Leftover) -> String {
    match &left.owner {
        Some(owner) => format!("process {} on {} is making it", owner.process(), owner.host()),
        None => "it changed in the last 10 minutes, and may be in the making".to_owned(),
    }
}

fn working(partial: &PartialDownload) -> String {
    partial
        .owner
        .as_ref()
        .map_or_else(String::new, |owner| format!("process {} on {} is downloading it", owner.process(), owner.host()))
}

/// All that was selected, except what others need.
pub(super) fn remove(cache: &Cache, lock: &Lock, selection: &Selection<'_>) -> Plan {
    let mut plan = Plan::default();
    let selected: HashSet<&str> =
        selection.entries.iter().flat_map(|entry| &entry.files).map(|file| file.record.url.as_str()).collect();
    let mut others = lock.clone();
    others.files.retain(|record| !selected.contains(record.url.as_str()));
    let needed = cache.recorded_blobs(&others);
    for entry in &selection.entries {
        for part in entry.files.iter().flat_map(StoredFile::parts) {
            match part.found {
                Some(bytes) if needed.contains(&part.path) => {
                    plan.keep(&part.path, bytes, "another record refers to it".to_owned());
                }
                Some(bytes) => plan.remove(&part.path, bytes, How::Plain, Reason::Asked),
                None => {}
            }
        }
        if let Some((folder, bytes)) = entry.folder.as_ref().and_then(|folder| Some((folder, folder.bytes?))) {
            plan.remove(&folder.path, bytes, How::Folder, Reason::Asked);
        }
    }
    for folder in &selection.folders {
        plan.remove(folder, Links::default().add_tree(folder), How::Folder, Reason::Asked);
    }
    for export in &selection.exports {
        plan.remove(&export.path, export.bytes, How::Plain, Reason::Asked);
    }
    for partial in &selection.partials {
        if partial.is_abandoned() {
            plan.remove(&partial.path, partial.bytes, How::Claimed, Reason::Asked);
        } else {
            let (path, bytes, why) = (partial.path.clone(), partial.bytes, working(partial));
            plan.kept.push(Kept { path, bytes, why, failed: true });
        }
    }
    plan
}
