//! A folder with a registry of one thing to fetch, and the program's cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::program::{Outcome, command, finish, scratch};
use crate::small::{ARCH, SIDE};

/// The name of what can be fetched.
pub const NAME: &str = "Thing";

/// One thing to fetch, and a cache for it.
#[derive(Debug)]
pub struct Shelf {
    folder: TempDir,
}

impl Shelf {
    /// A file that may hold anything, at this address, with or without a digest.
    pub fn plain(url: &str, sha256: Option<&str>) -> Self {
        let digest = sha256.map(|digest| format!("sha256 = \"{digest}\"\n")).unwrap_or_default();
        Self::new(&format!(
            "schema = 1\n[[data_set]]\nname = \"{NAME}\"\nlayout = \"rank-files\"\nsource = \"tests\"\nlicence = \"none\"\n\
             [[data_set.files]]\nurl = \"{url}\"\n{digest}"
        ))
    }

    /// A checkpoint of the [`small`](crate::small) network, at this address, without a digest, as it is with the published ones.
    pub fn checkpoint(url: &str) -> Self {
        Self::new(&format!(
            "schema = 1\n[[checkpoint]]\nname = \"weights\"\nurl = \"{url}\"\nstate_dict = \"auto\"\nlicence = \"none stated\"\n\
             [[model]]\nname = \"{NAME}\"\narch = \"{ARCH}\"\nsize = {SIDE}\ncheckpoint = \"weights\"\n"
        ))
    }

    /// What this registry says.
    pub fn new(registry: &str) -> Self {
        let folder = scratch();
        fs::write(folder.path().join("registry.toml"), registry).expect("a file");
        Self { folder }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The cache.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A run of the program with this registry.
    pub fn command(&self, arguments: &[&str]) -> Command {
        command(self.folder.path(), arguments.iter().chain(&["--registry", "registry.toml"]))
    }

    /// Runs the program with this registry.
    pub fn zoo(&self, arguments: &[&str]) -> Outcome {
        finish(&mut self.command(arguments))
    }

    /// Fetches the thing; patience is short.
    pub fn fetch(&self, options: &[&str]) -> Outcome {
        let arguments: Vec<&str> =
            ["fetch", NAME, "--timeout", "1", "--retries", "2", "--json"].iter().chain(options).copied().collect();
        self.zoo(&arguments)
    }

    /// The names of the files in the store, sorted.
    pub fn blobs(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.home().join("blobs")) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The file of the download that is not whole yet.
    pub fn partial(&self) -> Option<PathBuf> {
        let folder = fs::read_dir(self.home().join("partial")).ok()?;
        let files = folder.filter_map(|entry| fs::read_dir(entry.ok()?.path()).ok()).flatten();
        files.filter_map(|entry| Some(entry.ok()?.path())).find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with('@')
        })
    }

    /// Its length; 0 when there is none.
    pub fn partial_len(&self) -> u64 {
        self.partial().and_then(|path| path.metadata().ok()).map_or(0, |meta| meta.len())
    }

    /// Insists that every file in the store has the digest that its name says.
    pub fn assert_store_is_sound(&self) {
        for name in self.blobs() {
            let bytes = fs::read(self.home().join("blobs").join(&name)).expect("a file");
            let (digest, _) = name.split_once('.').expect("a digest and an extension");
            assert_eq!(digest, sha256(&bytes), "{name} in the store is not what its name says");
        }
    }
}

impl Outcome {
    /// The first file of a fetch's document.
    pub fn file(&self) -> Value {
        self.json("fetch")["entries"][0]["files"][0].clone()
    }
}

/// The digest of some bytes, as hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    let digits = Sha256::digest(bytes).into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// Bytes that look like nothing, the same each time.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}
