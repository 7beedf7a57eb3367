//! The loss of a batch.

use tch::{Kind, TchError, Tensor};

/// Cross entropy with soft targets: the mean over the samples of `-sum(target * log_softmax(logits))`, in float32 or better.
/// Both are `[n, classes]`. Smoothed or mixed labels are targets like others (`QUIRKS.md` 19).
pub fn soft_cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor, TchError> {
    let kind = if logits.f_kind()? == Kind::Double { Kind::Double } else { Kind::Float };
    let log_probabilities = logits.f_to_kind(kind)?.f_log_softmax(-1, kind)?;
    let products = log_probabilities.f_mul(&targets.f_to_kind(kind)?)?;
    products.f_sum_dim_intlist([-1].as_slice(), false, kind)?.f_mean(kind)?.f_neg()
}
