//! How near a prediction is to a target.

use tch::{TchError, Tensor};

use crate::torch::TorchError;

/// Vectors `[n, d]` brought to length 1.
pub(crate) fn normalised(vectors: &Tensor) -> Result<Tensor, TchError> {
    // PyTorch's `normalize`: no vector is divided by less than this.
    const SHORTEST: f64 = 1e-12;
    let length = vectors.f_square()?.f_sum_dim_intlist([1].as_slice(), true, None)?.f_sqrt()?;
    vectors.f_div(&length.f_clamp_min(SHORTEST)?)
}

/// `-2 cos` for each sample of `[n, d]`: -2 where prediction and target point the same way, 2 where they are opposite.
pub(crate) fn cosine_losses(prediction: &Tensor, target: &Tensor) -> Result<Tensor, TchError> {
    let product = normalised(prediction)?.f_mul(&normalised(target)?)?;
    product.f_sum_dim_intlist([1].as_slice(), false, None)?.f_mul_scalar(-2.0)
}

/// The mean of vectors that come one after the other.
#[derive(Debug, Default)]
pub(crate) struct Mean {
    sum: Option<Tensor>,
    count: u32,
}

impl Mean {
    /// Takes in the vectors of one path.
    pub(crate) fn add(&mut self, vectors: &Tensor) -> Result<(), TchError> {
        self.count += 1;
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum.f_add(vectors)?,
            None => vectors.shallow_clone(),
        });
        Ok(())
    }

    /// The mean; an error where nothing was taken in.
    pub(crate) fn finish(self) -> Result<Tensor, TorchError> {
        let sum = self.sum.ok_or_else(|| TorchError::NotLoaded("a batch without paths".to_owned()))?;
        Ok(sum.f_div_scalar(f64::from(self.count))?)
    }
}
