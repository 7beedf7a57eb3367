//! Files as this project treats them: written whole or not at all, read by position and never past their end.
//!
//! - [`AtomicFile`] writes beside its target and moves over it when everything is on the disk.
//! - [`SourceFile`] is opened once and read by position; a length that comes out of a file is checked against the file
//!   before memory is taken for it.
//! - [`Sha256`] digests what streams through it.
//! - [`npy`] reads and writes numpy arrays of numbers.

mod atomic;
mod digest;
pub mod npy;
mod read;

pub use atomic::{AtomicFile, Syncer, WriteError, move_into_place, remove_scratch_files, write_file};
pub use digest::{Digest, ParseDigestError, Sha256, sha256_of, sha256_with};
pub use read::{RangeReader, ReadError, SourceFile};
