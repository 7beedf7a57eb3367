//! Where numbers come from: a read-only map from parameter name to tensor.
//!
//! A checkpoint, a safetensors file, a seeded initialiser and the result of a pass are all [`Weights`]. Nothing is read
//! before it is asked for, so a file of hundreds of megabytes costs the memory of one tensor at a time.

mod cut;
mod renamed;

pub use cut::Cut;
pub use renamed::Renamed;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Element type of a stored tensor. Multi-byte elements are little-endian wherever bytes are handed around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DType {
    /// IEEE 754 binary64.
    F64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    Bf16,
    /// Signed 64-bit integer.
    I64,
    /// Signed 32-bit integer.
    I32,
    /// Signed 16-bit integer.
    I16,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 8-bit integer.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

impl DType {
    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Whether elements are floating-point numbers.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::Bf16)
    }

    /// The name PyTorch prints, without `torch.`: `float32`, `bfloat16`, `int64`, ...
    pub const fn name(self) -> &'static str {
        match self {
            Self::F64 => "float64",
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
            Self::I64 => "int64",
            Self::I32 => "int32",
            Self::I16 => "int16",
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::Bool => "bool",
        }
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What is known of a tensor without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Element type.
    pub dtype: DType,
    /// Extents, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
}

impl TensorInfo {
    /// Number of elements, `None` if it does not fit a `usize`.
    pub fn elements(&self) -> Option<usize> {
        self.shape.iter().try_fold(1_usize, |n, &extent| n.checked_mul(extent))
    }

    /// Number of bytes when stored without gaps, `None` if it does not fit a `usize`.
    pub fn byte_len(&self) -> Option<usize> {
        self.elements()?.checked_mul(self.dtype.size())
    }
}

/// Why a tensor could not be read.
#[derive(Debug, thiserror::Error)]
#[error("tensor `{name}`: {problem}")]
pub struct WeightsError {
    /// Parameter name.
    pub name: String,
    /// What went wrong.
    #[source]
    pub problem: Problem,
}

/// The kinds of [`WeightsError`].
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No tensor of that name.
    #[error("not there")]
    Missing,
    /// It holds elements that are no floating-point numbers where such are needed.
    #[error("holds {0}, a floating-point type is needed")]
    NotFloat(DType),
    /// Its extents multiply to more than can be addressed.
    #[error("its {0:?} elements are too many to address")]
    TooLarge(Vec<usize>),
    /// The source failed: a file could not be read, or changed meanwhile.
    #[error("{0}")]
    Source(Box<dyn std::error::Error + Send + Sync>),
}

impl WeightsError {
    /// An error about `name`.
    pub fn new(name: &str, problem: Problem) -> Self {
        Self { name: name.to_owned(), problem }
    }

    /// An error of the source (a file, a pass) about `name`.
    pub fn source(name: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(name, Problem::Source(error.into()))
    }
}

/// A read-only map from parameter name to tensor.
pub trait Weights: Send + Sync {
    /// All names, in the order of the source.
    fn names(&self) -> Vec<&str>;

    /// Element type and shape, `None` if there is no such tensor.
    fn info(&self, name: &str) -> Option<&TensorInfo>;

    /// The elements, little-endian, in row-major order without gaps: exactly [`TensorInfo::byte_len`] bytes.
    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError>;

    /// The elements as float64, in row-major order. Fails for integer tensors.
    fn f64(&self, name: &str) -> Result<Vec<f64>, WeightsError> {
        let dtype = self.require(name)?.dtype;
        let bytes = self.bytes(name)?;
        decode(dtype, &bytes, |x| x, f64::from, half::f16::to_f64, half::bf16::to_f64)
            .ok_or_else(|| WeightsError::new(name, Problem::NotFloat(dtype)))
    }

    /// The elements as float32, in row-major order, each rounded once. Fails for integer tensors.
    fn f32(&self, name: &str) -> Result<Vec<f32>, WeightsError> {
        let dtype = self.require(name)?.dtype;
        let bytes = self.bytes(name)?;
        decode(dtype, &bytes, |x| x as f32, |x| x, half::f16::to_f32, half::bf16::to_f32)
            .ok_or_else(|| WeightsError::new(name, Problem::NotFloat(dtype)))
    }

    /// Like [`Weights::info`], an error when there is no such tensor.
    fn require(&self, name: &str) -> Result<&TensorInfo, WeightsError> {
        self.info(name).ok_or_else(|| WeightsError::new(name, Problem::Missing))
    }
}

/// Weights that several readers hold at once.
pub type SharedWeights = Arc<dyn Weights>;

/// The bytes of float32 values as tensors store them.
pub fn little_endian(values: &[f32]) -> Vec<u8> {
    let bits: Vec<u32> = values.iter().map(|x| x.to_bits().to_le()).collect();
    bytemuck::cast_slice(&bits).to_vec()
}

fn decode<T>(
    dtype: DType,
    bytes: &[u8],
    f64: impl Fn(f64) -> T,
    f32: impl Fn(f32) -> T,
    f16: impl Fn(half::f16) -> T,
    bf16: impl Fn(half::bf16) -> T,
) -> Option<Vec<T>> {
    fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
        bytes.as_chunks::<N>().0.iter().copied()
    }
    Some(match dtype {
        DType::F64 => chunks(bytes).map(|b| f64(f64::from_le_bytes(b))).collect(),
        DType::F32 => chunks(bytes).map(|b| f32(f32::from_le_bytes(b))).collect(),
        DType::F16 => chunks(bytes).map(|b| f16(half::f16::from_le_bytes(b))).collect(),
        DType::Bf16 => chunks(bytes).map(|b| bf16(half::bf16::from_le_bytes(b))).collect(),
        DType::I64 | DType::I32 | DType::I16 | DType::I8 | DType::U8 | DType::Bool => return None,
    })
}

