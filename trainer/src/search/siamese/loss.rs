//! How near a prediction is to a target.

use tch::{TchError, Tensor};

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
