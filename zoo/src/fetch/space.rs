//! Whether the disk has room.

use std::path::{Path, PathBuf};

/// Kept free whatever happens, for the lock and notes.
const SPARE: u64 = 1 << 20;

/// The disk is too small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSpace {
    /// Where the file would go.
    pub folder: PathBuf,
    /// Bytes that are needed.
    pub needed: u64,
    /// Bytes that are free.
    pub free: u64,
}

/// Bytes that this user can still write into the file system of `folder`; `None` where the system does not tell.
pub fn free(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        // What does not exist yet will be in the file system of what does.
        let there = folder.ancestors().find(|ancestor| ancestor.exists())?;
        let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
        let stat = rustix::fs::statvfs(there).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

/// Refuses to begin what cannot end well.
pub(super) fn check(folder: &Path, needed: u64) -> Result<(), NoSpace> {
    match free(folder) {
        Some(free) if free < needed.saturating_add(SPARE) => Err(NoSpace { folder: folder.to_owned(), needed, free }),
        _ => Ok(()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_disk_has_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(check(folder.path(), 1), Ok(()));
        let refused = check(&folder.path().join("not/yet"), u64::MAX / 2).unwrap_err();
        assert!(refused.free > 0 && refused.free < refused.needed);
    }
}
