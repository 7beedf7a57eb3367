//! Why a file is not in the cache.

use std::io;

use bossnas_files::Digest;
use bossnas_hub::RemoteFile;
use bossnas_hub::cache::CacheError;

use super::convert::ConvertError;
use super::download::NotArrived;
use super::fault::Fault;
use super::source::Source;
use super::space::NoSpace;

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No source gave it.
    #[error("cannot fetch `{name}` from {}", last(faults))]
    Sources {
        /// The file.
        name: String,
        /// What each source answered last, in their order.
        faults: Vec<(Source, Fault)>,
    },
    /// It is not in the cache, and no connection may be opened.
    #[error("`{name}` is not in the cache, and --offline forbids to fetch it")]
    Offline {
        /// The file.
        name: String,
    },
    /// A digest was given that contradicts what is known.
    #[error("--sha256 gives {pinned} for `{name}`, but {by} {known}")]
    Pin {
        /// The file.
        name: String,
        /// The digest that was given.
        pinned: Digest,
        /// The digest that is known.
        known: Digest,
        /// Who knows it.
        by: &'static str,
    },
    /// It is not the checkpoint that it should be.
    #[error("{} `{name}`: {error}", if *kept { "cannot convert" } else { "what came is not" })]
    Convert {
        /// The file.
        name: String,
        /// Why.
        error: ConvertError,
        /// Whether it is in the cache all the same, since it has the expected digest.
        kept: bool,
    },
    /// There is no room for it.
    #[error("`{name}` needs {} bytes in `{}`, where {} are free", space.needed, space.folder.display(), space.free)]
    NoSpace {
        /// The file.
        name: String,
        /// How much.
        space: NoSpace,
    },
    /// It was removed while it was put into its place.
    #[error("`{name}` was removed from the cache by another process")]
    Vanished {
        /// The file.
        name: String,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The partial file cannot be written.
    #[error("cannot write what came: {}", reason(.0))]
    Io(#[from] io::Error),
}

impl FetchError {
    pub(super) fn not_arrived(file: &RemoteFile, error: NotArrived) -> Self {
        let name = file.name.clone();
        match error {
            NotArrived::Sources(faults) => Self::Sources { name, faults },
            NotArrived::Local(error) => Self::Io(error),
            NotArrived::NoSpace(space) => Self::NoSpace { name, space },
        }
    }
}

fn last(faults: &[(Source, Fault)]) -> String {
    match faults {
        [] => "nowhere: it has no source".to_owned(),
        [(source, fault)] => format!("{source}: {fault}"),
        [.., (source, fault)] => format!("any of {} sources, last {source}: {fault}", faults.len()),
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        io::ErrorKind::QuotaExceeded => "the disk quota is used up".to_owned(),
        _ => error.to_string(),
    }
}
