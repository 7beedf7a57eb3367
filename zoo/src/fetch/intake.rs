//! The writing end of a download: bytes go into the partial file while threads follow it.

use std::io;
use std::path::Path;

use bossnas_files::Digest;

use super::follow::Follower;
use super::partial::{Notes, Partial};

/// A partial file that is written and followed.
#[derive(Debug)]
pub(super) struct Intake {
    partial: Partial,
    /// `None` once the digest was asked for.
    follower: Option<Follower>,
    /// Whether its first bytes came with an earlier request.
    resumed: bool,
    /// Bytes that came in this process.
    received: u64,
}

impl Intake {
    pub(super) fn new(partial: Partial) -> io::Result<Self> {
        let follower = Some(Follower::start(&partial.path(), partial.folder(), partial.len())?);
        Ok(Self { partial, follower, resumed: false, received: 0 })
    }

    /// Bytes that are there.
    pub(super) fn len(&self) -> u64 {
        self.partial.len()
    }

    /// The folder of the partial file.
    pub(super) fn folder(&self) -> &Path {
        self.partial.folder()
    }

    /// What is known of them.
    pub(super) fn notes(&self) -> &Notes {
        self.partial.notes()
    }

    /// Whether what is there came with more than one request.
    pub(super) fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Bytes that came in this process, those that were thrown away again among them.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let appended = self.partial.append(bytes);
        self.received += bytes.len() as u64;
        if let Some(follower) = &self.follower {
            follower.written(self.partial.len());
        }
        appended
    }

    /// The same bytes are gone on with, by a new request.
    pub(super) fn resume(&mut self, notes: Notes) -> io::Result<()> {
        self.resumed = true;
        self.partial.note(notes)
    }

    /// Everything begins anew.
    pub(super) fn restart(&mut self, notes: Notes) -> io::Result<()> {
        if let Some(follower) = self.follower.take() {
            follower.cancel();
        }
        self.resumed = false;
        self.partial.restart(notes)?;
        self.follower = Some(Follower::start(&self.partial.path(), self.partial.folder(), 0)?);
        Ok(())
    }

    /// The digest of the file as it is, which is on the disk now. Bytes can be added only after [`restart`](Self::restart).
    pub(super) fn digest(&mut self) -> io::Result<Digest> {
        match self.follower.take() {
            Some(follower) => follower.finish(),
            None => Err(io::Error::other("the digest was asked for before")),
        }
    }

    /// The partial file, followed no more.
    pub(super) fn into_partial(mut self) -> Partial {
        if let Some(follower) = self.follower.take() {
            follower.cancel();
        }
        self.partial
    }
}
