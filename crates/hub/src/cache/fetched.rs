//! What is in the cache for an entry of the registry.

use std::path::PathBuf;

use bossnas_files::{Digest, Sha256};

use super::{Cache, Lock, Record, Trust};
use crate::{Checkpoint, DataSet, RemoteFile, StateDict};

/// A file of the registry that is in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// What is known of it.
    pub record: Record,
    /// Its state dicts as safetensors, the preferred first; none for files that are no checkpoints.
    pub state_dicts: Vec<StateDictFile>,
}

/// One state dict of a checkpoint, as a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDictFile {
    /// `model_ema`, `model` and so on.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its digest.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

impl Fetched {
    /// Why its bytes are believed to be the right ones.
    pub fn trust(&self) -> Trust {
        self.record.trust
    }

    /// The state dict that the registry or the user prefers.
    pub fn state_dict(&self, which: StateDict) -> Option<&StateDictFile> {
        match which {
            StateDict::Auto => self.state_dicts.first(),
            named => self.state_dicts.iter().find(|file| file.name == named.name()),
        }
    }
}

impl Cache {
    /// A file of the registry as it is in the cache: recorded, there with its recorded size, and not other than what the
    /// registry says.
    pub fn fetched(&self, lock: &Lock, file: &RemoteFile) -> Option<Fetched> {
        let record = lock.file(&file.url)?;
        if file.sha256.is_some_and(|expected| expected != record.sha256) {
            return None;
        }
        let path = self.blob(record.sha256, &record.name);
        if path.metadata().ok()?.len() != record.bytes {
            return None;
        }
        let mut record = record.clone();
        if file.sha256.is_some() {
            record.trust = Trust::Registry;
        }
        let derived = record.state_dicts.iter().map(|derived| StateDictFile {
            name: derived.name.clone(),
            path: self.blob(derived.sha256, "x.safetensors"),
            sha256: derived.sha256,
            bytes: derived.bytes,
        });
        let there = |file: &StateDictFile| file.path.metadata().is_ok_and(|meta| meta.len() == file.bytes);
        let state_dicts = derived.filter(there).collect();
        Some(Fetched { path, record, state_dicts })
    }

    /// A checkpoint of the registry with all that was made of it.
    pub fn fetched_checkpoint(&self, lock: &Lock, checkpoint: &Checkpoint) -> Option<Fetched> {
        self.fetched(lock, &checkpoint.file).filter(|fetched| {
            !fetched.state_dicts.is_empty() && fetched.state_dicts.len() == fetched.record.state_dicts.len()
        })
    }
}

/// A data set of the registry that is in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedDataSet {
    /// Its files as they came.
    pub files: Vec<Fetched>,
    /// Where it is unpacked.
    pub folder: PathBuf,
}

impl Cache {
    /// A data set with all its files and its folder.
    pub fn fetched_data_set(&self, lock: &Lock, set: &DataSet) -> Option<FetchedDataSet> {
        let files: Vec<Fetched> = set.files.iter().map(|file| self.fetched(lock, file)).collect::<Option<_>>()?;
        let folder = self.data_set_folder(set, &files);
        folder.is_dir().then_some(FetchedDataSet { files, folder })
    }

    /// Where a data set of these files is or will be unpacked: other files, another folder.
    pub fn data_set_folder(&self, set: &DataSet, files: &[Fetched]) -> PathBuf {
        let mut digest = Sha256::new();
        for file in files {
            digest.update(format!("{}  {}\n", file.record.sha256, file.record.name).as_bytes());
        }
        let digest = digest.finish().to_string();
        let letter = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') { c } else { '-' };
        let slug: String = set.name.to_ascii_lowercase().chars().map(letter).collect();
        self.data_folder().join(format!("{}-{}", slug.trim_start_matches('.'), &digest[..16]))
    }
}
