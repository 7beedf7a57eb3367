//! The optimizers that a network is retrained with, as one.

use indexmap::IndexMap;
use tch::{TchError, Tensor};

use super::adamw::{AdamW, Moments};
use super::sgd::Sgd;

/// An optimizer with its state.
#[derive(Debug)]
pub enum Optimizer {
    /// The published one.
    AdamW(AdamW),
    /// With momentum.
    Sgd(Sgd),
}

const MEAN: &str = "mean.";
const SQUARE: &str = "square.";
const STEPS: &str = "steps.";
const MOMENTUM: &str = "momentum.";

impl Optimizer {
    /// One step at learning rate `lr` for the parameters that have a gradient, which is used up.
    pub fn step<'a>(
        &mut self,
        params: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
        lr: f64,
    ) -> Result<(), TchError> {
        match self {
            Self::AdamW(adamw) => adamw.step(params, lr),
            Self::Sgd(sgd) => sgd.step(params, lr),
        }
    }

    /// Its state: tensors that are called after the parameters they belong to.
    pub fn tensors(&self) -> Vec<(String, Tensor)> {
        match self {
            Self::AdamW(adamw) => {
                let tensors = adamw.state().iter().flat_map(|(name, Moments { mean, square, steps })| {
                    [(MEAN, mean), (SQUARE, square), (STEPS, steps)]
                        .map(|(prefix, tensor)| (format!("{prefix}{name}"), tensor.shallow_clone()))
                });
                tensors.collect()
            }
            Self::Sgd(sgd) => {
                let buffers = sgd.state().iter();
                buffers.map(|(name, tensor)| (format!("{MOMENTUM}{name}"), tensor.shallow_clone())).collect()
            }
        }
    }

    /// Goes on with a state that was written down: `read` has the tensors by the names of [`tensors`](Self::tensors), `None`
    /// where there was none. They are brought into the memory format of their parameters.
    pub fn restore<'a, E: From<TchError>>(
        &mut self,
        params: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
        mut read: impl FnMut(&str) -> Result<Option<Tensor>, E>,
    ) -> Result<(), E> {
        let mut like = |param: &Tensor, name: String| -> Result<Option<Tensor>, E> {
            let Some(values) = read(&name)? else { return Ok(None) };
            let buffer = param.f_detach()?.f_zeros_like()?;
            buffer.shallow_clone().f_copy_(&values)?;
            Ok(Some(buffer))
        };
        match self {
            Self::AdamW(adamw) => {
                let mut all = IndexMap::new();
                for (name, param) in params {
                    let mean = like(param, format!("{MEAN}{name}"))?;
                    let square = like(param, format!("{SQUARE}{name}"))?;
                    if let (Some(mean), Some(square)) = (mean, square) {
                        all.insert(name.to_owned(), (mean, square));
                    }
                }
                let mut moments = IndexMap::new();
                for (name, (mean, square)) in all {
                    if let Some(steps) = read(&format!("{STEPS}{name}"))? {
                        moments.insert(name, Moments { mean, square, steps });
                    }
                }
                adamw.restore(moments);
            }
            Self::Sgd(sgd) => {
                let mut buffers = IndexMap::new();
                for (name, param) in params {
                    if let Some(buffer) = like(param, format!("{MOMENTUM}{name}"))? {
                        buffers.insert(name.to_owned(), buffer);
                    }
                }
                sgd.restore(buffers);
            }
        }
        Ok(())
    }
}
