//! The operators that need nothing but their operands.

use bossnas_model::graph::Activation;
use tch::{Device, Kind, TchError, Tensor};

/// How a convolution moves over its input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) stride: i64,
    pub(super) padding: i64,
    pub(super) groups: i64,
}

/// From how many channels on, on both sides, the gradient of a convolution's weight is faster as a matrix product.
const MANY_CHANNELS: i64 = 128;

pub(super) fn conv2d(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, window: Window) -> Result<Tensor, TchError> {
    let Window { stride, padding, groups } = window;
    if bias.is_none() && groups == 1 && has_large_weight(x, weight) {
        return bossnas_torch_shim::convolution(x, weight, stride, padding);
    }
    if groups == 1 && stride == 1 && padding == 0 && is_few_pixels(x, weight) {
        return pointwise(x, weight, bias);
    }
    x.f_conv2d(weight, bias, [stride, stride].as_slice(), [padding, padding].as_slice(), [1, 1].as_slice(), groups)
}

/// Up to so many pixels of a map, a product over the pixels of all images is faster than one for each image.
const FEW_PIXELS: i64 = 64;

/// Whether a convolution that is trained sees pixel by pixel a map of few of them, in float32 on the processor.
fn is_few_pixels(x: &Tensor, weight: &Tensor) -> bool {
    let pixels = |sides: &[i64]| sides.iter().rev().take(2).product::<i64>();
    let fits = pixels(&weight.size()) == 1 && pixels(&x.size()) <= FEW_PIXELS && is_channels_last(x);
    fits && is_trained_here(x, weight)
}

/// A pointwise convolution without padding, of a map whose channels are last, as one matrix product.
fn pointwise(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, TchError> {
    let (n, channels, height, width) = x.size4()?;
    let out = weight.size4()?.0;
    let pixels = x.f_permute([0, 2, 3, 1])?.f_view([n * height * width, channels])?;
    let made = pixels.f_linear(&weight.f_view([out, channels])?, bias)?;
    made.f_view([n, height, width, out])?.f_permute([0, 3, 1, 2])
}

/// Whether the gradient of a weight will be asked for that libtorch is slow to compute: of more than one pixel, with many
/// channels, in float32 on the processor.
fn has_large_weight(x: &Tensor, weight: &Tensor) -> bool {
    let shape = weight.size();
    let many = matches!(shape[..], [out, channels, height, _] if height > 1 && out.min(channels) >= MANY_CHANNELS);
    many && is_trained_here(x, weight)
}

/// Whether the gradient of a weight will be asked for, in float32 on the processor.
fn is_trained_here(x: &Tensor, weight: &Tensor) -> bool {
    weight.requires_grad() && x.kind() == Kind::Float && x.device() == Device::Cpu
}

/// With `overwrite` the operand's memory is used: nobody else reads it, and its own gradient does not need it.
pub(super) fn activation(x: &Tensor, activation: Activation, overwrite: bool) -> Result<Tensor, TchError> {
    match activation {
        Activation::Relu if overwrite => x.shallow_clone().f_relu_(),
        Activation::Relu => x.f_relu(),
        Activation::Silu => x.f_silu(),
        Activation::Sigmoid => x.f_sigmoid(),
    }
}

pub(super) fn max_pool(x: &Tensor, kernel: i64, stride: i64, padding: i64) -> Result<Tensor, TchError> {
    let square = |side: i64| [side, side];
    x.f_max_pool2d(
        square(kernel).as_slice(),
        square(stride).as_slice(),
        square(padding).as_slice(),
        [1, 1].as_slice(),
        false,
    )
}

/// Windows that reach over the border are kept, and average what lies inside.
pub(super) fn avg_pool(x: &Tensor, window: i64) -> Result<Tensor, TchError> {
    let window = [window, window];
    x.f_avg_pool2d(window.as_slice(), window.as_slice(), [0, 0].as_slice(), true, false, None)
}

/// The mean of each channel, `[n, c, 1, 1]`.
pub(super) fn global_avg_pool(x: &Tensor) -> Result<Tensor, TchError> {
    let (n, channels, _, _) = x.size4()?;
    channel_means(x)?.f_view([n, channels, 1, 1])
}

/// The mean of each channel, `[n, c]`. Where the channels of a pixel lie side by side, so they do in the gradient. Left to itself
/// libtorch would make one that has them first, and batch norms are slow where their operands differ in that.
pub(super) fn channel_means(x: &Tensor) -> Result<Tensor, TchError> {
    if !is_channels_last(x) {
        return x.f_mean_dim([2, 3].as_slice(), false, None);
    }
    let (n, channels, height, width) = x.size4()?;
    let pixels = x.f_permute([0, 2, 3, 1])?.f_view([n, height * width, channels])?;
    pixels.f_mean_dim([1].as_slice(), false, None)
}

/// Whether the channels of a pixel lie side by side, and pixels one after the other.
fn is_channels_last(x: &Tensor) -> bool {
    match x.size()[..] {
        [_, c, h, w] => x.stride() == [c * w * h, 1, c * w, c],
        _ => false,
    }
}

/// The sum; with `overwrite` in the memory of the first operand.
pub(super) fn add(a: &Tensor, b: &Tensor, overwrite: bool) -> Result<Tensor, TchError> {
    if overwrite && a.kind() == b.kind() { a.shallow_clone().f_add_(b) } else { a.f_add(b) }
}
