//! Threads that follow a growing file: one computes its digest, one puts it on the disk.
//!
//! Both read what was written, not what came from the network: bytes of an earlier attempt and of this one are treated
//! alike, the digest is that of the file, and the writer waits for neither.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use bossnas_files::{Digest, Sha256};

use super::partial::SYNCED;

/// Read at once.
const PIECE: usize = 256 << 10;

/// New bytes that are worth a sync.
const SYNC: u64 = 16 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Done,
    Cancelled,
}

#[derive(Debug)]
struct State {
    written: u64,
    end: End,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits for `step` bytes beyond `position`, or the end.
    fn wait(&self, position: u64, step: u64) -> (u64, End) {
        let more = |state: &mut State| state.end == End::Open && state.written < position + step;
        let state = self.changed.wait_while(self.lock(), more).unwrap_or_else(PoisonError::into_inner);
        (state.written, state.end)
    }
}

/// The threads that follow one file.
#[derive(Debug)]
pub(super) struct Follower {
    shared: Arc<Shared>,
    digest: JoinHandle<io::Result<Digest>>,
    disk: JoinHandle<io::Result<()>>,
}

impl Follower {
    /// Follows the file at `path`, whose first `written` bytes are there. How much is on the disk is noted in `folder`.
    pub(super) fn start(path: &Path, folder: &Path, written: u64) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::new(State { written, end: End::Open }), changed: Condvar::new() });
        // Some systems let only a writer sync.
        let (reader, syncer) = (File::open(path)?, File::options().write(true).open(path)?);
        let note = folder.join(SYNCED);
        let digest = {
            let shared = shared.clone();
            thread::spawn(move || hash(reader, &shared))
        };
        let disk = {
            let shared = shared.clone();
            thread::spawn(move || sync(&syncer, &note, &shared))
        };
        Ok(Self { shared, digest, disk })
    }

    /// So many bytes are there now.
    pub(super) fn written(&self, bytes: u64) {
        self.shared.change(|state| state.written = bytes);
    }

    /// Stops following: the file will begin anew, or is left for another time.
    pub(super) fn cancel(self) {
        self.shared.change(|state| state.end = End::Cancelled);
        // What they say does not matter any more.
        let _ = (self.digest.join(), self.disk.join());
    }

    /// The digest of the whole file, which is on the disk.
    pub(super) fn finish(self) -> io::Result<Digest> {
        self.shared.change(|state| state.end = End::Done);
        let (digest, disk) = (join(self.digest), join(self.disk));
        disk?;
        digest
    }
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn hash(mut file: File, shared: &Shared) -> io::Result<Digest> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; PIECE];
    let mut position = 0;
    loop {
        let (written, end) = shared.wait(position, 1);
        while position < written && end != End::Cancelled {
            let piece = &mut buffer[..PIECE.min((written - position) as usize)];
            file.read_exact(piece)?;
            digest.update(piece);
            position += piece.len() as u64;
        }
        if end == End::Cancelled || (end == End::Done && position == written) {
            return Ok(digest.finish());
        }
    }
}

fn sync(file: &File, note: &PathBuf, shared: &Shared) -> io::Result<()> {
    let mut synced = 0;
    loop {
        let (written, end) = shared.wait(synced, SYNC);
        match end {
            End::Cancelled => return Ok(()),
            End::Done => return file.sync_all(),
            End::Open => file.sync_data()?,
        }
        synced = written;
        fs::write(note, written.to_string())?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use bossnas_files::{SourceFile, sha256_of};

    use super::*;

    #[test]
    fn the_digest_is_that_of_the_file_however_it_grew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let bytes: Vec<u8> = (0..3_000_001_u32).map(|i| (i >> 5) as u8).collect();
        let mut file = File::create(&path).unwrap();
        file.write_all(&bytes[..1_000_000]).unwrap();
        let follower = Follower::start(&path, folder.path(), 1_000_000).unwrap();
        let mut written = 1_000_000;
        for piece in bytes[1_000_000..].chunks(70_000) {
            file.write_all(piece).unwrap();
            written += piece.len() as u64;
            follower.written(written);
        }
        let expected = sha256_of(&SourceFile::open(&path).unwrap()).unwrap();
        assert_eq!(follower.finish().unwrap(), expected);
    }

    #[test]
    fn a_file_that_is_given_up_is_followed_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, b"some").unwrap();
        Follower::start(&path, folder.path(), 4).unwrap().cancel();
    }
}
