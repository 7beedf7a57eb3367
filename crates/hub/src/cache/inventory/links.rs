//! Sizes of files that may have several names.

use std::collections::HashMap;
use std::fs::Metadata;
use std::path::Path;

use super::found::found_in;

/// Files that were seen by their names, counted by what they are: a data set's file may be a second name of a blob.
#[derive(Debug, Default)]
pub(in crate::cache) struct Links {
    files: HashMap<(u64, u64), Link>,
}

#[derive(Debug)]
struct Link {
    bytes: u64,
    names: u64,
    seen: u64,
}

impl Links {
    /// Notes a name of a file, and returns the bytes that it seems to take.
    pub(in crate::cache) fn add(&mut self, meta: &Metadata) -> u64 {
        if !meta.is_file() {
            return 0;
        }
        let (identity, names) = identity(meta, self.files.len());
        let link = self.files.entry(identity).or_insert(Link { bytes: meta.len(), names, seen: 0 });
        link.seen += 1;
        meta.len()
    }

    /// Notes all files below `path`, or the one that it is; links are not followed. What cannot be read counts as empty.
    pub(in crate::cache) fn add_tree(&mut self, path: &Path) -> u64 {
        match path.symlink_metadata() {
            Ok(meta) if meta.is_dir() => {
                found_in(path).unwrap_or_default().iter().map(|found| self.add_tree(&found.path)).sum()
            }
            Ok(meta) => self.add(&meta),
            Err(_) => 0,
        }
    }

    /// Adds what another one noted.
    pub(in crate::cache) fn merge(&mut self, other: Self) {
        for (identity, link) in other.files {
            self.files.entry(identity).and_modify(|own| own.seen += link.seen).or_insert(link);
        }
    }

    /// Bytes of all files, each once.
    pub(in crate::cache) fn once(&self) -> u64 {
        self.files.values().map(|link| link.bytes).sum()
    }

    /// Bytes that are free when all names that were seen are gone.
    pub(in crate::cache) fn freed(&self) -> u64 {
        self.files.values().filter(|link| link.seen >= link.names).map(|link| link.bytes).sum()
    }
}

#[cfg(unix)]
fn identity(meta: &Metadata, _: usize) -> ((u64, u64), u64) {
    use std::os::unix::fs::MetadataExt;
    ((meta.dev(), meta.ino()), meta.nlink())
}

/// Where the system does not tell, each name is a file.
#[cfg(not(unix))]
fn identity(_: &Metadata, count: usize) -> ((u64, u64), u64) {
    ((0, count as u64), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_file_with_two_names_counts_once_and_is_freed_with_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        std::fs::write(&a, [0; 7]).unwrap();
        std::fs::hard_link(&a, &b).unwrap();
        let mut links = Links::default();
        assert_eq!((links.add_tree(&a), links.once(), links.freed()), (7, 7, 0));
        assert_eq!((links.add_tree(&b), links.once(), links.freed()), (7, 7, 7));
    }
}
