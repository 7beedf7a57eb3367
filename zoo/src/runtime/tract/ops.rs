//! Operators of ours in place of tract's, where tract's take long on the networks here.
//!
//! On BossNet-T0 (one image, one thread) pools, depthwise convolutions and softmaxes take 14 of 117 ms in tract.

mod depthwise;
mod pool;
mod softmax;
mod window;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::Rewriter;

/// Puts them into a decluttered model, in place of nodes that compute the same. Names and outputs stay.
pub(super) fn replace(model: &mut TypedModel) -> TractResult<()> {
    Rewriter::<()>::default()
        .with_rule_for("maximum-pool", |(), model, node, _, op| pool::maximum(model, node, op))
        .with_rule_for("average-pool", |(), model, node, _, op| pool::average(model, node, op))
        .with_rule_for("depthwise", |(), model, node, _, op| depthwise::rule(model, node, op))
        .with_rule_for("softmax", |(), model, node, _, op| softmax::rule(model, node, op))
        .rewrite(&(), model)
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_core::internal::*;
    use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PaddingSpec, PoolSpec, SumPool};
    use tract_onnx::tract_core::ops::nn::{DataFormat, Softmax, SoftmaxKind};

    use super::*;

    fn numbers(shape: &[usize]) -> Tensor {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
        Tensor::from_shape(shape, &values).unwrap()
    }

    /// A model of one node on an input of `shape`, and constants.
    fn model(shape: &[usize], op: impl Into<Box<dyn TypedOp>>, constants: &[&[usize]]) -> TypedModel {
        let mut model = TypedModel::default();
        let mut inputs = tvec!(model.add_source("x", f32::fact(shape)).unwrap());
        for (index, shape) in constants.iter().enumerate() {
            inputs.push(model.add_const(format!("c{index}"), numbers(shape)).unwrap());
        }
        let outputs = model.wire_node("y", op, &inputs).unwrap();
        model.select_output_outlets(&outputs).unwrap();
        model
    }

    /// That it is replaced by `name`, and computes what it did.
    fn check(model: TypedModel, name: &str) {
        let input: TValue = numbers(model.input_fact(0).unwrap().shape.as_concrete().unwrap()).into();
        let run = |model: TypedModel| model.into_runnable().unwrap().run(tvec!(input.clone())).unwrap().remove(0);
        let mut ours = model.clone();
        replace(&mut ours).unwrap();
        let output = ours.output_outlets().unwrap()[0];
        assert_eq!(ours.node(output.node).op.name(), name, "{model}");
        let fact = ours.output_fact(0).unwrap().clone();
        let (ours, tracts) = (run(ours), run(model));
        assert_eq!(fact.shape.as_concrete().unwrap(), ours.shape());
        let (ours, tracts) = (ours.to_plain_array_view::<f32>().unwrap(), tracts.to_plain_array_view::<f32>().unwrap());
        // Sums of nine products below 1 in another order.
        let worst = ours.iter().zip(tracts).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-6, "{name} is off by {worst:e}");
    }

    fn spec(channels: usize, kernel: usize, stride: usize, padding: PaddingSpec) -> PoolSpec {
        PoolSpec {
            data_format: DataFormat::NCHW,
            kernel_shape: tvec!(kernel, kernel),
            padding,
            dilations: None,
            strides: Some(tvec!(stride, stride)),
            input_channels: channels,
            output_channels: channels,
        }
    }

    fn padded(before: usize, after: usize) -> PaddingSpec {
        PaddingSpec::Explicit(tvec!(before; 2), tvec!(after; 2))
    }

    #[test]
    fn pools_compute_what_tract_does() {
        for size in [[7, 7], [8, 13], [5, 20]] {
            for (kernel, stride, before, after) in
                [(3, 2, 1, 1), (2, 2, 0, 0), (2, 2, 0, 1), (3, 1, 1, 1), (5, 3, 2, 2)]
            {
                let shape = [2, 3, size[0], size[1]];
                let spec = spec(3, kernel, stride, padded(before, after));
                check(
                    model(&shape, MaxPool { pool_spec: spec.clone(), with_index_outputs: None }, &[]),
                    "MaximumByRows",
                );
                let average = SumPool { pool_spec: spec, count_include_pad: false, normalize: true };
                check(model(&shape, average, &[]), "AverageByRows");
            }
        }
        let inside = spec(3, 2, 2, PaddingSpec::Valid);
        let average = SumPool { pool_spec: inside, count_include_pad: true, normalize: true };
        check(model(&[1, 3, 6, 6], average, &[]), "AverageByRows");
    }

    #[test]
    fn depthwise_convolutions_compute_what_tract_does() {
        for size in [[7, 7], [14, 9], [8, 8], [1, 2], [3, 17]] {
            for (stride, before, after) in [(1, 1, 1), (2, 1, 1), (2, 0, 1), (1, 0, 2), (2, 2, 2)] {
                for bias in [&[5][..], &[]] {
                    if size[0] + before + after < 3 {
                        continue;
                    }
                    let op = Conv {
                        pool_spec: spec(5, 3, stride, padded(before, after)),
                        kernel_fmt: KernelFormat::OIHW,
                        group: 5,
                        q_params: None,
                    };
                    check(model(&[2, 5, size[0], size[1]], op, &[&[5, 1, 3, 3], bias]), "Depthwise3x3");
                }
            }
        }
    }

    #[test]
    fn softmaxes_compute_what_tract_does() {
        let softmax = |axis| Softmax { axes: tvec!(axis), quant_output_dt: None, kind: SoftmaxKind::Softmax };
        check(model(&[3, 4, 49], softmax(2), &[]), "RowSoftmax");
        check(model(&[3, 196], softmax(1), &[]), "RowSoftmax");
        check(model(&[3, 196], softmax(0), &[]), "Softmax");
    }

    #[test]
    fn what_is_not_quite_it_stays() {
        let op =
            |spec: PoolSpec, group| Conv { pool_spec: spec, kernel_fmt: KernelFormat::OIHW, group, q_params: None };
        check(model(&[1, 4, 9, 9], op(spec(4, 5, 1, padded(2, 2)), 4), &[&[4, 1, 5, 5], &[4]]), "Conv");
        check(model(&[1, 4, 9, 9], op(spec(4, 3, 1, padded(1, 1)), 2), &[&[4, 2, 3, 3], &[4]]), "Conv");
        let spread = PoolSpec { dilations: Some(tvec!(2, 2)), ..spec(4, 3, 1, padded(2, 2)) };
        check(model(&[1, 4, 9, 9], op(spread.clone(), 4), &[&[4, 1, 3, 3], &[4]]), "Conv");
        check(model(&[1, 4, 9, 9], MaxPool { pool_spec: spread, with_index_outputs: None }, &[]), "MaxPool");
        let counted = SumPool { pool_spec: spec(4, 3, 1, padded(1, 1)), count_include_pad: true, normalize: true };
        check(model(&[1, 4, 9, 9], counted, &[]), "SumPool");
    }
}
