//! What can be asked of a download, and what came of it.

use std::path::PathBuf;
use std::time::Duration;

use bossnas_files::Digest;
use bossnas_hub::Url;
use bossnas_hub::cache::Fetched;
use bossnas_model::arch::BossNet;

/// How to fetch.
#[derive(Debug, Clone)]
pub struct Options {
    /// Addresses that serve files by their base names; asked first.
    pub mirrors: Vec<Url>,
    /// A local file or folder instead of any address.
    pub from_file: Option<PathBuf>,
    /// The digest that the file must have, from outside.
    pub pinned: Option<Digest>,
    /// Download even what is there.
    pub force: bool,
    /// Open no connection.
    pub offline: bool,
    /// Do not compare with what came earlier.
    pub retrust: bool,
    /// Attempts without progress after the first, for each source.
    pub retries: usize,
    /// How long a connection may be silent.
    pub silence: Duration,
}

/// Sees how a download goes on.
pub trait Watch: Sync {
    /// Bytes begin to come: so many are there, of so many.
    fn started(&self, bytes: u64, total: Option<u64>);
    /// So many bytes are there.
    fn reached(&self, bytes: u64);
    /// Something that a person may want to know.
    fn say(&self, text: &str);
}

/// What a file should be.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// A checkpoint with the weights of these networks, the same for all.
    Checkpoint(&'a [BossNet]),
    /// An archive that will be unpacked.
    Archive,
    /// A registry.
    Registry,
    /// Anything.
    Plain,
}

impl Content<'_> {
    /// What will be made of it, in per cent of its length: a training checkpoint has two state dicts and two moments of as many
    /// bytes, an archive of pictures hardly shrinks.
    pub(super) const fn companions(self) -> u64 {
        match self {
            Self::Checkpoint(_) => 50,
            Self::Archive => 110,
            Self::Registry | Self::Plain => 0,
        }
    }
}

/// How a file came.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The file and what is known of it.
    pub fetched: Fetched,
    /// What was done; `None` when it was there.
    pub transfer: Option<Transfer>,
}

/// A download that was carried out.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// Bytes of earlier downloads that were there when this one began.
    pub resumed_from: u64,
    /// Bytes that came.
    pub received: u64,
    /// Requests that were made to the source that gave it.
    pub attempts: u32,
    /// From the first request to the last byte in the file; its digest, and putting it on the disk, end a little later.
    pub receiving: Duration,
    /// Whether nothing was known of the file before.
    pub is_first: bool,
}
