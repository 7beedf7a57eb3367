//! A cache with one of everything in it, for tests.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bossnas_files::{Digest, Sha256};
use tempfile::TempDir;
use url::Url;

use super::{Cache, Derived, Fetched, Inventory, Record, Trust};
use crate::Registry;

/// The registry; the digest is that of 50 times the byte 4.
const REGISTRY: &str = r#"
schema = 1
[[checkpoint]]
name = "weights"
url = "https://h/w.pth"
state_dict = "auto"
licence = ""
[[model]]
name = "Net"
arch = "bossnet:1/0/1/0"
size = 32
checkpoint = "weights"
[[data_set]]
name = "Set"
layout = "rank-files"
source = ""
licence = ""
[[data_set.files]]
url = "https://h/a.yml"
sha256 = "SHA"
"#;

pub(super) struct Shelf {
    _folder: TempDir,
    pub(super) cache: Cache,
    pub(super) registry: Registry,
    /// Length of the data set's list of digests.
    pub(super) sums_len: u64,
}

impl Shelf {
    /// A checkpoint with two state dicts, a data set that is unpacked, a file that is in no registry, a registry, an export.
    pub(super) fn full() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("home"));
        let text = REGISTRY.replace("SHA", &digest(&[4; 50]).to_string());
        let mut shelf = Self { _folder: folder, cache, registry: Registry::parse("r", &text).unwrap(), sums_len: 0 };
        let dicts = [("model_ema", vec![2; 300]), ("model", vec![3; 200])].map(|(name, bytes)| {
            let sha256 = shelf.store(&bytes, "x.safetensors");
            Derived { name: name.to_owned(), sha256, bytes: bytes.len() as u64 }
        });
        shelf.record("w.pth", &[1; 1000], Trust::Unconfirmed, dicts.to_vec());
        shelf.record("a.yml", &[4; 50], Trust::FirstUse, Vec::new());
        shelf.record("other.bin", &[5; 30], Trust::Pinned, Vec::new());
        shelf.record("registry.toml", &[6; 20], Trust::FirstUse, Vec::new());
        let data = shelf.folder();
        fs::create_dir_all(&data).unwrap();
        fs::hard_link(shelf.blob("a.yml"), data.join("a.yml")).unwrap();
        let sums = format!("{}  a.yml\n", digest(&[4; 50]));
        fs::write(data.join("SHA256SUMS"), &sums).unwrap();
        shelf.sums_len = sums.len() as u64;
        fs::create_dir_all(shelf.cache.exports_folder()).unwrap();
        fs::write(shelf.export("net-32x32-bdyn", &[7; 40]), [7; 40]).unwrap();
        shelf
    }

    pub(super) fn inventory(&self) -> Inventory {
        self.cache.inventory(Some(&self.registry)).unwrap()
    }

    /// Puts bytes into the store.
    pub(super) fn store(&self, bytes: &[u8], name: &str) -> Digest {
        self.cache.make(self.cache.root()).unwrap();
        let file = self.cache.root().join("part");
        fs::write(&file, bytes).unwrap();
        self.cache.keep(&file, digest(bytes), name).unwrap();
        digest(bytes)
    }

    /// Puts a file into the store and the lock, as of long ago.
    pub(super) fn record(&self, name: &str, bytes: &[u8], trust: Trust, state_dicts: Vec<Derived>) {
        let sha256 = self.store(bytes, name);
        let url: Url = format!("https://h/{name}").parse().unwrap();
        let record = Record {
            name: name.to_owned(),
            source: url.to_string(),
            url,
            sha256,
            bytes: bytes.len() as u64,
            trust,
            etag: None,
            date: "2026-01-02T03:04:05Z".to_owned(),
            state_dicts,
        };
        self.cache.change_lock(|lock| lock.put(record)).unwrap();
    }

    /// The blob of a recorded file.
    pub(super) fn blob(&self, name: &str) -> PathBuf {
        let lock = self.cache.lock().unwrap();
        let record = lock.files.iter().find(|record| record.name == name).unwrap();
        self.cache.blob(record.sha256, name)
    }

    /// The file of a state dict.
    pub(super) fn state_dict(&self, name: &str) -> PathBuf {
        let lock = self.cache.lock().unwrap();
        let dict = lock.files.iter().flat_map(|record| &record.state_dicts).find(|dict| dict.name == name).unwrap();
        self.cache.blob(dict.sha256, "x.safetensors")
    }

    /// The folder of the data set.
    pub(super) fn folder(&self) -> PathBuf {
        let set = &self.registry.data_sets()[0];
        let lock = self.cache.lock().unwrap();
        let record = lock.file(&set.files[0].url).unwrap().clone();
        self.cache.data_set_folder(set, &[Fetched { path: PathBuf::new(), record, state_dicts: Vec::new() }])
    }

    /// Where an export of those bytes is.
    pub(super) fn export(&self, name: &str, bytes: &[u8]) -> PathBuf {
        self.cache.exports_folder().join(format!("{name}.0123456789abcdef.{}.onnx", digest(bytes)))
    }

    /// A download of so many bytes that belongs to `owner`, or is `free`; its file.
    pub(super) fn partial(&self, url: &Url, name: &str, owner: &str, bytes: usize) -> PathBuf {
        let folder = self.cache.partial_of(url, name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("notes.json"), "{}").unwrap();
        let file = folder.join(format!("@{owner}"));
        fs::write(&file, vec![8; bytes]).unwrap();
        file
    }

    /// Puts other bytes into a file, whatever its permissions.
    pub(super) fn rewrite(&self, path: &Path, bytes: &[u8]) {
        assert!(path.starts_with(self.cache.root()));
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

pub(super) fn digest(bytes: &[u8]) -> Digest {
    let mut digest = Sha256::new();
    digest.update(bytes);
    digest.finish()
}

/// Makes a file look as if it had not changed for so long.
pub(super) fn old(path: &Path, age: Duration) {
    File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}
