//! Batch norms, and the statistics that an estimate keeps aside.

use std::cell::RefCell;
use std::collections::HashMap;

use tch::{Kind, TchError, Tensor};

use super::mode::Norm;
use super::module::Module;

/// Mean and variance of each channel of one batch norm's input, `[channels]`; the variance is unbiased, as running ones are.
#[derive(Debug)]
pub(super) struct Moments {
    pub(super) mean: Tensor,
    pub(super) var: Tensor,
}

/// The statistics of one run, for each batch norm by the name of its running mean.
#[derive(Debug, Default)]
pub struct Statistics {
    of: HashMap<String, Moments>,
    /// What linear layers are with these statistics, once it was computed: matrix and summand, by the name of the weight.
    matrices: RefCell<HashMap<String, (Tensor, Tensor)>>,
}

impl Statistics {
    /// Mean 0 and variance 1 for each batch norm of a module: running statistics that were reset.
    pub fn reset(module: &Module) -> Result<Self, TchError> {
        let mut statistics = Self::default();
        for (name, mean) in module.running_means() {
            statistics.keep(name, Moments { mean: mean.f_zeros_like()?, var: mean.f_ones_like()? });
        }
        Ok(statistics)
    }

    /// A matrix with its summand that follows from these statistics, computed once.
    pub(super) fn matrix(
        &self,
        name: &str,
        compute: impl FnOnce() -> Result<(Tensor, Tensor), TchError>,
    ) -> Result<(Tensor, Tensor), TchError> {
        let mut matrices = self.matrices.borrow_mut();
        let (matrix, summand) = match matrices.remove(name) {
            Some(known) => known,
            None => compute()?,
        };
        matrices.insert(name.to_owned(), (matrix.shallow_clone(), summand.shallow_clone()));
        Ok((matrix, summand))
    }

    pub(super) fn keep(&mut self, name: &str, moments: Moments) {
        self.of.insert(name.to_owned(), moments);
    }

    fn get(&self, name: &str) -> Result<&Moments, TchError> {
        self.of.get(name).ok_or_else(|| TchError::Shape(format!("no statistics were estimated for {name}")))
    }
}

/// The tensors of one batch norm.
pub(super) struct NormTensors<'a> {
    /// Name of the running mean.
    pub(super) name: &'a str,
    pub(super) weight: &'a Tensor,
    pub(super) bias: &'a Tensor,
    pub(super) mean: &'a Tensor,
    pub(super) var: &'a Tensor,
    /// Batches seen so far, a scalar.
    pub(super) count: Option<&'a Tensor>,
    pub(super) eps: f64,
}

impl NormTensors<'_> {
    /// The statistics to normalise with, when they do not depend on the input.
    pub(super) fn fixed<'a>(&'a self, norm: &'a Norm<'_>) -> Result<Option<(&'a Tensor, &'a Tensor)>, TchError> {
        Ok(match norm {
            Norm::Train { .. } | Norm::Estimate(_) => None,
            Norm::Eval => Some((self.mean, self.var)),
            Norm::Given(statistics) => {
                let moments = statistics.get(self.name)?;
                Some((&moments.mean, &moments.var))
            }
        })
    }

    /// The norm as a factor and a summand for each channel, given its statistics.
    pub(super) fn affine(&self, mean: &Tensor, var: &Tensor) -> Result<(Tensor, Tensor), TchError> {
        let factor = self.weight.f_mul(&var.f_add_scalar(self.eps)?.f_rsqrt()?)?;
        let summand = self.bias.f_sub(&mean.f_mul(&factor)?)?;
        Ok((factor, summand))
    }

    /// Lets running statistics follow those of a batch, or keeps the latter aside, as `norm` says.
    pub(super) fn record(&self, norm: &mut Norm<'_>, moments: Moments) -> Result<(), TchError> {
        match norm {
            Norm::Train { momentum, batches } => {
                let (momentum, batches) = (*momentum, *batches);
                tch::no_grad(|| {
                    let _ = self.mean.shallow_clone().f_lerp_(&moments.mean, momentum)?;
                    let _ = self.var.shallow_clone().f_lerp_(&moments.var, momentum)?;
                    self.seen(batches)
                })?;
            }
            Norm::Estimate(statistics) => statistics.keep(self.name, moments),
            Norm::Eval | Norm::Given(_) => {}
        }
        Ok(())
    }

    fn seen(&self, batches: i64) -> Result<(), TchError> {
        if let Some(count) = self.count {
            let _ = tch::no_grad(|| count.shallow_clone().f_add_scalar_(batches))?;
        }
        Ok(())
    }

    /// The norm on a map `[n, c, h, w]` or on features `[n, c]`.
    pub(super) fn apply(&self, input: &Tensor, norm: &mut Norm<'_>) -> Result<Tensor, TchError> {
        if let Some((mean, var)) = self.fixed(norm)? {
            return self.native(input, mean, var, false, 0.0);
        }
        match norm {
            Norm::Estimate(statistics) => {
                let mean = self.mean.f_zeros_like()?;
                let var = self.var.f_zeros_like()?;
                let output = self.native(input, &mean, &var, true, 1.0)?;
                statistics.keep(self.name, Moments { mean, var });
                Ok(output)
            }
            Norm::Train { momentum, batches } => {
                let output = self.native(input, self.mean, self.var, true, *momentum)?;
                self.seen(*batches)?;
                Ok(output)
            }
            Norm::Eval | Norm::Given(_) => Err(TchError::Shape("fixed statistics were used already".to_owned())),
        }
    }

    fn native(
        &self,
        input: &Tensor,
        mean: &Tensor,
        var: &Tensor,
        training: bool,
        momentum: f64,
    ) -> Result<Tensor, TchError> {
        let cudnn = input.kind() != Kind::Double;
        input.f_batch_norm(
            Some(self.weight),
            Some(self.bias),
            Some(mean),
            Some(var),
            training,
            momentum,
            self.eps,
            cudnn,
        )
    }
}
