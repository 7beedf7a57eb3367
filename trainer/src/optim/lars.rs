//! LARS, layer-wise adaptive rates (You et al. 2017), as the published search uses it: the learning rate goes into the
//! buffer of momentum (`REFERENCE.md` section 4; `QUIRKS.md` 34 and 37).

use bossnas_torch_shim::{LarsParts, lars_, norms, take_gradient};
use indexmap::IndexMap;
use tch::{TchError, Tensor};

/// How a parameter is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Treatment {
    /// Decays, and its rate is scaled by the ratio of its norm to that of its gradient.
    Adapted,
    /// Neither: the plain learning rate, without decay.
    Excluded,
}

/// The optimizer with its state.
#[derive(Debug)]
pub struct Lars {
    /// Scales the local rate `eta |w| / (|g| + decay |w|)`.
    pub eta: f64,
    /// Of the buffers.
    pub momentum: f64,
    /// Decay of weights that are adapted.
    pub weight_decay: f64,
    buffers: IndexMap<String, Tensor>,
}

impl Lars {
    /// The published numbers, no state.
    pub fn published() -> Self {
        Self { eta: 1e-3, momentum: 0.9, weight_decay: 1e-6, buffers: IndexMap::new() }
    }

    /// The buffers of momentum by the names of their parameters.
    pub fn state(&self) -> &IndexMap<String, Tensor> {
        &self.buffers
    }

    /// Goes on with buffers that were written down.
    pub fn restore(&mut self, buffers: IndexMap<String, Tensor>) {
        self.buffers = buffers;
    }

    /// One step at learning rate `lr`, for the parameters that have a gradient which is not all zero; these gradients are
    /// used up, the others stay away from decay and momentum. Returns the names of what was changed.
    pub fn step<'a>(
        &mut self,
        params: impl IntoIterator<Item = (&'a str, &'a Tensor, Treatment)>,
        lr: f64,
    ) -> Result<Vec<&'a str>, TchError> {
        let (mut names, mut weights, mut gradients, mut treatments) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (name, tensor, treatment) in params {
            if let Some(gradient) = take_gradient(tensor)? {
                names.push(name);
                weights.push(tensor.shallow_clone());
                gradients.push(gradient);
                treatments.push(treatment);
            }
        }
        let gradient_norms = norms(&gradients)?;
        let mut kept = Vec::with_capacity(names.len());
        for (&norm, gradient) in gradient_norms.iter().zip(&gradients) {
            kept.push(norm != 0.0 || !is_zero(gradient)?);
        }
        let mut keep = kept.iter();
        let mut is_kept = || keep.next().copied().unwrap_or(false);
        names.retain(|_| is_kept());
        let chosen = |tensors: Vec<Tensor>| -> Vec<Tensor> {
            tensors.into_iter().zip(&kept).filter_map(|(tensor, &kept)| kept.then_some(tensor)).collect()
        };
        let (weights, gradients) = (chosen(weights), chosen(gradients));
        let weight_norms = norms(&weights)?;
        let numbers =
            treatments.iter().zip(&gradient_norms).zip(&kept).filter_map(|(number, &kept)| kept.then_some(number));
        let (decays, rates): (Vec<f64>, Vec<f64>) = numbers
            .zip(&weight_norms)
            .map(|((treatment, &gradient), &weight)| match treatment {
                Treatment::Excluded => (0.0, lr),
                Treatment::Adapted => {
                    let (weight, gradient) = (f64::from(weight), f64::from(gradient));
                    let local = self.eta * weight / (gradient + self.weight_decay * weight);
                    (self.weight_decay, local * lr)
                }
            })
            .unzip();
        let mut buffers = Vec::with_capacity(names.len());
        for (&name, weight) in names.iter().zip(&weights) {
            if !self.buffers.contains_key(name) {
                self.buffers.insert(name.to_owned(), weight.f_detach()?.f_zeros_like()?);
            }
            buffers.push(self.buffers[name].shallow_clone());
        }
        let (weights, gradients, buffers) = (&weights[..], &gradients[..], &buffers[..]);
        lars_(&LarsParts { weights, gradients, buffers, decays: &decays, rates: &rates }, self.momentum)?;
        Ok(names)
    }
}

/// Whether all elements are 0; a norm of 0 may also be that of very small ones.
fn is_zero(tensor: &Tensor) -> Result<bool, TchError> {
    Ok(tensor.f_abs()?.f_max()?.f_double_value(&[])? == 0.0)
}
