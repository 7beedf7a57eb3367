//! A download that is not whole yet: its bytes, what is known of them, and who works on it.
//!
//! The file is handed from process to process as a [`Baton`], so exactly one process writes it, and what a killed process
//! left is taken up by the next.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bossnas_files::write_file;
use bossnas_hub::cache::{Baton, Cache, CacheError, Claim, Owner, PATIENCE};
use bossnas_hub::{RemoteFile, Url};
use serde::{Deserialize, Serialize};

const NOTES: &str = "notes.json";

/// How many bytes are on the disk for good, whatever happens to the machine.
pub(super) const SYNCED: &str = "synced";

/// What is known of the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Notes {
    /// Where they came from, without credentials and query.
    pub(super) source: String,
    /// What the server needs to see that it still has the same file.
    pub(super) validator: Option<String>,
    /// The entity tag, for the records.
    pub(super) etag: Option<String>,
    /// Length of the whole file, where it is known.
    pub(super) total: Option<u64>,
}

/// The partial file of this process.
#[derive(Debug)]
pub(super) struct Partial {
    baton: Baton,
    file: File,
    len: u64,
    notes: Notes,
}

/// What came of asking for a partial file.
#[derive(Debug)]
pub(super) enum Opened {
    /// It is ours.
    Ours(Partial),
    /// Another process works on it, and has so many bytes.
    Busy(Owner, u64),
}

impl Partial {
    /// Takes the partial file of `file` in the cache, with what is in it.
    pub(super) fn open(cache: &Cache, file: &RemoteFile) -> Result<Opened, CacheError> {
        cache.make(&cache.partial_folder())?;
        let folder = cache.partial_of(&file.url, &file.name);
        let failed = |source| CacheError::Io { path: folder.clone(), source };
        match Baton::claim(&folder, PATIENCE).map_err(failed)? {
            Claim::Held(baton) => Self::adopt(baton).map(Opened::Ours).map_err(failed),
            Claim::Busy(owner) => Ok(Opened::Busy(owner, grown(&folder))),
        }
    }

    fn adopt(baton: Baton) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(baton.path())?;
        let notes: Option<Notes> =
            fs::read(baton.folder().join(NOTES)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let written = file.metadata()?.len();
        let len = match (&notes, baton.previous()) {
            // Nothing is known of these bytes.
            (None, _) => 0,
            // Its machine was started anew, or is another one: the end may never have reached the disk.
            (Some(_), Some(owner)) if !owner.is_of_this_boot() => written.min(synced(baton.folder())),
            (Some(_), _) => written,
        };
        let mut partial = Self { baton, file, len, notes: notes.unwrap_or_default() };
        if len < written {
            partial.cut(len)?;
        }
        partial.file.seek(SeekFrom::Start(len))?;
        Ok(partial)
    }

    /// Bytes that are there.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// What is known of them.
    pub(super) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// Where they are.
    pub(super) fn path(&self) -> PathBuf {
        self.baton.path()
    }

    /// The folder of the partial file and what goes with it.
    pub(super) fn folder(&self) -> &Path {
        self.baton.folder()
    }

    /// Adds bytes. Each is in the file at once, so that a process that is killed loses none.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(bytes);
        match &written {
            Ok(()) => self.len += bytes.len() as u64,
            Err(_) => self.len = self.file.metadata()?.len(),
        }
        written
    }

    /// Notes something else of the same bytes.
    pub(super) fn note(&mut self, notes: Notes) -> io::Result<()> {
        if notes != self.notes {
            let text = serde_json::to_vec(&notes)?;
            write_file(self.baton.folder().join(NOTES), &text).map_err(io::Error::other)?;
            self.notes = notes;
        }
        Ok(())
    }

    /// Begins anew, with bytes from elsewhere or of another state of the file.
    pub(super) fn restart(&mut self, notes: Notes) -> io::Result<()> {
        self.cut(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.note(notes)
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        match fs::remove_file(self.baton.folder().join(SYNCED)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.file.set_len(len)?;
        self.len = len;
        Ok(())
    }

    /// Leaves it for whoever comes next.
    pub(super) fn release(self) -> io::Result<()> {
        self.file.sync_data()?;
        self.baton.release()
    }

    /// Ends it: `keep` moves the file to where it belongs.
    pub(super) fn finish<E: From<io::Error>>(self, keep: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E> {
        drop(self.file);
        self.baton.end(keep)
    }
}

/// Bytes that another process has.
fn grown(folder: &Path) -> u64 {
    let file = Baton::look(folder).ok().flatten().map(|(path, _)| path);
    file.and_then(|path| path.metadata().ok()).map_or(0, |meta| meta.len())
}

fn synced(folder: &Path) -> u64 {
    fs::read_to_string(folder.join(SYNCED)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// Bytes of `file` that an interrupted download left in the cache.
pub fn bytes_there(cache: &Cache, url: &Url, name: &str) -> u64 {
    grown(&cache.partial_of(url, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> RemoteFile {
        let url = "https://h/a.bin".parse().unwrap();
        RemoteFile { name: "a.bin".to_owned(), url, mirrors: Vec::new(), bytes: None, sha256: None }
    }

    fn ours(cache: &Cache) -> Partial {
        match Partial::open(cache, &file()).unwrap() {
            Opened::Ours(partial) => partial,
            Opened::Busy(owner, _) => panic!("held by {owner}"),
        }
    }

    fn notes(total: u64) -> Notes {
        Notes { source: "https://h/a.bin".to_owned(), validator: None, etag: None, total: Some(total) }
    }

    #[test]
    fn what_is_there_is_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let mut partial = ours(&cache);
        partial.restart(notes(9)).unwrap();
        partial.append(b"12345").unwrap();
        assert!(matches!(Partial::open(&cache, &file()).unwrap(), Opened::Busy(_, 5)));
        partial.release().unwrap();
        let mut partial = ours(&cache);
        assert_eq!((partial.len(), partial.notes()), (5, &notes(9)));
        partial.append(b"6789").unwrap();
        assert_eq!(fs::read(partial.path()).unwrap(), b"123456789");
        partial.restart(notes(2)).unwrap();
        partial.append(b"xy").unwrap();
        let target = folder.path().join("done");
        partial.finish(|path| fs::rename(path, &target)).unwrap();
        assert_eq!(fs::read(target).unwrap(), b"xy");
        assert_eq!(fs::read_dir(cache.partial_folder()).unwrap().count(), 0);
    }

    #[test]
    fn bytes_without_notes_are_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let mut partial = ours(&cache);
        partial.append(b"12345").unwrap();
        partial.release().unwrap();
        assert_eq!(ours(&cache).len(), 0);
    }

    #[test]
    fn of_a_machine_that_was_started_anew_only_what_was_synced_counts() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let mut partial = ours(&cache);
        partial.restart(notes(9)).unwrap();
        partial.append(b"12345").unwrap();
        fs::write(partial.folder().join(SYNCED), "3").unwrap();
        let (own, place) = (partial.path(), partial.folder().to_owned());
        let name = Owner::current().to_string();
        let mut parts: Vec<&str> = name.split('~').collect();
        parts[1] = "000000000000";
        fs::rename(own, place.join(format!("@{}", parts.join("~")))).unwrap();
        let partial = ours(&cache);
        assert_eq!((partial.len(), fs::read(partial.path()).unwrap()), (3, b"123".to_vec()));
    }
}
