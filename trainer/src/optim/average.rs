//! Weights that follow others: the target network of the search, and the average of a retrained network.

use std::collections::HashSet;

use bossnas_torch_shim::{add_, lerp_, mul_};
use tch::{TchError, Tensor};

/// Tensors that follow others by momentum: `target = m * target + (1 - m) * online` (`REFERENCE.md` section 4).
///
/// A pair whose tensors are equal stays so, whatever the momentum; only pairs that training has parted are computed.
#[derive(Debug, Default)]
pub struct Follower {
    pairs: Vec<Pair>,
}

#[derive(Debug)]
struct Pair {
    /// The online parameter.
    name: String,
    target: Tensor,
    online: Tensor,
    parted: bool,
}

impl Follower {
    /// Adds a pair under the name of its online tensor.
    pub fn add(&mut self, name: impl Into<String>, target: &Tensor, online: &Tensor) -> Result<(), TchError> {
        let parted = !target.f_equal(online)?;
        let (target, online) = (target.shallow_clone(), online.shallow_clone());
        self.pairs.push(Pair { name: name.into(), target, online, parted });
        Ok(())
    }

    /// The names of the online tensors.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().map(|pair| pair.name.as_str())
    }

    /// Says that training changed these online tensors.
    pub fn changed<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        let names: HashSet<&str> = names.into_iter().collect();
        for pair in &mut self.pairs {
            pair.parted |= names.contains(pair.name.as_str());
        }
    }

    /// Lets the targets follow with momentum `m`.
    pub fn follow(&self, m: f64) -> Result<(), TchError> {
        let parted = || self.pairs.iter().filter(|pair| pair.parted);
        let targets: Vec<Tensor> = parted().map(|pair| pair.target.shallow_clone()).collect();
        let online: Vec<Tensor> = parted().map(|pair| pair.online.f_detach()).collect::<Result<_, _>>()?;
        lerp_(&targets, &online, 1.0 - m)
    }
}

/// A running average of a network's parameters and buffers, with a decay (`REFERENCE.md` section 5, `QUIRKS.md` 15).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Average {
    /// What stays of the average at each update; 0.99996 in the published recipe.
    pub decay: f64,
}

impl Average {
    /// The decay of the `update`th update, counted from 1, where the average begins with less: `(1 + n) / (10 + n)` as far as
    /// that is below the decay, so that the first weights are soon forgotten.
    #[must_use]
    pub fn warmed_up(self, update: u64) -> Self {
        let update = update as f64;
        Self { decay: self.decay.min((1.0 + update) / (10.0 + update)) }
    }

    /// `average = decay * average + (1 - decay) * model`. Integers are averaged as floats and cut off, as upstream does.
    pub fn update(self, averages: &[Tensor], model: &[Tensor]) -> Result<(), TchError> {
        let mut floats = (Vec::new(), Vec::new());
        for (average, model) in averages.iter().zip(model) {
            if average.is_floating_point() {
                floats.0.push(average.shallow_clone());
                floats.1.push(model.f_detach()?);
            } else {
                let kind = tch::Kind::Float;
                let sum = average.f_to_kind(kind)?.f_mul_scalar(self.decay)?;
                let sum = sum.f_add(&model.f_to_kind(kind)?.f_mul_scalar(1.0 - self.decay)?)?;
                average.shallow_clone().f_copy_(&sum.f_to_kind(average.kind())?)?;
            }
        }
        mul_(&floats.0, self.decay)?;
        add_(&floats.0, &floats.1, 1.0 - self.decay)
    }
}
