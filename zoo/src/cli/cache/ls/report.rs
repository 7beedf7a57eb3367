//! The inventory for machines.

use std::path::PathBuf;

use bossnas_hub::cache::{Export, Inventory, Leftover, Owner, Part, PartialDownload, StoredEntry, StoredFile, Trust};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Document {
    cache: PathBuf,
    /// Of everything; a file with several names counts once.
    bytes: u64,
    lock_problem: Option<String>,
    entries: Vec<Entry>,
    other_folders: Vec<Folder>,
    exports: Vec<ExportRow>,
    partials: Vec<PartialRow>,
    leftovers: Vec<LeftoverRow>,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    kind: &'static str,
    state: &'static str,
    bytes: u64,
    age_seconds: Option<u64>,
    trust: Option<&'static str>,
    unconfirmed: bool,
    models: Vec<String>,
    files: Vec<FileRow>,
    folder: Option<Folder>,
}

#[derive(Serialize)]
struct FileRow {
    url: String,
    #[serde(flatten)]
    part: PartRow,
    trust: &'static str,
    source: String,
    etag: Option<String>,
    date: String,
    state_dicts: Vec<PartRow>,
}

#[derive(Serialize)]
struct PartRow {
    name: String,
    path: PathBuf,
    sha256: String,
    /// As recorded.
    bytes: u64,
    /// As it is; null when it is not there.
    found_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Folder {
    path: PathBuf,
    bytes: Option<u64>,
}

#[derive(Serialize)]
struct ExportRow {
    name: String,
    path: PathBuf,
    bytes: u64,
    sha256: String,
    age_seconds: u64,
}

#[derive(Serialize)]
struct PartialRow {
    name: String,
    entry: Option<String>,
    path: PathBuf,
    bytes: u64,
    expected_bytes: Option<u64>,
    age_seconds: u64,
    abandoned: bool,
    owner: Option<OwnerRow>,
}

#[derive(Serialize)]
struct OwnerRow {
    process: u32,
    host: String,
}

#[derive(Serialize)]
struct LeftoverRow {
    path: PathBuf,
    kind: &'static str,
    bytes: u64,
    age_seconds: u64,
}

impl Document {
    pub(super) fn new(inventory: &Inventory) -> Self {
        let folder =
            |folder: &bossnas_hub::cache::DataFolder| Folder { path: folder.path.clone(), bytes: folder.bytes };
        Self {
            cache: inventory.root.clone(),
            bytes: inventory.bytes,
            lock_problem: inventory.lock_problem.clone(),
            entries: inventory.entries.iter().map(entry).collect(),
            other_folders: inventory.other_folders.iter().map(folder).collect(),
            exports: inventory.exports.iter().map(export).collect(),
            partials: inventory.partials.iter().map(partial).collect(),
            leftovers: inventory.leftovers.iter().map(leftover).collect(),
        }
    }
}

fn entry(entry: &StoredEntry) -> Entry {
    Entry {
        name: entry.name.clone(),
        kind: entry.kind.name(),
        state: entry.state.name(),
        bytes: entry.bytes,
        age_seconds: entry.age().map(|age| age.as_secs()),
        trust: entry.trust().map(Trust::name),
        unconfirmed: entry.trust() == Some(Trust::Unconfirmed),
        models: entry.models.clone(),
        files: entry.files.iter().map(file).collect(),
        folder: entry.folder.as_ref().map(|folder| Folder { path: folder.path.clone(), bytes: folder.bytes }),
    }
}

fn file(file: &StoredFile) -> FileRow {
    FileRow {
        url: file.record.url.to_string(),
        part: part(&file.original),
        trust: file.record.trust.name(),
        source: file.record.source.clone(),
        etag: file.record.etag.clone(),
        date: file.record.date.clone(),
        state_dicts: file.state_dicts.iter().map(part).collect(),
    }
}

fn part(part: &Part) -> PartRow {
    let Part { name, path, sha256, bytes, found } = part;
    PartRow { name: name.clone(), path: path.clone(), sha256: sha256.to_string(), bytes: *bytes, found_bytes: *found }
}

fn export(export: &Export) -> ExportRow {
    ExportRow {
        name: export.name.clone(),
        path: export.path.clone(),
        bytes: export.bytes,
        sha256: export.sha256.to_string(),
        age_seconds: export.age.as_secs(),
    }
}

fn partial(partial: &PartialDownload) -> PartialRow {
    let owner = |owner: &Owner| OwnerRow { process: owner.process(), host: owner.host().to_owned() };
    PartialRow {
        name: partial.name.clone(),
        entry: partial.entry.clone(),
        path: partial.path.clone(),
        bytes: partial.bytes,
        expected_bytes: partial.expected,
        age_seconds: partial.age.as_secs(),
        abandoned: partial.is_abandoned(),
        owner: partial.owner.as_ref().map(owner),
    }
}

fn leftover(left: &Leftover) -> LeftoverRow {
    LeftoverRow { path: left.path.clone(), kind: left.kind.name(), bytes: left.bytes, age_seconds: left.age.as_secs() }
}
