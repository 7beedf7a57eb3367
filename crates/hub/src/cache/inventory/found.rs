//! Names in a folder of the cache.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::cache::CacheError;

/// Something in a folder.
#[derive(Debug)]
pub(in crate::cache) struct Found {
    /// Its name; what is no UTF-8 is replaced.
    pub(in crate::cache) name: String,
    /// Where it is.
    pub(in crate::cache) path: PathBuf,
    /// What it is; a link is a link.
    pub(in crate::cache) meta: Metadata,
}

impl Found {
    /// How long ago it was changed.
    pub(in crate::cache) fn age(&self, now: SystemTime) -> Duration {
        age(&self.meta, now)
    }
}

/// How long ago a file was changed; nothing when that lies in the future.
pub(in crate::cache) fn age(meta: &Metadata, now: SystemTime) -> Duration {
    meta.modified().ok().and_then(|changed| now.duration_since(changed).ok()).unwrap_or_default()
}

/// What is in `folder`, in the order of names; nothing when it is not there.
pub(in crate::cache) fn found_in(folder: &Path) -> Result<Vec<Found>, CacheError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(CacheError::io(folder))?,
    };
    let mut all = Vec::new();
    for entry in entries {
        let entry = entry.map_err(CacheError::io(folder))?;
        let path = entry.path();
        match path.symlink_metadata() {
            Ok(meta) => all.push(Found { name: entry.file_name().to_string_lossy().into_owned(), path, meta }),
            // Other processes put things in their places all the time.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(CacheError::Io { path, source: error }),
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}
