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
    x.f_conv2d(weight, bias, [stride, stride].as_slice(), [padding, padding].as_slice(), [1, 1].as_slice(), groups)
}

/// Whether the gradient of a weight will be asked for that libtorch is slow to compute: of more than one pixel, with many
/// channels, in float32 on the processor.
fn has_large_weight(x: &Tensor, weight: &Tensor) -> bool {
    let shape = weight.size();
    let many = matches!(shape[..], [out, channels, height, _] if height > 1 && out.min(channels) >= MANY_CHANNELS);
    many && weight.requires_grad() && x.kind() == Kind::Float && x.device() == Device::Cpu
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

/// The sum; with `overwrite` in the memory of the first operand.
pub(super) fn add(a: &Tensor, b: &Tensor, overwrite: bool) -> Result<Tensor, TchError> {
    if overwrite && a.kind() == b.kind() { a.shallow_clone().f_add_(b) } else { a.f_add(b) }
}
