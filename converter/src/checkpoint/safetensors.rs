//! Reading the header of a safetensors file.
//!
//! Format: <https://github.com/huggingface/safetensors#format>. Eight bytes tell the length of a JSON object, which gives
//! each tensor's type, shape and place in the bytes that follow. Those bytes must be covered exactly once. The format's
//! own crate wants the whole file in memory, so the header is read here.

use std::collections::BTreeMap;
use std::fmt;

use bossnas_files::{ReadError, SourceFile};
use bossnas_model::weights::{DType, TensorInfo};
use bossnas_pickle::shown;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

/// Largest header that is looked at; a network of a thousand tensors needs 100 KB.
const MAX_HEADER: u64 = 8 << 20;

/// How a safetensors file can be wrong.
#[derive(Debug, thiserror::Error)]
pub enum SafetensorsError {
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file ends within its header.
    #[error("its header of {header} bytes does not fit into the file of {file}")]
    Cut {
        /// Length that the file states.
        header: u64,
        /// Length of the file.
        file: u64,
    },
    /// The header is larger than any network needs.
    #[error("its header has {0} bytes, more than {MAX_HEADER}")]
    HeaderTooLarge(u64),
    /// The header is no JSON object of tensors.
    #[error("its header is malformed: {0}")]
    Json(String),
    /// A name is there twice.
    #[error("its header has `{0}` twice")]
    Twice(String),
    /// An element type that is not known here.
    #[error("tensor `{name}` has the type {dtype}, which is not supported")]
    DType {
        /// The tensor.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// Type, shape and place of a tensor contradict each other.
    #[error("tensor `{name}` of shape {shape:?} cannot have the bytes {begin} to {end}")]
    Size {
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Its first byte behind the header.
        begin: u64,
        /// The byte behind its last.
        end: u64,
    },
    /// A tensor begins before another ends, or bytes between two belong to none.
    #[error("tensor `{name}` begins at byte {begin}, the one before it ends at {expected}")]
    Layout {
        /// The tensor.
        name: String,
        /// Its first byte behind the header.
        begin: u64,
        /// Where it should begin.
        expected: u64,
    },
    /// The file is longer or shorter than its tensors.
    #[error("its tensors have {tensors} bytes, the file has {file} for them")]
    Length {
        /// End of the last tensor.
        tensors: u64,
        /// Bytes behind the header.
        file: u64,
    },
}

/// A tensor, and where in the file it begins.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) name: String,
    pub(super) info: TensorInfo,
    pub(super) at: u64,
    pub(super) len: u64,
}

/// What the header says, in its order.
#[derive(Debug)]
pub(super) struct Safetensors {
    pub(super) tensors: Vec<Placed>,
    pub(super) metadata: BTreeMap<String, String>,
}

impl Safetensors {
    /// Reads and checks the header.
    pub(super) fn open(file: &SourceFile) -> Result<Self, SafetensorsError> {
        let mut length = [0; 8];
        file.read_exact_at(0, &mut length)?;
        let length = u64::from_le_bytes(length);
        let room = file.len() - 8;
        if length > room {
            return Err(SafetensorsError::Cut { header: length, file: file.len() });
        }
        if length > MAX_HEADER {
            return Err(SafetensorsError::HeaderTooLarge(length));
        }
        let header: Header = serde_json::from_slice(&file.read_at(8, length)?)
            .map_err(|e| SafetensorsError::Json(shown(&e.to_string())))?;
        let data_at = 8 + length;
        let tensors: Vec<Placed> =
            header.tensors.into_iter().map(|(name, entry)| entry.placed(name, data_at)).collect::<Result<_, _>>()?;
        check_layout(&tensors, data_at, file.len())?;
        check_names(&tensors)?;
        Ok(Self { tensors, metadata: header.metadata })
    }
}

fn check_layout(tensors: &[Placed], data_at: u64, file_len: u64) -> Result<(), SafetensorsError> {
    let mut by_place: Vec<&Placed> = tensors.iter().collect();
    by_place.sort_by_key(|tensor| (tensor.at, tensor.len));
    let mut position = data_at;
    for tensor in by_place {
        if tensor.at != position {
            let name = shown(&tensor.name);
            return Err(SafetensorsError::Layout { name, begin: tensor.at - data_at, expected: position - data_at });
        }
        position += tensor.len;
    }
    if position != file_len {
        return Err(SafetensorsError::Length { tensors: position - data_at, file: file_len - data_at });
    }
    Ok(())
}

fn check_names(tensors: &[Placed]) -> Result<(), SafetensorsError> {
    let mut names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    names.sort_unstable();
    match names.array_windows().find(|[a, b]| a == b) {
        Some([name, _]) => Err(SafetensorsError::Twice(shown(name))),
        None => Ok(()),
    }
}

/// The name of an element type in a header.
pub(super) const fn dtype_name(dtype: DType) -> &'static str {
    match dtype {
        DType::F64 => "F64",
        DType::F32 => "F32",
        DType::F16 => "F16",
        DType::Bf16 => "BF16",
        DType::I64 => "I64",
        DType::I32 => "I32",
        DType::I16 => "I16",
        DType::I8 => "I8",
        DType::U8 => "U8",
        DType::Bool => "BOOL",
    }
}

fn dtype_of(name: &str) -> Option<DType> {
    use DType::{Bf16, Bool, F16, F32, F64, I8, I16, I32, I64, U8};
    [F64, F32, F16, Bf16, I64, I32, I16, I8, U8, Bool].into_iter().find(|&dtype| dtype_name(dtype) == name)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

impl Entry {
    fn placed(self, name: String, data_at: u64) -> Result<Placed, SafetensorsError> {
        let (begin, end) = self.data_offsets;
        let Some(dtype) = dtype_of(&self.dtype) else {
            return Err(SafetensorsError::DType { name: shown(&name), dtype: shown(&self.dtype) });
        };
        let info = TensorInfo { dtype, shape: self.shape };
        let len = end.checked_sub(begin);
        let at = begin.checked_add(data_at);
        match (len, at, end.checked_add(data_at)) {
            (Some(len), Some(at), Some(_)) if info.byte_len().map(|n| n as u64) == Some(len) => {
                Ok(Placed { name, info, at, len })
            }
            _ => Err(SafetensorsError::Size { name: shown(&name), shape: info.shape, begin, end }),
        }
    }
}

/// The whole header. A map type would keep one of two equal names in silence.
struct Header {
    tensors: Vec<(String, Entry)>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let (mut tensors, mut metadata) = (Vec::new(), None);
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        if metadata.replace(map.next_value()?).is_some() {
                            return Err(A::Error::custom("two `__metadata__`"));
                        }
                    } else {
                        tensors.push((name, map.next_value()?));
                    }
                }
                Ok(Header { tensors, metadata: metadata.unwrap_or_default() })
            }
        }

        deserializer.deserialize_map(Entries)
    }
}