/// A tensor held in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryTensor {
    info: TensorInfo,
    bytes: Vec<u8>,
}

impl MemoryTensor {
    /// A float32 tensor of `shape`. `None` if the number of values is another.
    pub fn f32(shape: &[usize], values: &[f32]) -> Option<Self> {
        let info = TensorInfo { dtype: DType::F32, shape: shape.to_vec() };
        (info.elements() == Some(values.len())).then(|| Self { bytes: little_endian(values), info })
    }

    /// A tensor from its little-endian bytes. `None` if their number does not fit.
    pub fn new(info: TensorInfo, bytes: Vec<u8>) -> Option<Self> {
        (info.byte_len() == Some(bytes.len())).then_some(Self { info, bytes })
    }
}

/// Weights held in memory, in order of insertion.
#[derive(Debug, Clone, Default)]
pub struct MemoryWeights {
    order: Vec<String>,
    tensors: BTreeMap<String, MemoryTensor>,
}

impl MemoryWeights {
    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: impl Into<String>, tensor: MemoryTensor) {
        let name = name.into();
        if self.tensors.insert(name.clone(), tensor).is_none() {
            self.order.push(name);
        }
    }
}

impl Weights for MemoryWeights {
    fn names(&self) -> Vec<&str> {
        self.order.iter().map(String::as_str).collect()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name).map(|t| &t.info)
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError> {
        let tensor = self.tensors.get(name).ok_or_else(|| WeightsError::new(name, Problem::Missing))?;
        Ok(Cow::Borrowed(&tensor.bytes))
    }
}

type Compute = dyn Fn(&dyn Weights) -> Result<Vec<f64>, WeightsError> + Send + Sync;

struct Derived {
    info: TensorInfo,
    compute: Box<Compute>,
}

/// Weights seen through what a pass changed: derived tensors are computed from the base when they are read, in float64,
/// and rounded to float32 once, at the end of a chain of passes.
pub struct Overlay {
    base: SharedWeights,
    derived: BTreeMap<String, Derived>,
}

impl Overlay {
    /// An overlay that changes nothing yet.
    pub fn new(base: SharedWeights) -> Self {
        Self { base, derived: BTreeMap::new() }
    }

    /// Adds or replaces the tensor `name`: `compute` gets the base and returns its elements in row-major order.
    pub fn derive(
        &mut self,
        name: impl Into<String>,
        shape: Vec<usize>,
        compute: impl Fn(&dyn Weights) -> Result<Vec<f64>, WeightsError> + Send + Sync + 'static,
    ) {
        let info = TensorInfo { dtype: DType::F32, shape };
        self.derived.insert(name.into(), Derived { info, compute: Box::new(compute) });
    }
}

impl Weights for Overlay {
    fn names(&self) -> Vec<&str> {
        let base = self.base.names();
        let new = self.derived.keys().map(String::as_str).filter(|&name| self.base.info(name).is_none());
        let new: Vec<&str> = new.collect();
        base.into_iter().chain(new).collect()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.derived.get(name).map(|d| &d.info).or_else(|| self.base.info(name))
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError> {
        match self.derived.get(name) {
            Some(d) => {
                let rounded: Vec<f32> = (d.compute)(&*self.base)?.into_iter().map(|x| x as f32).collect();
                Ok(little_endian(&rounded).into())
            }
            None => self.base.bytes(name),
        }
    }

    fn f64(&self, name: &str) -> Result<Vec<f64>, WeightsError> {
        match self.derived.get(name) {
            Some(d) => (d.compute)(&*self.base),
            None => self.base.f64(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_overlays_rounds_once() {
        let mut base = MemoryWeights::default();
        base.insert("w", MemoryTensor::f32(&[1], &[1.0]).unwrap());
        let mut third = Overlay::new(Arc::new(base));
        third.derive("w", vec![1], |w| Ok(w.f64("w")?.iter().map(|x| x / 3.0).collect()));
        let mut back = Overlay::new(Arc::new(third));
        back.derive("w", vec![1], |w| Ok(w.f64("w")?.iter().map(|x| x * 3.0 * (1.0 + 1e-9)).collect()));
        assert_eq!(back.f64("w").unwrap(), [1.0 / 3.0 * 3.0 * (1.0 + 1e-9)]);
        assert_eq!(back.f32("w").unwrap(), [1.0]);
    }

    #[test]
    fn every_float_type_reads_as_float32() {
        let mut weights = MemoryWeights::default();
        let half = half::f16::from_f32(0.1).to_le_bytes().to_vec();
        let info = |dtype| TensorInfo { dtype, shape: vec![1] };
        weights.insert("h", MemoryTensor::new(info(DType::F16), half).unwrap());
        weights
            .insert("b", MemoryTensor::new(info(DType::Bf16), half::bf16::from_f32(0.1).to_le_bytes().into()).unwrap());
        weights.insert("d", MemoryTensor::new(info(DType::F64), 0.1_f64.to_le_bytes().into()).unwrap());
        weights.insert("i", MemoryTensor::new(info(DType::I64), 1_i64.to_le_bytes().into()).unwrap());
        assert_eq!(weights.f32("h").unwrap(), [0.099_975_586]);
        assert_eq!(weights.f32("b").unwrap(), [0.100_097_656]);
        assert_eq!(weights.f32("d").unwrap(), [0.1]);
        assert!(matches!(weights.f32("i"), Err(WeightsError { problem: Problem::NotFloat(DType::I64), .. })));
        assert!(matches!(weights.bytes("x"), Err(WeightsError { problem: Problem::Missing, .. })));
    }
}
