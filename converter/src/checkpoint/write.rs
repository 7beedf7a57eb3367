//! Writing a safetensors file, one tensor at a time.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use bossnas_files::{AtomicFile, WriteError};
use bossnas_model::weights::{TensorInfo, Weights, WeightsError};
use serde_json::{Map, Value, json};

use super::safetensors::dtype_name;

/// Data begins at a multiple of this, as the format's own writer has it.
const ALIGNMENT: usize = 8;

/// Why a safetensors file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SafetensorsWriteError {
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The writer failed.
    #[error("cannot write: {0}")]
    Io(io::Error),
    /// A tensor could not be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A name is given twice, or is the one that the format keeps for itself.
    #[error("`{0}` cannot be written as the name of a tensor")]
    Name(String),
    /// Weights whose bytes are not as many as they said.
    #[error("tensor `{name}` has {found} bytes, its shape needs {needed}")]
    Length {
        /// The tensor.
        name: String,
        /// Bytes that its shape needs.
        needed: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// More than can be addressed.
    #[error("tensor `{0}` is too large")]
    TooLarge(String),
}

impl From<io::Error> for SafetensorsWriteError {
    fn from(error: io::Error) -> Self {
        // An `AtomicFile` puts its own error, which names the path, into the one that `Write` returns.
        match error.downcast() {
            Ok(error) => Self::Write(error),
            Err(error) => Self::Io(error),
        }
    }
}

/// Writes the tensors `names` to `path`, whole or not at all. See [`write_safetensors_to`].
pub fn write_safetensors(
    path: impl AsRef<Path>,
    weights: &dyn Weights,
    names: &[&str],
    metadata: &BTreeMap<String, String>,
) -> Result<(), SafetensorsWriteError> {
    let mut file = AtomicFile::create(path)?;
    write_safetensors_to(&mut file, weights, names, metadata)?;
    Ok(file.commit()?)
}

/// Writes the tensors `names` in safetensors format. The header lists them in the given order; their data follows with
/// the widest element types first, so that every tensor is aligned. The same input gives the same bytes. Each tensor is
/// read when it is written and dropped before the next.
pub fn write_safetensors_to(
    mut writer: impl Write,
    weights: &dyn Weights,
    names: &[&str],
    metadata: &BTreeMap<String, String>,
) -> Result<(), SafetensorsWriteError> {
    let infos: Vec<&TensorInfo> = names.iter().map(|name| weights.require(name)).collect::<Result<_, _>>()?;
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(infos[i].dtype.size()));

    let mut places = vec![(0_u64, 0_u64); names.len()];
    let mut position = 0_u64;
    for &i in &order {
        let too_large = || SafetensorsWriteError::TooLarge(names[i].to_owned());
        let len = infos[i].byte_len().ok_or_else(too_large)? as u64;
        let end = position.checked_add(len).ok_or_else(too_large)?;
        places[i] = (position, end);
        position = end;
    }

    let mut header = Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".to_owned(), json!(metadata));
    }
    for ((&name, info), (begin, end)) in names.iter().zip(&infos).zip(&places) {
        let entry = json!({ "dtype": dtype_name(info.dtype), "shape": info.shape, "data_offsets": [begin, end] });
        if name == "__metadata__" || header.insert(name.to_owned(), entry).is_some() {
            return Err(SafetensorsWriteError::Name(name.to_owned()));
        }
    }
    let mut text = Value::Object(header).to_string();
    text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(ALIGNMENT) - text.len()));
    writer.write_all(&(text.len() as u64).to_le_bytes())?;
    writer.write_all(text.as_bytes())?;

    for i in order {
        let bytes = weights.bytes(names[i])?;
        let needed = (places[i].1 - places[i].0) as usize;
        if bytes.len() != needed {
            return Err(SafetensorsWriteError::Length { name: names[i].to_owned(), needed, found: bytes.len() });
        }
        writer.write_all(&bytes)?;
    }
    Ok(writer.flush()?)
}
