//! Convolutions and the global average pool behind them, without the convolution's map.
//!
//! A 1x1 convolution and its batch norm: with `y = W x` at every pixel, pooling and both others are linear, so
//!
//! ```text
//! pool(norm(y)) = (W (pool(x) - mean(x))) * factor + bias        when mean(y) = W mean(x) is the batch's own,
//! var(y)        = diag(W cov(x) W^T)
//! ```
//!
//! where `cov` is the covariance of the input's channels over all pixels of the batch. From `c` channels to `o` over `p`
//! pixels the convolution takes `o c p` multiply-adds, the covariance `c^2 (p + o)`.
//!
//! A convolution over a window whose output is as large as its input: each tap of the window meets all pixels but the rows and
//! columns that it would need from beyond the border, so the mean of the output is the product of the weight with the sums of
//! those pixels, a few a channel instead of all.

use tch::{Kind, TchError, Tensor};

use super::mode::Norm;
use super::norm::{Moments, NormTensors};
use super::ops::channel_means;

/// The pooled output `[n, o, 1, 1]` of a map `[n, c, h, w]` under a weight `[o, c, 1, 1]`; `None` where the way round is
/// dearer than the convolution.
pub(super) fn pooled_norm(
    input: &Tensor,
    weight: &Tensor,
    tensors: &NormTensors<'_>,
    norm: &mut Norm<'_>,
) -> Result<Option<Tensor>, TchError> {
    let (n, c, h, w) = input.size4()?;
    let out = weight.size4()?.0;
    let matrix = weight.f_view([out, c])?;
    let pooled = channel_means(input)?;
    let output = if let Some((mean, var)) = tensors.fixed(norm)? {
        let (factor, summand) = tensors.affine(mean, var)?;
        pooled.f_linear(&matrix.f_mul(&factor.f_unsqueeze(1)?)?, Some(&summand))?
    } else {
        let pixels = n * h * w;
        if c * (pixels + out) >= out * pixels {
            return Ok(None);
        }
        let pixels_first = input.f_permute([0, 2, 3, 1])?.f_reshape([pixels, c])?;
        let mean = pooled.f_mean_dim([0].as_slice(), false, None)?;
        let centred = pixels_first.f_sub(&mean)?;
        let covariance = centred.f_t_copy()?.f_matmul(&centred)?.f_div_scalar(pixels as f64)?;
        let var = matrix.f_matmul(&covariance)?.f_mul(&matrix)?.f_sum_dim_intlist([1].as_slice(), false, None)?;
        let factor = tensors.weight.f_mul(&var.f_add_scalar(tensors.eps)?.f_rsqrt()?)?;
        let centred = pooled.f_sub(&mean)?.f_linear::<Tensor>(&matrix, None)?;
        let output = centred.f_mul(&factor)?.f_add(tensors.bias)?;
        let unbiased = pixels as f64 / (pixels - 1).max(1) as f64;
        let moments = tch::no_grad(|| -> Result<_, TchError> {
            let mean = matrix.f_mv(&mean)?.f_detach()?;
            Ok(Moments { mean, var: var.f_detach()?.f_mul_scalar(unbiased)? })
        })?;
        tensors.record(norm, moments)?;
        output
    };
    Ok(Some(output.f_view([n, out, 1, 1])?))
}

/// The pooled output `[n, o, 1, 1]` of a map `[n, c, h, w]` under a weight `[o, c, k, k]` with `padding = (k - 1) / 2`.
pub(super) fn pooled_conv(input: &Tensor, weight: &Tensor, padding: i64) -> Result<Tensor, TchError> {
    let (n, c, h, w) = input.size4()?;
    let out = weight.size4()?.0;
    let columns = sums_of_taps(&input.f_sum_dim_intlist([3].as_slice(), false, None)?, input, 3, padding)?;
    let mut sums = Vec::with_capacity(columns.len() * columns.len());
    for column in &columns {
        let all = column.f_sum_dim_intlist([2].as_slice(), false, None)?;
        sums.extend(sums_of_taps(&all, column, 2, padding)?);
    }
    // A weight is [o, c, rows, columns]; the sums came column by column.
    let matrix = weight.f_transpose(2, 3)?.f_reshape([out, -1])?;
    let sums = Tensor::f_stack(&sums, 2)?.f_reshape([n, c * sums.len() as i64])?;
    let mean = sums.f_linear::<Tensor>(&matrix, None)?.f_div_scalar((h * w) as f64)?;
    mean.f_view([n, out, 1, 1])
}

/// The sums along a dimension of what each tap of a window meets: `all`, without the ends that it would have to have from
/// beyond the border.
fn sums_of_taps(all: &Tensor, input: &Tensor, dim: i64, padding: i64) -> Result<Vec<Tensor>, TchError> {
    let length = input.size()[dim as usize];
    let tap = |shift: i64| {
        let missed = shift.abs().min(length);
        if missed == 0 {
            return Ok(all.shallow_clone());
        }
        // A tap to the left never meets the last pixels, one to the right never the first.
        let from = if shift < 0 { length - missed } else { 0 };
        all.f_sub(&input.f_narrow(dim, from, missed)?.f_sum_dim_intlist([dim].as_slice(), false, None::<Kind>)?)
    };
    (-padding..=padding).map(tap).collect()
}
