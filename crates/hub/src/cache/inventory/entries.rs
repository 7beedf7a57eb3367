//! Records, grouped by what they are of.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{DataFolder, Kind, Links, Part, State, StoredEntry, StoredFile};
use crate::cache::{Cache, Fetched, Lock, Record, Trust};
use crate::{Checkpoint, DataSet, Registry, RemoteFile};

/// The name under which a registry is fetched.
const REGISTRY: &str = "registry.toml";

pub(super) fn all(cache: &Cache, lock: &Lock, registry: Option<&Registry>, now: SystemTime) -> Vec<StoredEntry> {
    let store = Store { cache, lock, now };
    let mut entries = Vec::new();
    if let Some(registry) = registry {
        entries.extend(registry.checkpoints().iter().filter_map(|checkpoint| store.checkpoint(registry, checkpoint)));
        entries.extend(registry.data_sets().iter().filter_map(|set| store.data_set(set)));
    }
    let known =
        |record: &&Record| entries.iter().flat_map(|entry| &entry.files).any(|file| file.record.url == record.url);
    let others: Vec<&Record> = lock.files.iter().filter(|record| !known(record)).collect();
    entries.extend(others.into_iter().map(|record| store.other(record)));
    entries
}

struct Store<'a> {
    cache: &'a Cache,
    lock: &'a Lock,
    now: SystemTime,
}

impl Store<'_> {
    fn checkpoint(&self, registry: &Registry, checkpoint: &Checkpoint) -> Option<StoredEntry> {
        let file = self.known(&checkpoint.file)?;
        let models = registry.models_of(&checkpoint.name).map(|model| model.name.clone()).collect();
        let state = match state(&[(&file, Some(&checkpoint.file))]) {
            // It could not be converted.
            State::Present if file.state_dicts.is_empty() => State::Incomplete,
            state => state,
        };
        let name = checkpoint.name.clone();
        Some(StoredEntry { name, kind: Kind::Checkpoint, models, files: vec![file], folder: None, state, bytes: 0 })
    }

    fn data_set(&self, set: &DataSet) -> Option<StoredEntry> {
        let files: Vec<(StoredFile, &RemoteFile)> =
            set.files.iter().filter_map(|file| Some((self.known(file)?, file))).collect();
        if files.is_empty() {
            return None;
        }
        let mut state = state(&files.iter().map(|(file, known)| (file, Some(*known))).collect::<Vec<_>>());
        let is_whole = files.len() == set.files.len();
        if !is_whole && state == State::Present {
            state = State::Incomplete;
        }
        let files: Vec<StoredFile> = files.into_iter().map(|(file, _)| file).collect();
        let folder = is_whole.then(|| DataFolder { path: self.folder_of(set, &files), bytes: None });
        Some(StoredEntry {
            name: set.name.clone(),
            kind: Kind::DataSet,
            models: Vec::new(),
            files,
            folder,
            state,
            bytes: 0,
        })
    }

    fn folder_of(&self, set: &DataSet, files: &[StoredFile]) -> PathBuf {
        let fetched = |file: &StoredFile| Fetched {
            path: file.original.path.clone(),
            record: file.record.clone(),
            state_dicts: Vec::new(),
        };
        self.cache.data_set_folder(set, &files.iter().map(fetched).collect::<Vec<_>>())
    }

    fn other(&self, record: &Record) -> StoredEntry {
        let file = self.file(record);
        let (kind, name) = match record {
            record if record.name == REGISTRY => (Kind::Registry, record.url.to_string()),
            record if record.state_dicts.is_empty() => (Kind::Other, record.name.clone()),
            record => (Kind::Checkpoint, record.name.clone()),
        };
        let state = state(&[(&file, None)]);
        StoredEntry { name, kind, models: Vec::new(), files: vec![file], folder: None, state, bytes: 0 }
    }

    /// What is recorded of a file of the registry.
    fn known(&self, file: &RemoteFile) -> Option<StoredFile> {
        let mut stored = self.file(self.lock.file(&file.url)?);
        if file.sha256 == Some(stored.record.sha256) {
            stored.record.trust = Trust::Registry;
        }
        Some(stored)
    }

    fn file(&self, record: &Record) -> StoredFile {
        let cache = self.cache;
        let part = |name: &str, path: &Path, sha256, bytes| Part {
            name: name.to_owned(),
            path: path.to_owned(),
            sha256,
            bytes,
            found: path.metadata().ok().map(|meta| meta.len()),
        };
        let original = part(&record.name, &cache.blob(record.sha256, &record.name), record.sha256, record.bytes);
        let dicts = record.state_dicts.iter();
        let dicts =
            dicts.map(|dict| part(&dict.name, &cache.blob(dict.sha256, "x.safetensors"), dict.sha256, dict.bytes));
        let came = humantime::parse_rfc3339(&record.date).ok();
        StoredFile {
            original,
            state_dicts: dicts.collect(),
            age: came.map(|came| self.now.duration_since(came).unwrap_or_default()),
            record: record.clone(),
        }
    }
}

/// Whether files can be used, each with what the registry says of it.
fn state(files: &[(&StoredFile, Option<&RemoteFile>)]) -> State {
    let parts = || files.iter().flat_map(|(file, _)| file.parts());
    let differs = |(file, known): &(&StoredFile, Option<&RemoteFile>)| {
        known.and_then(|known| known.sha256).is_some_and(|digest| digest != file.record.sha256)
    };
    if parts().all(|part| part.found.is_none()) {
        State::Recorded
    } else if parts().any(|part| part.found.is_some_and(|found| found != part.bytes)) {
        State::Damaged
    } else if files.iter().any(differs) {
        State::Outdated
    } else if parts().any(|part| part.found.is_none()) {
        State::Incomplete
    } else {
        State::Present
    }
}

/// A data set whose folder is missing is not whole, and one of which the folder is left is not gone. Sizes are added up.
pub(super) fn complete(entry: &mut StoredEntry) {
    let unpacked = entry.folder.as_ref().is_some_and(|folder| folder.bytes.is_some());
    match entry.state {
        State::Present if entry.kind == Kind::DataSet && !unpacked => entry.state = State::Incomplete,
        State::Recorded if unpacked => entry.state = State::Incomplete,
        _ => {}
    }
    let mut links = Links::default();
    let paths = entry.files.iter().flat_map(StoredFile::parts).map(|part| &part.path);
    for path in paths.chain(entry.folder.as_ref().map(|folder| &folder.path)) {
        links.add_tree(path);
    }
    entry.bytes = links.once();
}
