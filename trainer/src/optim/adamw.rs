//! AdamW (Loshchilov and Hutter 2019) as timm sets it up: no decay for 1-d parameters and biases (`REFERENCE.md` section 5,
//! `QUIRKS.md` 14).

use bossnas_torch_shim::{AdamWNumbers, AdamWParts, adamw_, take_gradient};
use indexmap::IndexMap;
use tch::{Kind, TchError, Tensor};

/// The running moments of one parameter.
#[derive(Debug)]
pub struct Moments {
    /// Mean of the gradients.
    pub mean: Tensor,
    /// Mean of the squared gradients.
    pub square: Tensor,
    /// Steps done, a float32 scalar.
    pub steps: Tensor,
}

/// The optimizer with its state.
#[derive(Debug)]
pub struct AdamW {
    /// Decay of the means of gradients and of their squares.
    pub betas: (f64, f64),
    /// Added to the root of the mean square.
    pub eps: f64,
    /// Decay of the weights, times the learning rate.
    pub weight_decay: f64,
    moments: IndexMap<String, Moments>,
}

impl AdamW {
    /// The published numbers with this decay, no state.
    pub fn new(weight_decay: f64) -> Self {
        Self { betas: (0.9, 0.999), eps: 1e-8, weight_decay, moments: IndexMap::new() }
    }

    /// The running moments by the names of their parameters.
    pub fn state(&self) -> &IndexMap<String, Moments> {
        &self.moments
    }

    /// Goes on with moments that were written down.
    pub fn restore(&mut self, moments: IndexMap<String, Moments>) {
        self.moments = moments;
    }

    /// One step at learning rate `lr` for the parameters that have a gradient, which is used up.
    pub fn step<'a>(
        &mut self,
        params: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
        lr: f64,
    ) -> Result<(), TchError> {
        let mut groups: [Group; 2] = Default::default();
        for (name, tensor) in params {
            let Some(gradient) = take_gradient(tensor)? else { continue };
            if !self.moments.contains_key(name) {
                let zeros = || tensor.f_detach()?.f_zeros_like();
                let steps = Tensor::f_zeros(Vec::<i64>::new(), (Kind::Float, tensor.device()))?;
                self.moments.insert(name.to_owned(), Moments { mean: zeros()?, square: zeros()?, steps });
            }
            let moments = &self.moments[name];
            let group = &mut groups[usize::from(super::decays(name, &tensor.size()))];
            group.weights.push(tensor.shallow_clone());
            group.gradients.push(gradient);
            group.means.push(moments.mean.shallow_clone());
            group.squares.push(moments.square.shallow_clone());
            group.steps.push(moments.steps.shallow_clone());
        }
        let [fixed, decaying] = groups;
        for (group, decay) in [(fixed, 0.0), (decaying, self.weight_decay)] {
            let Group { weights, gradients, means, squares, steps } = &group;
            let parts = AdamWParts { weights, gradients, means, squares, steps };
            adamw_(&parts, AdamWNumbers { rate: lr, betas: self.betas, decay, eps: self.eps })?;
        }
        Ok(())
    }
}

/// What is updated with the same numbers.
#[derive(Default)]
struct Group {
    weights: Vec<Tensor>,
    gradients: Vec<Tensor>,
    means: Vec<Tensor>,
    squares: Vec<Tensor>,
    steps: Vec<Tensor>,
}
