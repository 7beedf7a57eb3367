//! Where fetched files are kept.
//!
//! ```text
//! $BOSSNAS_HOME, else the platform's cache folder + bossnas-zoo
//!   registry.lock                  what was fetched, from where, and what each address must give from now on
//!   blobs/<sha256>.<extension>     every fetched file and every state dict made of one, read-only, named by its digest
//!   data/<data set>-<digest>/      unpacked data sets, each with the digests of its files
//!   exports/<name>.<key>.<sha256>.onnx   files that a command exported for itself
//!   tuned/<sha256>.json                  how the file with this digest is run best on this machine
//!   partial/<digest>-<name>/       downloads that are not whole yet
//! ```
//!
//! A file in `blobs` is whole: it is moved there when its digest is known, and its name is its digest, so the store can be
//! checked without any other file. Nothing here opens a connection.

mod baton;
mod blob;
mod fetched;
mod gc;
mod inventory;
mod lock;
mod owner;
#[cfg(test)]
mod shelf;
mod verify;

use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bossnas_files::{ReadError, Sha256, SourceFile, WriteError, write_file};
use directories::ProjectDirs;
use url::Url;

pub use self::baton::{Baton, Claim};
pub use self::fetched::{Fetched, FetchedDataSet, StateDictFile};
pub use self::gc::{GcOptions, Kept, Reason, Removal, Selection, Swept};
pub use self::inventory::{
    DataFolder, Export, Inventory, Kind, Leftover, LeftoverKind, Part, PartialDownload, State, StoredEntry, StoredFile,
};
pub use self::lock::{Derived, Lock, Record, Trust};
pub use self::owner::{Owner, ParseOwnerError, Presence};
pub use self::verify::{Damage, PartKind, Problem, ReadSums, Verified};

/// Names the folder of the cache.
const ENVIRONMENT_VARIABLE: &str = "BOSSNAS_HOME";

const MAX_LOCK_BYTES: u64 = 16 << 20;

/// How long what belongs to a process of another machine must not have changed to count as left behind.
pub const PATIENCE: Duration = Duration::from_mins(10);

/// How long the lock's baton may stay with a process of another machine that does not touch it: changing the lock takes
/// milliseconds.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait for other processes that change the lock.
const LOCK_WAIT: Duration = Duration::from_mins(2);

