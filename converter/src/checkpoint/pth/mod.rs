//! Writing PyTorch's checkpoint files: what `torch.save` makes of a Python object.
//!
//! A zip archive ([`Archive`]) of one pickle ([`Value`]) and one entry for each tensor's storage. Tensors are asked for and written
//! one at a time, so a file of any size costs the memory of its largest tensor. The same input gives the same bytes.
//! [`DeitCheckpoint`] is the object that a DeiT training run saves, as the published checkpoints were.

mod archive;
mod deit;
mod pickle;

use std::io::Write;
use std::path::Path;

use bossnas_files::{AtomicFile, WriteError};
use bossnas_model::weights::{TensorInfo, WeightsError};

pub use self::archive::Archive;
pub use self::deit::{DeitAdamW, DeitCheckpoint, DeitOptimizer, DeitOptimizerKind, DeitSchedule, DeitSgd};
pub use self::pickle::Value;

/// Why a checkpoint could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PthWriteError {
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The writer failed.
    #[error("cannot write the checkpoint: {0}")]
    Io(std::io::Error),
    /// A tensor could not be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A tensor has other bytes than its shape and type need.
    #[error("tensor `{name}` has {found} bytes, its shape needs {needed:?}")]
    Length {
        /// The tensor.
        name: String,
        /// Bytes that its shape needs, where that is a number.
        needed: Option<usize>,
        /// Bytes that it has.
        found: usize,
    },
}

impl From<std::io::Error> for PthWriteError {
    fn from(error: std::io::Error) -> Self {
        // An `AtomicFile` puts its own error, which names the path, into the one that `Write` returns.
        match error.downcast() {
            Ok(error) => Self::Write(error),
            Err(error) => Self::Io(error),
        }
    }
}

/// Writes an object to `path`, whole or not at all, and returns the size of the file. See [`write_pth_to`].
pub fn write_pth(path: impl AsRef<Path>, object: &Value<'_>) -> Result<u64, PthWriteError> {
    let path = path.as_ref();
    let name = path.file_stem().map_or_else(|| "archive".into(), |stem| stem.to_string_lossy().into_owned());
    let mut file = AtomicFile::create(path)?;
    let size = write_pth_to(&mut file, &name, object)?;
    file.commit()?;
    Ok(size)
}

/// Writes an object, whose entries lie in the archive's folder `name`, and returns the size of the archive.
pub fn write_pth_to(out: impl Write, name: &str, object: &Value<'_>) -> Result<u64, PthWriteError> {
    let pickled = pickle::pickle(object);
    let mut archive = Archive::new(name, out);
    archive.entry("data.pkl", &pickled.bytes)?;
    archive.entry(".format_version", b"1")?;
    archive.entry(".storage_alignment", b"64")?;
    archive.entry("byteorder", b"little")?;
    for (key, &(weights, name)) in pickled.storages.iter().enumerate() {
        let bytes = weights.bytes(name)?;
        let needed = weights.info(name).and_then(TensorInfo::byte_len);
        if needed != Some(bytes.len()) {
            return Err(PthWriteError::Length { name: name.to_owned(), needed, found: bytes.len() });
        }
        archive.entry(&format!("data/{key}"), &bytes)?;
    }
    archive.entry("version", b"3\n")?;
    archive.entry(".data/serialization_id", b"0000000000000000000000000000000000000000")?;
    Ok(archive.finish()?)
}

#[cfg(test)]
mod tests;
