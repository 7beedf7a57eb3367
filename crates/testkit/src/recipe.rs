//! The weight recipe: every tensor of the fixtures is a pure function of name, shape, kind, gain and seed.
//!
//! FNV-1a over the name seeds splitmix64; element `i` takes its output `i` (random access, no state); the upper 24 bits
//! become a number in `[0, 1)` that the kind scales in float64; one rounding to float32 ends it. All operations are
//! exactly specified, so any language gets the same bits.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use bossnas_model::graph::Param;
use bossnas_model::random::{splitmix64, unit};
use bossnas_model::weights::{DType, Problem, TensorInfo, Weights, WeightsError};

/// The gain of networks with ReLU.
pub const RELU_GAIN: f64 = 3.0;
/// The gain of networks with SiLU and squeeze-and-excitation.
pub const SILU_GAIN: f64 = 3.5;

/// How the uniform number becomes an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Weight of a convolution or a linear layer: in `±sqrt(gain / fan_in)`.
    Weight,
    /// Scale of a batch norm: in `[0.5, 1.5)`.
    NormWeight,
    /// Any bias: in `±0.1`.
    Bias,
    /// Running mean of a batch norm: in `±0.1`.
    RunningMean,
    /// Running variance of a batch norm: in `[0.5, 1.5)`.
    RunningVar,
    /// Number of batches seen: an integer, 0.
    BatchCount,
    /// Input of a network: in `±2`.
    Input,
    /// In `±1`.
    Symmetric,
    /// In `[0, 1)`.
    Unit,
}

impl Kind {
    /// The kind of a parameter or buffer, from its name and shape. `None` for a name that says none.
    pub fn of_parameter(name: &str, shape: &[usize]) -> Option<Self> {
        if name.ends_with("num_batches_tracked") {
            Some(Self::BatchCount)
        } else if name.ends_with("running_mean") {
            Some(Self::RunningMean)
        } else if name.ends_with("running_var") {
            Some(Self::RunningVar)
        } else if name.ends_with("bias") {
            Some(Self::Bias)
        } else if name.ends_with("weight") {
            Some(if shape.len() >= 2 { Self::Weight } else { Self::NormWeight })
        } else {
            None
        }
    }

    /// The kind that the fixtures' manifest calls `text`.
    pub fn from_manifest(text: &str) -> Option<Self> {
        Some(match text {
            "weight" => Self::Weight,
            "norm_weight" => Self::NormWeight,
            "bias" => Self::Bias,
            "running_mean" => Self::RunningMean,
            "running_var" => Self::RunningVar,
            "num_batches_tracked" => Self::BatchCount,
            "input" => Self::Input,
            "sym" => Self::Symmetric,
            "unit" => Self::Unit,
            _ => return None,
        })
    }
}

/// The random bits behind a tensor: splitmix64 started from the name, read at any position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits(u64);

impl Bits {
    /// The bits of the tensor `name`.
    pub fn new(name: &str, seed: u64) -> Self {
        Self(fnv1a64(name.as_bytes()) ^ seed)
    }

    /// Output `index` of the generator.
    pub fn at(self, index: usize) -> u64 {
        splitmix64(self.0, index as u64)
    }

    /// Output `index` as a multiple of 2^-24 in `[0, 1)`.
    pub fn unit(self, index: usize) -> f64 {
        unit(self.0, index as u64)
    }
}

/// 64-bit FNV-1a.
pub fn fnv1a64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, &byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The elements of a tensor in row-major order. `gain` matters to [`Kind::Weight`] only.
pub fn values(name: &str, shape: &[usize], kind: Kind, gain: f64, seed: u64) -> Vec<f32> {
    let bits = Bits::new(name, seed);
    let spread = if kind == Kind::Weight {
        let fan_in: usize = shape.iter().skip(1).product();
        (gain / fan_in as f64).sqrt()
    } else {
        1.0
    };
    let element = |index| {
        let u = bits.unit(index);
        let value = match kind {
            Kind::Weight => (2.0 * u - 1.0) * spread,
            Kind::NormWeight | Kind::RunningVar => 0.5 + u,
            Kind::Bias | Kind::RunningMean => (2.0 * u - 1.0) * 0.1,
            Kind::BatchCount => 0.0,
            Kind::Input => (2.0 * u - 1.0) * 2.0,
            Kind::Symmetric => 2.0 * u - 1.0,
            Kind::Unit => u,
        };
        value as f32
    };
    (0..shape.iter().product()).map(element).collect()
}

/// The input `name` of a network, with the fixtures' seed.
pub fn input(name: &str, shape: &[usize]) -> Vec<f32> {
    values(name, shape, Kind::Input, 1.0, 0)
}

/// `count` integers in `range`. An empty range yields its start.
pub fn ints(name: &str, count: usize, range: Range<i64>, seed: u64) -> Vec<i64> {
    let bits = Bits::new(name, seed);
    let width = range.end.saturating_sub(range.start).max(1) as u64;
    (0..count).map(|i| range.start + ((bits.at(i) >> 40) % width) as i64).collect()
}

/// The recipe's tensors for the parameters of a network: float32, batch counts int64 zeros. Nothing is held in memory.
#[derive(Debug, Clone)]
pub struct RecipeWeights {
    names: Vec<String>,
    infos: HashMap<String, (TensorInfo, Kind)>,
    gain: f64,
    seed: u64,
}

impl RecipeWeights {
    /// Tensors for a graph's parameters, as a checkpoint would hold them. One whose name says no kind (only passes make such) is left out.
    pub fn new(params: &[Param], gain: f64, seed: u64) -> Self {
        Self::of_shapes(params.iter().map(|p| (p.name.as_str(), p.stored_shape())), gain, seed)
    }

    /// Tensors of given names and shapes. One whose name says no kind is left out.
    pub fn of_shapes<'a>(shapes: impl IntoIterator<Item = (&'a str, &'a [usize])>, gain: f64, seed: u64) -> Self {
        let mut weights = Self { names: Vec::new(), infos: HashMap::new(), gain, seed };
        for (name, shape) in shapes {
            let Some(kind) = Kind::of_parameter(name, shape) else { continue };
            let dtype = if kind == Kind::BatchCount { DType::I64 } else { DType::F32 };
            weights.names.push(name.to_owned());
            weights.infos.insert(name.to_owned(), (TensorInfo { dtype, shape: shape.to_vec() }, kind));
        }
        weights
    }
}

impl Weights for RecipeWeights {
    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.infos.get(name).map(|(info, _)| info)
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError> {
        let (info, kind) = self.infos.get(name).ok_or_else(|| WeightsError::new(name, Problem::Missing))?;
        let bytes = if info.dtype == DType::I64 {
            vec![0; info.byte_len().unwrap_or(0)]
        } else {
            bytemuck::allocation::pod_collect_to_vec(&little_endian(values(
                name,
                &info.shape,
                *kind,
                self.gain,
                self.seed,
            )))
        };
        Ok(Cow::Owned(bytes))
    }
}

/// Bit patterns that lie little-endian in memory on any machine.
fn little_endian(values: Vec<f32>) -> Vec<u32> {
    values.into_iter().map(|x| x.to_bits().to_le()).collect()
}
