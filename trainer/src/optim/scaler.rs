//! Loss scaling for float16: gradients that would vanish there are kept, and steps that overflowed are left out.

use tch::{Kind, TchError, Tensor};

/// The factor that a loss is multiplied with before its backward pass. It grows after many good steps and halves after a bad
/// one, as PyTorch's `GradScaler` does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossScaler {
    scale: f64,
    good_steps: u32,
}

/// Steps without overflow after which the factor doubles.
const GROWTH_INTERVAL: u32 = 2000;
const LARGEST: f64 = 16_777_216.0;

impl Default for LossScaler {
    fn default() -> Self {
        Self { scale: 65_536.0, good_steps: 0 }
    }
}

impl LossScaler {
    /// Goes on with a factor and a number of good steps that were written down.
    pub fn restore(scale: f64, good_steps: u32) -> Self {
        Self { scale, good_steps }
    }

    /// The factor.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Good steps since the factor last changed.
    pub fn good_steps(&self) -> u32 {
        self.good_steps
    }

    /// The loss to go backward from.
    pub fn scaled(&self, loss: &Tensor) -> Result<Tensor, TchError> {
        loss.f_mul_scalar(self.scale)
    }

    /// Divides gradients by the factor, and adapts it. `false` says that one of them is not finite: the step must be left
    /// out.
    pub fn unscale(&mut self, gradients: &[Tensor]) -> Result<bool, TchError> {
        let mut finite = true;
        for gradient in gradients {
            finite &= gradient.f_sum(Kind::Double)?.f_isfinite()?.f_int64_value(&[])? != 0;
        }
        if finite {
            bossnas_torch_shim::mul_(gradients, 1.0 / self.scale)?;
            self.good_steps += 1;
            if self.good_steps >= GROWTH_INTERVAL {
                *self = Self { scale: (self.scale * 2.0).min(LARGEST), good_steps: 0 };
            }
        } else {
            *self = Self { scale: (self.scale / 2.0).max(1.0), good_steps: 0 };
        }
        Ok(finite)
    }
}
