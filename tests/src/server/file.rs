//! A file that is served: its contents and what tells its versions apart.

use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

/// One version of a file.
#[derive(Clone)]
pub(super) struct File {
    pub(super) bytes: Arc<[u8]>,
    digest: u64,
    version: u32,
}

impl File {
    pub(super) fn new(bytes: Arc<[u8]>) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        Self { digest: hasher.finish(), bytes, version: 0 }
    }

    /// Another version, with other contents or the same.
    pub(super) fn replaced(&self, bytes: Arc<[u8]>) -> Self {
        Self { version: self.version + 1, ..Self::new(bytes) }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The strong `ETag`: the same for the same contents, unless the file was replaced.
    pub(super) fn etag(&self) -> String {
        format!("\"{:016x}-{}\"", self.digest, self.version)
    }

    /// `Last-Modified`: a minute later with each version.
    pub(super) fn last_modified(&self) -> String {
        format!("Wed, 21 Oct 2015 07:{:02}:00 GMT", self.version % 60)
    }
}
