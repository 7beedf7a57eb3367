//! The folder of a run: which file is where, and that one process at a time writes there.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use bossnas_files::{ReadError, SourceFile, WriteError, write_file};

use super::overlay::{Configuration, MAX_BYTES, Mistakes};

/// What decides the numbers of the run.
const CONFIG: &str = "config.toml";

/// A folder that this process alone writes to, until this is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system said no.
    #[error("cannot use `{}`", .path.display())]
    Io {
        /// What it said no to.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it.
    #[error("another process{owner} works on `{}`", .path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
        /// Which, if it says so.
        owner: String,
    },
    /// There are files, but not of a run.
    #[error("`{}` holds other files and no run", .0.display())]
    Foreign(PathBuf),
    /// There is a run of another kind.
    #[error("`{}` holds a run, but not {kind}", .path.display())]
    OtherKind {
        /// The folder.
        path: PathBuf,
        /// What it is not.
        kind: &'static str,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The configuration is not one.
    #[error("`{}` is no configuration", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        mistakes: Mistakes,
    },
}

impl Folder {
    /// Takes a folder, which is made if it is not there. One with other files is not touched.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let io = |at: &Path| {
            let path = at.to_owned();
            move |source| FolderError::Io { path, source }
        };
        // A `config.toml` alone may be anybody's.
        let holds = |name: &str| path.join(name).is_file();
        let is_run = holds(CONFIG) && (holds("run.lock") || holds("checkpoint.json"));
        if path.is_dir() && !is_run {
            let mut entries = fs::read_dir(path).map_err(io(path))?.filter_map(Result::ok);
            if entries.any(|entry| entry.file_name() != "run.lock") {
                return Err(FolderError::Foreign(path.to_owned()));
            }
        }
        fs::create_dir_all(path).map_err(io(path))?;
        let lock_path = path.join("run.lock");
        let mut options = OpenOptions::new();
        let mut lock =
            options.read(true).write(true).create(true).truncate(false).open(&lock_path).map_err(io(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let id = fs::read_to_string(&lock_path).ok().and_then(|text| text.trim().parse::<u32>().ok());
                let owner = id.map(|id| format!(" ({id})")).unwrap_or_default();
                return Err(FolderError::Busy { path: path.to_owned(), owner });
            }
            Err(TryLockError::Error(source)) => return Err(FolderError::Io { path: lock_path, source }),
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(io(&lock_path))?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The configuration of the run that lies here, if one does.
    pub fn config<C: Configuration>(&self) -> Result<Option<C>, FolderError> {
        let path = self.file(CONFIG);
        if !path.exists() {
            return Ok(None);
        }
        // Every whole configuration has that key, and none of another kind has it.
        let table: Option<toml::Table> = text(&path)?.parse().ok();
        if table.is_some_and(|table| !table.contains_key(C::IMPLIED_BY)) {
            return Err(FolderError::OtherKind { path: self.path.clone(), kind: C::KIND });
        }
        Ok(Some(read_config(&path)?))
    }

    /// Begins a run.
    pub fn begin(&self, config: &impl Configuration) -> Result<(), FolderError> {
        Ok(write_file(self.file(CONFIG), config.to_toml().as_bytes())?)
    }

    /// A folder in it, made if it is not there.
    pub fn make_folder(&self, name: &str) -> Result<(), FolderError> {
        let path = self.file(name);
        fs::create_dir_all(&path).map_err(|source| FolderError::Io { path, source })
    }
}

/// Reads a configuration.
pub fn read_config<C: Configuration>(path: &Path) -> Result<C, FolderError> {
    C::parse(&text(path)?).map_err(|mistakes| FolderError::Config { path: path.to_owned(), mistakes })
}

/// What a file says; what is no text in it is no key either.
fn text(path: &Path) -> Result<String, FolderError> {
    let bytes = SourceFile::open(path)?.read_up_to(0, MAX_BYTES)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
