//! Named tensors on a device: the weights of one or several networks, under the names of the state dict.

use std::fmt;

use bossnas_model::graph::{Param, Role};
use bossnas_model::weights::{DType, Weights};
use indexmap::IndexMap;
use tch::{Device, Kind, Tensor};

use super::module::TorchError;
use super::transfer::from_f32;

/// Named tensors on a device, in the order they were added.
#[derive(Debug, Default)]
pub struct Params {
    tensors: IndexMap<String, Tensor>,
}

/// Where and how tensors are held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// The device.
    pub device: Device,
    /// Their type: float32 but for tests, which compute in float64.
    pub kind: Kind,
    /// Whether parameters that are no buffers gather gradients.
    pub trained: bool,
}

impl Placement {
    /// Float32 on the processor, to train.
    pub const TRAINED: Self = Self { device: Device::Cpu, kind: Kind::Float, trained: true };
    /// Float32 on the processor, to run.
    pub const FIXED: Self = Self { device: Device::Cpu, kind: Kind::Float, trained: false };
}

/// A parameter that is not there, or has another shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Its name.
    pub name: String,
    /// The extents that are needed.
    pub expected: Vec<usize>,
    /// The extents that were found; `None` where there is no such tensor.
    pub found: Option<Vec<usize>>,
}

/// All parameters that do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfits(pub Vec<Misfit>);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, expected, found } = self;
        match found {
            None => write!(f, "`{}` {expected:?} is missing", name.escape_debug()),
            Some(found) => write!(f, "`{}` is {found:?}, {expected:?} is needed", name.escape_debug()),
        }
    }
}

impl fmt::Display for Misfits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the weights do not fit:", self.0.len())?;
        self.0.iter().try_for_each(|misfit| write!(f, "\n  {misfit}"))
    }
}

impl std::error::Error for Misfits {}

impl Params {
    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// Names and tensors, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Adds or replaces a tensor.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.tensors.insert(name.into(), tensor);
    }

    /// Adds the parameters that are asked for, each under the name it has in `weights`; what is there already stays. Fails
    /// with all that are missing or have another shape than their stored one, before anything is read.
    ///
    /// Convolution weights come in channels-last format: that is what they are multiplied in.
    pub fn load(
        &mut self,
        params: impl IntoIterator<Item = (String, Param)>,
        weights: &dyn Weights,
        placement: Placement,
    ) -> Result<(), TorchError> {
        let wanted: IndexMap<String, Param> =
            params.into_iter().filter(|(name, _)| !self.tensors.contains_key(name)).collect();
        let misfit = |(name, param): (&String, &Param)| {
            let expected = param.stored_shape();
            let found = weights.info(name).map(|info| info.shape.clone());
            let fits = found.as_deref() == Some(expected) || (found.is_none() && param.role == Role::BatchCount);
            (!fits).then(|| Misfit { name: name.clone(), expected: expected.to_vec(), found })
        };
        let misfits: Vec<Misfit> = wanted.iter().filter_map(misfit).collect();
        if !misfits.is_empty() {
            return Err(Misfits(misfits).into());
        }
        for (name, param) in wanted {
            let tensor = read(&name, &param, weights, placement)?;
            let tensor = tensor.set_requires_grad(placement.trained && !param.role.is_buffer());
            self.tensors.insert(name, tensor);
        }
        Ok(())
    }
}

fn read(name: &str, param: &Param, weights: &dyn Weights, placement: Placement) -> Result<Tensor, TorchError> {
    let Placement { device, kind, .. } = placement;
    let shape = param.stored_shape();
    if param.role == Role::BatchCount {
        return Ok(Tensor::f_zeros(Vec::<i64>::new(), (Kind::Int64, device))?.f_fill_(count(name, weights)?)?);
    }
    let values = weights.f32(name)?;
    let tensor = from_f32(&values, shape, device)?.f_to_kind(kind)?;
    let is_kernel = param.role == Role::ConvWeight && shape.len() == 4;
    Ok(if is_kernel { bossnas_torch_shim::channels_last(&tensor)? } else { tensor })
}

/// Batches that a batch norm has seen; none where the weights do not say.
fn count(name: &str, weights: &dyn Weights) -> Result<i64, TorchError> {
    if weights.info(name).is_none_or(|info| info.dtype != DType::I64) {
        return Ok(0);
    }
    let bytes = weights.bytes(name)?;
    Ok(bytes.first_chunk().copied().map_or(0, i64::from_le_bytes))
}
