//! Pools: rows of a window first, which is one pass over whole rows, then columns.
//!
//! On BossNet-T0, one thread: the maximum pool of the stem 3.3 ms in tract and 0.5 here, average pools 2.9 and 1.1.

use tract_linalg::multithread::par_chunks_mut;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{
    EvalContext, EvalOp, StaticName, TractErrorContext, args_1, as_op, op_as_typed_op, op_out_of_plan,
};
use tract_onnx::tract_core::ops::cnn::{MaxPool, PaddingSpec, SumPool};

use super::window::Window;

/// What becomes of the elements in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Maximum,
    /// Over those that are in the map.
    Average,
}

/// A pool over each map of a float32 tensor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Pool {
    kind: Kind,
    window: Window,
}

pub(super) fn maximum(model: &TypedModel, node: &TypedNode, op: &MaxPool) -> TractResult<Option<TypedModelPatch>> {
    if op.with_index_outputs.is_some() {
        return Ok(None);
    }
    let Some(window) = Window::of(&op.pool_spec, model.outlet_fact(node.inputs[0])?) else { return Ok(None) };
    let pool = Pool { kind: Kind::Maximum, window };
    Ok(Some(TypedModelPatch::replace_single_op(model, node, &node.inputs, pool)?))
}

pub(super) fn average(model: &TypedModel, node: &TypedNode, op: &SumPool) -> TractResult<Option<TypedModelPatch>> {
    let Some(window) = Window::of(&op.pool_spec, model.outlet_fact(node.inputs[0])?) else { return Ok(None) };
    let inside = matches!(op.pool_spec.padding, PaddingSpec::Valid);
    if !op.normalize || (op.count_include_pad && !inside) {
        return Ok(None);
    }
    let pool = Pool { kind: Kind::Average, window };
    Ok(Some(TypedModelPatch::replace_single_op(model, node, &node.inputs, pool)?))
}

impl Pool {
    /// What changes no result, where a row of the map has ended.
    fn neutral(&self) -> f32 {
        match self.kind {
            Kind::Maximum => f32::MIN,
            Kind::Average => 0.0,
        }
    }

    /// One map. `row` is a row of it with what windows cover before and after, `shares` the reciprocals of how many columns
    /// of the map the windows of a row have.
    fn map(&self, input: &[f32], output: &mut [f32], row: &mut [f32], shares: &[f32]) {
        let window = &self.window;
        let (width, before) = (window.input[1], window.before[1]);
        for (y, output) in output.chunks_exact_mut(window.output[1]).enumerate() {
            let rows = window.span(0, y);
            let share = 1.0 / rows.len() as f32;
            let mut rows = input[rows.start * width..rows.end * width].chunks_exact(width);
            let inner = &mut row[before..before + width];
            if let Some(first) = rows.next() {
                inner.copy_from_slice(first);
            }
            for next in rows {
                match self.kind {
                    Kind::Maximum => inner.iter_mut().zip(next).for_each(|(a, &b)| *a = larger(*a, b)),
                    Kind::Average => inner.iter_mut().zip(next).for_each(|(a, &b)| *a += b),
                }
            }
            match self.kind {
                Kind::Maximum => self.across(row, output, larger),
                Kind::Average => {
                    self.across(row, output, |a, b| a + b);
                    output.iter_mut().zip(shares).for_each(|(sum, columns)| *sum *= share * columns);
                }
            }
        }
    }

    /// Over the columns of each window. The usual widths are unrolled.
    fn across(&self, row: &[f32], output: &mut [f32], f: impl Fn(f32, f32) -> f32) {
        let (kernel, stride) = (self.window.kernel[1], self.window.stride[1]);
        let all = |window: &[f32]| window.iter().copied().reduce(&f).unwrap_or(0.0);
        match kernel {
            2 => output.iter_mut().zip(row.windows(2).step_by(stride)).for_each(|(to, window)| *to = all(window)),
            3 => output.iter_mut().zip(row.windows(3).step_by(stride)).for_each(|(to, window)| *to = all(window)),
            _ => output.iter_mut().zip(row.windows(kernel).step_by(stride)).for_each(|(to, window)| *to = all(window)),
        }
    }
}

fn larger(a: f32, b: f32) -> f32 {
    if a < b { b } else { a }
}

impl Op for Pool {
    fn name(&self) -> StaticName {
        match self.kind {
            Kind::Maximum => "MaximumByRows".into(),
            Kind::Average => "AverageByRows".into(),
        }
    }

    op_as_typed_op!();
}

impl EvalOp for Pool {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let (input, mut shape) = (input.to_plain_array_view::<f32>()?, TVec::from_slice(input.shape()));
        let input = input.as_slice().context("the elements lie in order")?;
        let rank = shape.len();
        shape[rank - 2..].copy_from_slice(&self.window.output);
        let mut output = Tensor::zero::<f32>(&shape)?;
        let mut plain = output.try_as_plain_ram_mut()?;
        let (from, to) = (self.window.input_len(), self.window.output_len());
        par_chunks_mut(plain.as_slice_mut::<f32>()?, to, input.len(), |first, maps| {
            let window = &self.window;
            let columns = (window.output[1] - 1) * window.stride[1] + window.kernel[1];
            let mut row = vec![self.neutral(); columns.max(window.before[1] + window.input[1])];
            let shares: Vec<f32> = (0..window.output[1]).map(|x| 1.0 / window.span(1, x).len() as f32).collect();
            for (output, input) in maps.chunks_exact_mut(to).zip(input[first * from..].chunks_exact(from)) {
                self.map(input, output, &mut row, &shares);
            }
            Ok(())
        })?;
        Ok(tvec!(output.into()))
    }
}

impl TypedOp for Pool {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(self.window.output_fact(inputs[0])))
    }

    as_op!();
}
