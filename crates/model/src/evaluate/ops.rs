//! The operators of the evaluator. Shapes were checked by inference before anything runs.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};

use super::Tensor;
use crate::graph::{Activation, Orientation};

/// How a convolution moves over its input.
pub(super) struct Window {
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) groups: usize,
}

/// Pixels of the im2col matrix that are unfolded at a time, so that it stays in the cache.
const TILE: usize = 512;

pub(super) fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, window: &Window) -> Tensor {
    let (&[n, channels, h, w], &[out, per_group, kernel, _]) = (map(x), map(weight));
    let &Window { stride, padding, groups } = window;
    let side = |extent: usize| (extent + 2 * padding - kernel) / stride + 1;
    let (oh, ow) = (side(h), side(w));
    let (pixels, out_group, taps) = (oh * ow, out / groups, per_group * kernel * kernel);
    let mut y = vec![0.0; n * out * pixels];
    let mut columns = vec![0.0; taps * TILE.min(pixels)];
    for (image, result) in x.data.chunks_exact(channels * h * w).zip(y.chunks_exact_mut(out * pixels)) {
        for group in 0..groups {
            let input = &image[group * per_group * h * w..][..per_group * h * w];
            let filters = matrix(&weight.data[group * out_group * taps..][..out_group * taps], out_group, taps);
            let rows = &mut result[group * out_group * pixels..][..out_group * pixels];
            let mut rows = matrix_mut(rows, out_group, pixels);
            if kernel == 1 && stride == 1 && padding == 0 {
                general_mat_mul(1.0, &filters, &matrix(input, taps, pixels), 0.0, &mut rows);
                continue;
            }
            for start in (0..pixels).step_by(TILE) {
                let tile = start..pixels.min(start + TILE);
                let columns = &mut columns[..taps * tile.len()];
                let geometry = Geometry { h, w, ow, kernel, stride, padding };
                unfold(input, &geometry, tile.clone(), columns);
                let columns = matrix(columns, taps, tile.len());
                general_mat_mul(1.0, &filters, &columns, 0.0, &mut rows.slice_axis_mut(Axis(1), Slice::from(tile)));
            }
        }
    }
    with_bias(Tensor { shape: vec![n, out, oh, ow], data: y }, bias)
}

struct Geometry {
    h: usize,
    w: usize,
    ow: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
}

/// im2col: one row for each tap of the filter, one column for each output pixel of `tile`.
fn unfold(input: &[f64], g: &Geometry, tile: std::ops::Range<usize>, columns: &mut [f64]) {
    let taps = g.kernel * g.kernel;
    for (row, column) in columns.chunks_exact_mut(tile.len()).enumerate() {
        let plane = &input[row / taps * g.h * g.w..][..g.h * g.w];
        let (dy, dx) = (row % taps / g.kernel, row % g.kernel);
        for (cell, pixel) in column.iter_mut().zip(tile.clone()) {
            let (y, x) = (pixel / g.ow * g.stride + dy, pixel % g.ow * g.stride + dx);
            let inside = (g.padding..g.h + g.padding).contains(&y) && (g.padding..g.w + g.padding).contains(&x);
            *cell = if inside { plane[(y - g.padding) * g.w + x - g.padding] } else { 0.0 };
        }
    }
}

pub(super) fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    let (n, features, out) = (x.shape[0], x.shape[1], weight.shape[0]);
    let mut y = vec![0.0; n * out];
    let weight = matrix(&weight.data, out, features);
    general_mat_mul(1.0, &matrix(&x.data, n, features), &weight.t(), 0.0, &mut matrix_mut(&mut y, n, out));
    with_bias(Tensor { shape: vec![n, out], data: y }, bias)
}

pub(super) fn batch_norm(x: &Tensor, scale: &Tensor, shift: &Tensor, mean: &Tensor, var: &Tensor, eps: f64) -> Tensor {
    per_channel(x, |channel, value| {
        let normal = (value - mean.data[channel]) / (var.data[channel] + eps).sqrt();
        normal * scale.data[channel] + shift.data[channel]
    })
}

fn with_bias(y: Tensor, bias: Option<&Tensor>) -> Tensor {
    match bias {
        Some(bias) => shift(&y, bias),
        None => y,
    }
}

pub(super) fn shift(x: &Tensor, bias: &Tensor) -> Tensor {
    per_channel(x, |channel, value| value + bias.data[channel])
}

fn per_channel(x: &Tensor, f: impl Fn(usize, f64) -> f64) -> Tensor {
    let channels = x.shape[1];
    let pixels: usize = x.shape[2..].iter().product();
    let mut data = Vec::with_capacity(x.data.len());
    for (index, plane) in x.data.chunks_exact(pixels).enumerate() {
        data.extend(plane.iter().map(|&value| f(index % channels, value)));
    }
    Tensor { shape: x.shape.clone(), data }
}

pub(super) fn activation(x: &Tensor, activation: Activation) -> Tensor {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let data = x.data.iter();
    let data = match activation {
        // Not `max`: it would turn NaN into 0 and hide a broken weight.
        Activation::Relu => data.map(|&x| if x < 0.0 { 0.0 } else { x }).collect(),
        Activation::Silu => data.map(|&x| x * sigmoid(x)).collect(),
        Activation::Sigmoid => data.map(|&x| sigmoid(x)).collect(),
    };
    Tensor { shape: x.shape.clone(), data }
}