/// Says to programs that make backups that everything here can be had again (<https://bford.info/cachedir>).
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# Files that bossnas-zoo fetched. `bossnas-zoo cache` looks after them.\n";

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The user has no home folder.
    #[error("there is no folder to keep files in: this user has no home folder")]
    NoHome,
    /// The lock cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The lock cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The lock says something that it must not.
    #[error("`{}` is damaged: {problem}", path.display())]
    Lock {
        /// The lock.
        path: PathBuf,
        /// Line and mistake.
        problem: String,
    },
    /// Another process keeps the lock.
    #[error("process {process} on {host} has kept `{}` for too long", path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
        /// Number of the process.
        process: u32,
        /// Its machine.
        host: String,
    },
    /// The operating system refused.
    #[error("cannot use `{}` in the cache: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl CacheError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// The folder of fetched files. It need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache of this user: `$BOSSNAS_HOME`, else the platform's folder for caches (`$XDG_CACHE_HOME` or `~/.cache`,
    /// `~/Library/Caches`, `%LOCALAPPDATA%`).
    pub fn of_user() -> Result<Self, CacheError> {
        if let Some(root) = std::env::var_os(ENVIRONMENT_VARIABLE).filter(|root| !root.is_empty()) {
            let root = PathBuf::from(root);
            return Ok(Self { root: std::path::absolute(&root).map_err(CacheError::io(&root))? });
        }
        let folders = ProjectDirs::from("", "", "bossnas-zoo").ok_or(CacheError::NoHome)?;
        Ok(Self { root: folders.cache_dir().to_owned() })
    }

    /// The cache in a folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the lock is.
    pub fn lock_path(&self) -> PathBuf {
        self.root.join("registry.lock")
    }

    /// Where unpacked data sets are.
    pub fn data_folder(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Where files are that a command exported for itself.
    pub fn exports_folder(&self) -> PathBuf {
        self.root.join("exports")
    }

    /// Where the best settings of files are remembered.
    pub fn tuned_folder(&self) -> PathBuf {
        self.root.join("tuned")
    }

    /// Where downloads are that are not whole yet.
    pub fn partial_folder(&self) -> PathBuf {
        self.root.join("partial")
    }

    /// Where the download of an address is while it is not whole.
    pub fn partial_of(&self, url: &Url, name: &str) -> PathBuf {
        let mut digest = Sha256::new();
        digest.update(url.as_str().as_bytes());
        let digest = digest.finish().to_string();
        self.partial_folder().join(format!("{}-{name}", &digest[..16]))
    }

    /// Makes a folder of the cache, and the cache when it is not there.
    pub fn make(&self, folder: &Path) -> Result<(), CacheError> {
        let tag = self.root.join("CACHEDIR.TAG");
        if !tag.is_file() {
            std::fs::create_dir_all(&self.root).map_err(CacheError::io(&self.root))?;
            write_file(&tag, TAG.as_bytes())?;
        }
        std::fs::create_dir_all(folder).map_err(CacheError::io(folder))
    }

    /// The lock as it is; empty when nothing was ever fetched.
    pub fn lock(&self) -> Result<Lock, CacheError> {
        let path = self.lock_path();
        let file = match SourceFile::open(&path) {
            Err(ReadError::Missing { .. }) => return Ok(Lock::default()),
            file => file?,
        };
        let damaged = |problem| CacheError::Lock { path: path.clone(), problem };
        if file.len() > MAX_LOCK_BYTES {
            return Err(damaged(format!("it has {} bytes", file.len())));
        }
        let bytes = file.read_at(0, file.len())?;
        let text = String::from_utf8(bytes).map_err(|_| damaged("it is no UTF-8 text".to_owned()))?;
        Lock::parse(&text).map_err(damaged)
    }

    /// Changes the lock; processes that do so at once wait for each other.
    pub fn change_lock<T>(&self, change: impl FnOnce(&mut Lock) -> T) -> Result<T, CacheError> {
        self.make(&self.root)?;
        let path = self.lock_path();
        let folder = self.root.join(".registry.lock");
        let start = Instant::now();
        let baton = loop {
            match Baton::claim(&folder, LOCK_PATIENCE).map_err(CacheError::io(&folder))? {
                Claim::Held(baton) => break baton,
                Claim::Busy(owner) if start.elapsed() > LOCK_WAIT => {
                    return Err(CacheError::Busy { path, process: owner.process(), host: owner.host().to_owned() });
                }
                Claim::Busy(_) => sleep(Duration::from_millis(5)),
            }
        };
        let changed = self.read_change_write(&path, &baton, change);
        baton.release().map_err(CacheError::io(&folder))?;
        changed
    }

    fn read_change_write<T>(
        &self,
        path: &Path,
        baton: &Baton,
        change: impl FnOnce(&mut Lock) -> T,
    ) -> Result<T, CacheError> {
        // Its time says to other machines that it is in use.
        std::fs::write(baton.path(), b"").map_err(CacheError::io(&baton.path()))?;
        let before = self.lock()?;
        let mut lock = before.clone();
        let outcome = change(&mut lock);
        if lock != before {
            let text =
                lock.to_text().map_err(|error| CacheError::Lock { path: path.into(), problem: error.to_string() })?;
            write_file(path, text.as_bytes())?;
        }
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_at_once_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("home"));
        assert_eq!(cache.lock().unwrap(), Lock::default());
        let record = |i: usize| Record {
            name: i.to_string(),
            url: format!("https://h/{i}").parse().unwrap(),
            sha256: "0".repeat(64).parse().unwrap(),
            bytes: 0,
            trust: Trust::FirstUse,
            source: String::new(),
            etag: None,
            date: String::new(),
            state_dicts: Vec::new(),
        };
        std::thread::scope(|scope| {
            for i in 0..16 {
                let (cache, record) = (&cache, record(i));
                scope.spawn(move || cache.change_lock(|lock| lock.put(record)).unwrap());
            }
        });
        assert_eq!(cache.lock().unwrap().files.len(), 16);
        assert!(cache.root().join("CACHEDIR.TAG").is_file());
    }

    #[test]
    fn a_damaged_lock_is_named_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        std::fs::write(cache.lock_path(), "schema = 1\nfile = 3\n").unwrap();
        let message = cache.lock().unwrap_err().to_string();
        assert!(message.contains("registry.lock` is damaged: line 2"), "{message}");
        assert!(cache.change_lock(|_| ()).is_err());
        assert_eq!(std::fs::read_to_string(cache.lock_path()).unwrap(), "schema = 1\nfile = 3\n");
    }
}
