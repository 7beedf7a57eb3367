//! Depthwise convolutions of 3 x 3, the ones of all networks here.
//!
//! Maps are small (7 x 7 at the end), so rows are too short for vectors. With zeros around it, a map is one long row for
//! each tap: `output[i] += tap * map[i + offset]`. At stride 2 it is four such maps, of its even and odd rows and columns.
//! What the long row computes between the rows of the output is thrown away. On BossNet-T0, one thread: 5.0 ms in tract,
//! 2.7 here.

use std::array::from_fn;

use tract_linalg::multithread::par_chunks_mut;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{
    EvalContext, EvalOp, StaticName, TractErrorContext, args_3, as_op, ensure, op_as_typed_op, op_out_of_plan,
};
use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat};

use super::window::Window;

/// Inputs are maps, nine taps for each channel, and a summand for each or for all.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Depthwise {
    window: Window,
    channels: usize,
}

pub(super) fn rule(model: &TypedModel, node: &TypedNode, op: &Conv) -> TractResult<Option<TypedModelPatch>> {
    let channels = op.group;
    let &[input, kernel, bias] = node.inputs.as_slice() else { return Ok(None) };
    let Some(window) = Window::of(&op.pool_spec, model.outlet_fact(input)?) else { return Ok(None) };
    let float = |outlet: OutletId, lengths: &[usize]| -> TractResult<bool> {
        let fact = model.outlet_fact(outlet)?;
        let length = fact.shape.as_concrete().map(|shape| shape.iter().product());
        Ok(fact.datum_type == DatumType::F32 && length.is_some_and(|length| lengths.contains(&length)))
    };
    let fits = op.q_params.is_none()
        && op.kernel_fmt == KernelFormat::OIHW
        && [op.pool_spec.input_channels, op.pool_spec.output_channels] == [channels; 2]
        && window.kernel == [3; 2]
        && (window.stride == [1; 2] || window.stride == [2; 2])
        && float(kernel, &[9 * channels])?
        && float(bias, &[1, channels])?;
    if !fits {
        return Ok(None);
    }
    let op = Depthwise { window, channels };
    Ok(Some(TypedModelPatch::replace_single_op(model, node, &node.inputs, op)?))
}

/// Where a map lies with the zeros around it: one part, or four by the parity of row and column.
struct Layout {
    stride: usize,
    /// Elements from a row to the next.
    width: usize,
    /// Elements of a part.
    part: usize,
    /// Where each tap begins.
    offsets: [usize; 9],
    /// Elements of the long row.
    long: usize,
}

impl Layout {
    fn new(window: &Window) -> Self {
        let stride = window.stride[0];
        // How far a tap reaches beyond the output in a part.
        let reach = 2 / stride;
        let [height, width] = window.output.map(|extent| extent + reach);
        let part = height * width;
        let offsets = from_fn(|tap| {
            let (y, x) = (tap / 3, tap % 3);
            (y % stride * stride + x % stride) * part + y / stride * width + x / stride
        });
        Self { stride, width, part, offsets, long: (window.output[0] - 1) * width + window.output[1] }
    }

    /// Puts a map into the zeros.
    fn fill(&self, window: &Window, map: &[f32], parts: &mut [f32]) {
        let rows = self.part / self.width;
        for (y, row) in map.chunks_exact(window.input[1]).enumerate() {
            let y = y + window.before[0];
            if y / self.stride >= rows {
                break;
            }
            let start = y % self.stride * self.stride * self.part + y / self.stride * self.width;
            // Columns that no window reaches are left out.
            for parity in 0..self.stride {
                let first = (parity + self.stride - window.before[1] % self.stride) % self.stride;
                let at = start + parity * self.part + (first + window.before[1]) / self.stride;
                let room = self.width - (first + window.before[1]) / self.stride;
                let to = &mut parts[at..at + room];
                if self.stride == 1 {
                    let length = room.min(row.len());
                    to[..length].copy_from_slice(&row[..length]);
                } else {
                    let row = row.get(first..).unwrap_or_default();
                    to.iter_mut().zip(row.chunks(2)).for_each(|(to, pair)| *to = pair[0]);
                }
            }
        }
    }

    /// All taps over the long row.
    fn convolve(&self, parts: &[f32], taps: &[f32; 9], bias: f32, output: &mut [f32]) {
        let n = self.long;
        let [a, b, c, d, e, f, g, h, i] = self.offsets.map(|offset| &parts[offset..][..n]);
        for (index, output) in output[..n].iter_mut().enumerate() {
            *output = bias
                + (taps[0] * a[index] + taps[1] * b[index] + taps[2] * c[index])
                + (taps[3] * d[index] + taps[4] * e[index] + taps[5] * f[index])
                + (taps[6] * g[index] + taps[7] * h[index] + taps[8] * i[index]);
        }
    }
}

impl Op for Depthwise {
    fn name(&self) -> StaticName {
        "Depthwise3x3".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Depthwise {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (input, kernel, bias) = args_3!(inputs);
        let mut shape = TVec::from_slice(input.shape());
        let (input, kernel, bias) = (
            input.to_plain_array_view::<f32>()?,
            kernel.to_plain_array_view::<f32>()?,
            bias.to_plain_array_view::<f32>()?,
        );
        let in_order = "the elements lie in order";
        let input = input.as_slice().context(in_order)?;
        let (kernels, rest) = kernel.as_slice().context(in_order)?.as_chunks::<9>();
        let bias = bias.as_slice().context(in_order)?;
        ensure!(kernels.len() == self.channels && rest.is_empty());
        let rank = shape.len();
        shape[rank - 2..].copy_from_slice(&self.window.output);
        let mut output = Tensor::zero::<f32>(&shape)?;
        let mut plain = output.try_as_plain_ram_mut()?;
        let (from, to) = (self.window.input_len(), self.window.output_len());
        let layout = Layout::new(&self.window);
        par_chunks_mut(plain.as_slice_mut::<f32>()?, to, input.len(), |first, maps| {
            let mut parts = vec![0.0; layout.stride * layout.stride * layout.part];
            let mut long = vec![0.0; layout.long.next_multiple_of(layout.width)];
            let inputs = input[first * from..].chunks_exact(from);
            for (index, (output, input)) in maps.chunks_exact_mut(to).zip(inputs).enumerate() {
                let channel = (first + index) % self.channels;
                layout.fill(&self.window, input, &mut parts);
                let bias = bias[channel.min(bias.len() - 1)];
                layout.convolve(&parts, &kernels[channel], bias, &mut long);
                let width = self.window.output[1];
                let rows = output.chunks_exact_mut(width).zip(long.chunks_exact(layout.width));
                rows.for_each(|(to, from)| to.copy_from_slice(&from[..width]));
            }
            Ok(())
        })?;
        Ok(tvec!(output.into()))
    }
}

impl TypedOp for Depthwise {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(self.window.output_fact(inputs[0])))
    }

    as_op!();
}