pub(super) fn max_pool(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Tensor {
    let &[n, c, h, w] = map(x);
    let side = |extent: usize| (extent + 2 * padding - kernel) / stride + 1;
    let span = |index: usize, extent: usize| {
        let start = index * stride;
        start.saturating_sub(padding)..(start + kernel).saturating_sub(padding).min(extent)
    };
    let largest = |max: f64, &value: &f64| if value > max || value.is_nan() { value } else { max };
    pool(
        x,
        [n, c, side(h), side(w)],
        |oy, ox| (span(oy, h), span(ox, w)),
        |cells| cells.fold(f64::NEG_INFINITY, largest),
    )
}

pub(super) fn avg_pool(x: &Tensor, window: usize) -> Tensor {
    let &[n, c, h, w] = map(x);
    let span = |index: usize, extent: usize| index * window..(index * window + window).min(extent);
    let shape = [n, c, h.div_ceil(window), w.div_ceil(window)];
    pool(
        x,
        shape,
        |oy, ox| (span(oy, h), span(ox, w)),
        |cells| {
            let (count, sum) = cells.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
            sum / count
        },
    )
}

fn pool(
    x: &Tensor,
    shape: [usize; 4],
    span: impl Fn(usize, usize) -> (std::ops::Range<usize>, std::ops::Range<usize>),
    reduce: impl Fn(&mut dyn Iterator<Item = &f64>) -> f64,
) -> Tensor {
    let &[_, _, h, w] = map(x);
    let mut data = Vec::with_capacity(shape.iter().product());
    for plane in x.data.chunks_exact(h * w) {
        for oy in 0..shape[2] {
            for ox in 0..shape[3] {
                let (ys, xs) = span(oy, ox);
                data.push(reduce(&mut ys.flat_map(|y| &plane[y * w..][xs.clone()])));
            }
        }
    }
    Tensor { shape: shape.to_vec(), data }
}

pub(super) fn global_avg_pool(x: &Tensor) -> Tensor {
    let &[n, c, h, w] = map(x);
    let mean = |plane: &[f64]| plane.iter().sum::<f64>() / plane.len() as f64;
    Tensor { shape: vec![n, c, 1, 1], data: x.data.chunks_exact(h * w).map(mean).collect() }
}

pub(super) fn add(a: &Tensor, b: &Tensor) -> Tensor {
    Tensor { shape: a.shape.clone(), data: a.data.iter().zip(&b.data).map(|(a, b)| a + b).collect() }
}

/// The product; `b` may be one number a channel.
pub(super) fn mul(a: &Tensor, b: &Tensor) -> Tensor {
    let spread = a.data.len() / b.data.len();
    let data = a.data.chunks_exact(spread).zip(&b.data).flat_map(|(plane, b)| plane.iter().map(move |a| a * b));
    Tensor { shape: a.shape.clone(), data: data.collect() }
}

pub(super) fn attention(qkv: &Tensor, heads: usize, head_width: usize, scale: f64, orientation: Orientation) -> Tensor {
    let &[n, _, h, w] = map(qkv);
    let (pixels, width) = (h * w, heads * head_width);
    let mut data = vec![0.0; n * width * pixels];
    for (image, result) in qkv.data.chunks_exact(3 * width * pixels).zip(data.chunks_exact_mut(width * pixels)) {
        for head in 0..heads {
            let part = |index: usize| {
                matrix(
                    &image[(index * heads + head) * head_width * pixels..][..head_width * pixels],
                    head_width,
                    pixels,
                )
            };
            let (q, k, v) = (part(0), part(1), part(2));
            let mut weights = Array2::zeros((pixels, pixels));
            general_mat_mul(scale, &q.t(), &k, 0.0, &mut weights);
            weights.rows_mut().into_iter().for_each(|mut row| softmax(row.as_slice_mut().unwrap_or_default()));
            let weights = match orientation {
                Orientation::Standard => weights.t(),
                Orientation::Transposed => weights.view(),
            };
            let out = &mut result[head * head_width * pixels..][..head_width * pixels];
            general_mat_mul(1.0, &v, &weights, 0.0, &mut matrix_mut(out, head_width, pixels));
        }
    }
    Tensor { shape: vec![n, width, h, w], data }
}

fn softmax(row: &mut [f64]) {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for x in &mut *row {
        *x = (*x - max).exp();
        sum += *x;
    }
    for x in row {
        *x /= sum;
    }
}

fn map(x: &Tensor) -> &[usize; 4] {
    x.shape.first_chunk().unwrap_or(&[0; 4])
}

fn matrix(data: &[f64], rows: usize, columns: usize) -> ArrayView2<'_, f64> {
    #[expect(clippy::expect_used, reason = "every caller cuts the slice to rows * columns")]
    ArrayView2::from_shape((rows, columns), data).expect("rows * columns elements")
}

fn matrix_mut(data: &mut [f64], rows: usize, columns: usize) -> ArrayViewMut2<'_, f64> {
    #[expect(clippy::expect_used, reason = "every caller cuts the slice to rows * columns")]
    ArrayViewMut2::from_shape((rows, columns), data).expect("rows * columns elements")
}
