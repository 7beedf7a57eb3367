//! How a module runs: all that is not part of the network itself.

use bossnas_model::graph::drop_path_rate;
use bossnas_model::random::{splitmix64, unit};
use bossnas_torch_shim::Autocast;
use tch::{Device, Kind, TchError, Tensor};

use super::norm::Statistics;
use super::shared::Shared;

/// Which statistics batch norms normalise with.
#[derive(Debug)]
pub enum Norm<'a> {
    /// Those of the batch; the running ones follow: `running += momentum * (batch - running)`, the variance unbiased.
    Train {
        /// 0.1 in all published networks.
        momentum: f64,
        /// How many batches this one stands for.
        batches: i64,
    },
    /// The running ones.
    Eval,
    /// Those of the batch, which are kept aside (the variance unbiased); the running ones stay as they are.
    Estimate(&'a mut Statistics),
    /// Those that an estimate kept aside.
    Given(&'a Statistics),
}

/// Number format of what gains from a smaller one, by PyTorch's autocast lists; all else stays in float32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// All in float32.
    #[default]
    Full,
    /// bfloat16, whose range is that of float32.
    Bf16,
    /// float16: gradients need a [`LossScaler`](crate::optim::LossScaler).
    Fp16,
}

impl Precision {
    /// Mixed precision on a device until the guard is dropped; `None` for float32.
    pub fn enter(self, device: Device) -> Result<Option<Autocast>, TchError> {
        let kind = match self {
            Self::Full => return Ok(None),
            Self::Bf16 => Kind::BFloat16,
            Self::Fp16 => Kind::Half,
        };
        Autocast::enter(matches!(device, Device::Cuda(_)), kind).map(Some)
    }
}

/// Stochastic depth in training: each draw is a pure function of key, block and sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DropPath {
    /// The network's nominal rate; a block's own follows from its number.
    pub rate: f64,
    /// Names the step: another key, other draws.
    pub key: u64,
}

impl DropPath {
    /// The branch `[n, c, h, w]` of block number `block` with some samples dropped and the others scaled up by the same.
    pub(super) fn apply(self, branch: &Tensor, block: usize) -> Result<Tensor, TchError> {
        let keep = 1.0 - drop_path_rate(self.rate, block);
        if keep >= 1.0 {
            return Ok(branch.shallow_clone());
        }
        let samples = branch.size().first().copied().unwrap_or_default();
        let stream = splitmix64(self.key, block as u64);
        let kept = |sample: i64| keep + unit(stream, sample as u64) >= 1.0;
        let factors: Vec<f32> = (0..samples).map(|n| if kept(n) { (1.0 / keep) as f32 } else { 0.0 }).collect();
        let factors = Tensor::f_from_slice(&factors)?.f_view([samples, 1, 1, 1])?;
        branch.f_mul(&factors.f_to_device(branch.device())?.f_to_kind(branch.kind())?)
    }
}

/// Features that are left out in front of a linear layer in training, the others scaled up: each draw is a pure function of key,
/// sample and feature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// The share of features that is left out.
    pub rate: f64,
    /// Names the step: another key, other draws.
    pub key: u64,
}

impl Dropout {
    /// Features `[n, c]` with some of them 0 and the others scaled up by the same.
    pub(super) fn apply(self, features: &Tensor) -> Result<Tensor, TchError> {
        let keep = 1.0 - self.rate;
        if keep >= 1.0 {
            return Ok(features.shallow_clone());
        }
        let factor = |index: usize| if unit(self.key, index as u64) < keep { (1.0 / keep) as f32 } else { 0.0 };
        let factors: Vec<f32> = (0..features.numel()).map(factor).collect();
        let factors = Tensor::f_from_slice(&factors)?.f_view(features.size().as_slice())?;
        features.f_mul(&factors.f_to_device(features.device())?.f_to_kind(features.kind())?)
    }
}

/// How a module runs.
#[derive(Debug)]
pub struct Mode<'a> {
    /// Which statistics batch norms take.
    pub norm: Norm<'a>,
    /// Stochastic depth; `None` keeps every branch.
    pub drop_path: Option<DropPath>,
    /// Dropout in front of every linear layer; `None` keeps every feature.
    pub dropout: Option<Dropout>,
    /// Number format.
    pub precision: Precision,
    /// Maps with the channels of a pixel side by side, which is what most convolutions are fastest with.
    pub channels_last: bool,
    /// What is taken from, and left for, other networks that read the same input.
    pub shared: Option<&'a mut Shared>,
}

impl Mode<'_> {
    /// Training in float32: statistics of the batch, running ones follow by 0.1, no branch dropped.
    pub fn train() -> Self {
        Self::with(Norm::Train { momentum: 0.1, batches: 1 })
    }

    /// Evaluation in float32 with running statistics.
    pub fn eval() -> Self {
        Self::with(Norm::Eval)
    }
}

impl<'a> Mode<'a> {
    /// Float32, channels last, no branch dropped.
    pub fn with(norm: Norm<'a>) -> Self {
        Self { norm, drop_path: None, dropout: None, precision: Precision::Full, channels_last: true, shared: None }
    }
}
