//! Stochastic gradient descent with momentum, as PyTorch and timm have it.

use bossnas_torch_shim::{add_, mul_, take_gradient};
use indexmap::IndexMap;
use tch::{TchError, Tensor};

/// The optimizer with its state: `g += decay * w; buffer = momentum * buffer + g; w -= rate * buffer`, or
/// `w -= rate * (g + momentum * buffer)` with Nesterov's momentum.
#[derive(Debug)]
pub struct Sgd {
    /// Of the buffers.
    pub momentum: f64,
    /// Whether the step looks ahead of the buffer.
    pub nesterov: bool,
    /// Decay of the weights that decay, times the learning rate.
    pub weight_decay: f64,
    buffers: IndexMap<String, Tensor>,
}

impl Sgd {
    /// With these numbers and Nesterov's momentum, as timm has it; no state.
    pub fn new(momentum: f64, weight_decay: f64) -> Self {
        Self { momentum, nesterov: true, weight_decay, buffers: IndexMap::new() }
    }

    /// The buffers of momentum by the names of their parameters.
    pub fn state(&self) -> &IndexMap<String, Tensor> {
        &self.buffers
    }

    /// Goes on with buffers that were written down.
    pub fn restore(&mut self, buffers: IndexMap<String, Tensor>) {
        self.buffers = buffers;
    }

    /// One step at learning rate `lr` for the parameters that have a gradient, which is used up.
    pub fn step<'a>(
        &mut self,
        params: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
        lr: f64,
    ) -> Result<(), TchError> {
        let (mut weights, mut gradients, mut buffers) = (Vec::new(), Vec::new(), Vec::new());
        let (mut decaying, mut of_decaying) = (Vec::new(), Vec::new());
        for (name, tensor) in params {
            let Some(gradient) = take_gradient(tensor)? else { continue };
            if !self.buffers.contains_key(name) {
                self.buffers.insert(name.to_owned(), tensor.f_detach()?.f_zeros_like()?);
            }
            if super::decays(name, &tensor.size()) {
                decaying.push(tensor.f_detach()?);
                of_decaying.push(gradient.shallow_clone());
            }
            buffers.push(self.buffers[name].shallow_clone());
            weights.push(tensor.shallow_clone());
            gradients.push(gradient);
        }
        if self.weight_decay != 0.0 {
            add_(&of_decaying, &decaying, self.weight_decay)?;
        }
        mul_(&buffers, self.momentum)?;
        add_(&buffers, &gradients, 1.0)?;
        if self.nesterov {
            add_(&gradients, &buffers, self.momentum)?;
            return add_(&weights, &gradients, -lr);
        }
        add_(&weights, &buffers, -lr)
    }
}
