//! Gradients that are too large together are shortened together.

use bossnas_torch_shim::{mul_, norms};
use tch::{TchError, Tensor};

/// Added to the norm that is divided by, as PyTorch's `clip_grad_norm_` does.
const EPS: f64 = 1e-6;

/// The Euclidean norm of all gradients together.
pub fn norm(gradients: &[Tensor]) -> Result<f64, TchError> {
    let squares = norms(gradients)?.into_iter().map(|norm| f64::from(norm).powi(2));
    Ok(squares.sum::<f64>().sqrt())
}

/// Multiplies all gradients by the same factor where their norm is above `most`, so that it is `most`. Returns the norm that
/// they had.
pub fn clip(gradients: &[Tensor], most: f64) -> Result<f64, TchError> {
    let norm = norm(gradients)?;
    let factor = most / (norm + EPS);
    if factor < 1.0 {
        mul_(gradients, factor)?;
    }
    Ok(norm)
}
