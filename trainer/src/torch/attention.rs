//! Multi-head self-attention over all pixels of a map.

use bossnas_model::graph::Orientation;
use tch::{Kind, TchError, Tensor};

/// What the operator says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub(super) count: i64,
    pub(super) width: i64,
    pub(super) scale: f64,
    pub(super) orientation: Orientation,
}

/// From `[n, 3 * heads * width, h, w]`, all queries first, then keys, then values, to `[n, heads * width, h, w]`.
pub(super) fn attention(qkv: &Tensor, heads: Heads) -> Result<Tensor, TchError> {
    let (n, _, h, w) = qkv.size4()?;
    let Heads { count, width, scale, orientation } = heads;
    // [n, pixels, 3, heads, width]: a view where the channels of a pixel lie side by side.
    let parts = qkv.f_permute([0, 2, 3, 1])?.f_reshape([n, h * w, 3, count, width])?;
    let part = |index: i64| parts.f_select(2, index)?.f_transpose(1, 2);
    let (q, k, v) = (part(0)?, part(1)?, part(2)?);
    let out = match orientation {
        // One fused call: out = softmax(q k^T) v for each head, which is `v A^T` in the notation of channels first.
        Orientation::Standard => {
            Tensor::f_scaled_dot_product_attention(&q, &k, &v, None::<&Tensor>, 0.0, false, scale, false)?
        }
        // Sums over the queries: A^T v.
        Orientation::Transposed => {
            let weights = q.f_mul_scalar(scale)?.f_matmul(&k.f_transpose(2, 3)?)?.f_softmax(-1, None::<Kind>)?;
            weights.f_transpose(2, 3)?.f_matmul(&v)?
        }
    };
    out.f_transpose(1, 2)?.f_reshape([n, h, w, count * width])?.f_permute([0, 3, 1, 2])
}
