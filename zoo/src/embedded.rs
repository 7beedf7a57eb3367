//! Networks that are part of the program, opened as if they were files.

use std::io;
use std::path::{Path, PathBuf};

use bossnas_converter::checkpoint::{Checkpoint, CheckpointError};
use bossnas_files::SourceFile;
use bossnas_hub::{Embedded, EmbeddedError};

/// Why such a network cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The registry speaks of another one.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// Its weights cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Its ONNX file could not be laid down.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Its weights.
pub fn checkpoint(embedded: &Embedded) -> Result<Checkpoint, OpenError> {
    let name = format!("{}.safetensors (part of the program)", embedded.name);
    Ok(Checkpoint::from_source(SourceFile::from_bytes(name, embedded.safetensors()?))?)
}

/// Lays its ONNX file down in `folder`, for those that read files; says where.
pub fn write_onnx(embedded: &Embedded, folder: &Path) -> Result<PathBuf, OpenError> {
    let path = folder.join(format!("{}.onnx", embedded.name));
    match std::fs::write(&path, embedded.onnx()?) {
        Ok(()) => Ok(path),
        Err(source) => Err(OpenError::Write { path, source }),
    }
}
