//! Models that treat each image of a batch alone, made into models of one image.
//!
//! tract lays a batch out for products over all of its images: on BossNet-T0 at batch 8, a third of the time goes into
//! moving axes, building patches and adding biases, and caches hold none of it. Image by image takes 0.65 to 0.75 of the time
//! on one thread. With an image on each of two threads it takes about half, since nothing is left to one of them alone.

use std::collections::HashMap;

use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::{AxisOp, DimLike, InOut, TDim};
use tract_onnx::tract_core::ops::array::{Pad, Slice, TypedConcat};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::cnn::{Conv, MaxPool, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::identity::Identity;
use tract_onnx::tract_core::ops::nn::{Reduce, Softmax};
use tract_onnx::tract_core::ops::source::TypedSource;

/// Products that take about as long as reading one weight from memory does.
const PRODUCTS_PER_READ: usize = 64;

/// The model for one image, where axis 0 of all inputs is a batch of `batch`, and every operator provably passes it through,
/// up to axis 0 of every output. `None` where that is not so, or where images would gain from sharing the reading of weights.
///
/// The model must not be decluttered yet: that fits it to the batch.
pub(super) fn one(model: &TypedModel, batch: usize) -> Option<TypedModel> {
    if batch < 2 {
        return None;
    }
    // What cannot be told, or rebuilt, runs as it is.
    let axes = batch_axes(model, batch).ok()??;
    let single = shrink(model, &axes).ok()??;
    reuses_weights(&single).ok()?.then_some(single)
}

/// The batch axis of every value that has one. `None` if some operator does more to it than pass it through.
fn batch_axes(model: &TypedModel, batch: usize) -> TractResult<Option<HashMap<OutletId, usize>>> {
    let mut axes: HashMap<OutletId, usize> = HashMap::new();
    for id in model.eval_order()? {
        let node = model.node(id);
        if node.op_is::<TypedSource>() {
            if !has_extent(model, id.into(), 0, batch)? {
                return Ok(None);
            }
            axes.insert(id.into(), 0);
        } else if node.inputs.iter().any(|input| axes.contains_key(input)) {
            let Some(outputs) = passed_through(model, node, batch, &axes)? else { return Ok(None) };
            axes.extend(outputs.into_iter().enumerate().map(|(slot, axis)| (OutletId::new(id, slot), axis)));
        }
    }
    Ok(model.output_outlets()?.iter().all(|output| axes.get(output) == Some(&0)).then_some(axes))
}

fn has_extent(model: &TypedModel, outlet: OutletId, axis: usize, extent: usize) -> TractResult<bool> {
    Ok(model.outlet_fact(outlet)?.shape.get(axis) == Some(&TDim::from(extent)))
}

/// Where a node puts the batch axis of its inputs, output by output.
fn passed_through(
    model: &TypedModel,
    node: &TypedNode,
    batch: usize,
    axes: &HashMap<OutletId, usize>,
) -> TractResult<Option<Vec<usize>>> {
    if let Some(spec) = pool(node) {
        let first = spec.data_format.has_n() && axes.get(&node.inputs[0]) == Some(&0);
        return Ok(first.then(|| vec![0; node.outputs.len()]));
    }
    if !maps_axes_truly(node, axes) {
        return Ok(None);
    }
    let mapping = model.node_axes_mapping(node.id)?;
    let mut found = None;
    for (slot, input) in node.inputs.iter().enumerate() {
        let Some(&position) = axes.get(input) else { continue };
        let axis = mapping.axis((InOut::In(slot), position))?;
        if axis.inputs[slot].len() != 1 || found.is_some_and(|found| found != axis.repr) {
            return Ok(None);
        }
        found = Some(axis.repr);
    }
    let Some(repr) = found else { return Ok(None) };
    let axis = mapping.axis(repr)?;
    for (slot, input) in node.inputs.iter().enumerate().filter(|(_, input)| !axes.contains_key(input)) {
        // What all images share has no such axis, or is repeated along it.
        for &position in &axis.inputs[slot] {
            if !has_extent(model, *input, position, 1)? {
                return Ok(None);
            }
        }
    }
    let mut outputs = Vec::new();
    for (slot, positions) in axis.outputs.iter().enumerate() {
        match positions.as_slice() {
            &[position] if has_extent(model, OutletId::new(node.id, slot), position, batch)? => outputs.push(position),
            _ => return Ok(None),
        }
    }
    Ok(Some(outputs))
}

fn pool(node: &TypedNode) -> Option<&PoolSpec> {
    let sum = node.op_as::<SumPool>().map(|op| &op.pool_spec);
    sum.or_else(|| node.op_as::<MaxPool>().map(|op| &op.pool_spec))
}

/// Whether elements of the output depend on those elements of inputs alone that have the same index along an axis which the
/// operator maps. Only operators of which that is known: some map an axis along which they compute.
fn maps_axes_truly(node: &TypedNode, axes: &HashMap<OutletId, usize>) -> bool {
    if let Some(softmax) = node.op_as::<Softmax>() {
        return node.inputs.iter().all(|input| axes.get(input).is_none_or(|axis| !softmax.axes.contains(axis)));
    }
    node.op_is::<ElementWiseOp>()
        || node.op_is::<TypedBinOp>()
        || node.op_is::<Conv>()
        || node.op_is::<EinSum>()
        || node.op_is::<AxisOp>()
        || node.op_is::<Reduce>()
        || node.op_is::<Slice>()
        || node.op_is::<Pad>()
        || node.op_is::<TypedConcat>()
        || node.op_is::<Cast>()
        || node.op_is::<Identity>()
}

/// The same nodes over a batch of one. `None` if a value comes out in another shape than its own with the batch axis at 1.
fn shrink(model: &TypedModel, axes: &HashMap<OutletId, usize>) -> TractResult<Option<TypedModel>> {
    let mut single = TypedModel { symbols: model.symbols.clone(), ..TypedModel::default() };
    let mut wires: HashMap<OutletId, OutletId> = HashMap::new();
    for id in model.eval_order()? {
        let node = model.node(id);
        let outlets = if node.op_is::<TypedSource>() {
            let fact = model.outlet_fact(id.into())?;
            let mut shape = fact.shape.to_tvec();
            shape[0] = 1.into();
            tvec!(single.add_source(&node.name, fact.datum_type.fact(shape))?)
        } else {
            let inputs: TVec<OutletId> = node.inputs.iter().map(|input| wires[input]).collect();
            single.wire_node(&node.name, node.op.clone(), &inputs)?
        };
        for (slot, wire) in outlets.into_iter().enumerate() {
            let outlet = OutletId::new(id, slot);
            let fact = model.outlet_fact(outlet)?;
            let mut expected = fact.shape.to_tvec();
            if let Some(&axis) = axes.get(&outlet) {
                expected[axis] = 1.into();
            }
            let given = single.outlet_fact(wire)?;
            if given.shape.dims() != expected.as_slice() || given.datum_type != fact.datum_type {
                return Ok(None);
            }
            wires.insert(outlet, wire);
        }
    }
    let inputs: Vec<OutletId> = model.input_outlets()?.iter().map(|input| wires[input]).collect();
    let outputs: Vec<OutletId> = model.output_outlets()?.iter().map(|output| wires[output]).collect();
    single.set_input_outlets(&inputs)?;
    single.select_output_outlets(&outputs)?;
    Ok(Some(single))
}

/// Whether the weights that an image uses once or twice, as fully connected layers do, take little of its time.
fn reuses_weights(model: &TypedModel) -> TractResult<bool> {
    let (mut products, mut rarely_used) = (0, 0);
    for node in model.nodes().iter().filter(|node| node.op_is::<Conv>() || node.op_is::<EinSum>()) {
        let (inputs, _) = model.node_facts(node.id)?;
        let weights: usize = inputs.iter().filter_map(|fact| fact.konst.as_ref()).map(|tensor| tensor.len()).sum();
        let mut own = 0;
        for (_, count) in node.op.cost(&inputs)? {
            own += count.to_usize()?;
        }
        products += own;
        if own < 4 * weights {
            rarely_used += weights;
        }
    }
    Ok(products > rarely_used * PRODUCTS_PER_READ)
}

#[cfg(test)]
mod tests {
    use tract_onnx::tract_core::internal::*;
    use tract_onnx::tract_core::ops::cnn::{KernelFormat, PaddingSpec};
    use tract_onnx::tract_core::ops::math;
    use tract_onnx::tract_core::ops::nn::{DataFormat, Reducer, SoftmaxKind};

    use super::super::plan::Plan;
    use super::*;

    fn numbers(shape: &[usize]) -> Tensor {
        let values: Vec<f32> =
            (0..shape.iter().product::<usize>()).map(|i| (i * 7919 % 997) as f32 / 500.0 - 1.0).collect();
        Tensor::from_shape(shape, &values).unwrap()
    }

    /// A convolution over 4 images of 3 x 8 x 8, then what `rest` adds to its 5 maps.
    fn model(rest: impl FnOnce(&mut TypedModel, OutletId) -> OutletId) -> TypedModel {
        let mut model = TypedModel::default();
        let x = model.add_source("x", f32::fact([4, 3, 8, 8])).unwrap();
        let kernel = model.add_const("kernel", numbers(&[5, 3, 3, 3])).unwrap();
        let bias = model.add_const("bias", numbers(&[5])).unwrap();
        let pool_spec = PoolSpec {
            data_format: DataFormat::NCHW,
            kernel_shape: tvec!(3, 3),
            padding: PaddingSpec::SameUpper,
            dilations: None,
            strides: None,
            input_channels: 3,
            output_channels: 5,
        };
        let conv = Conv { pool_spec, kernel_fmt: KernelFormat::OIHW, group: 1, q_params: None };
        let maps = model.wire_node("conv", conv, &[x, kernel, bias]).unwrap()[0];
        let output = rest(&mut model, maps);
        model.select_output_outlets(&[output]).unwrap();
        model
    }

    fn softmax(axis: usize) -> Softmax {
        Softmax { axes: tvec!(axis), quant_output_dt: None, kind: SoftmaxKind::Softmax }
    }

    fn add(model: &mut TypedModel, name: &str, op: impl Into<Box<dyn TypedOp>>, inputs: &[OutletId]) -> OutletId {
        model.wire_node(name, op, inputs).unwrap()[0]
    }

    /// What `plan` makes of the model's input.
    fn run(plan: &Plan) -> TValue {
        plan.run(tvec!(numbers(&[4, 3, 8, 8]).into())).unwrap().remove(0)
    }

    #[test]
    fn images_alone_give_what_the_batch_gives() {
        let model = model(|model, maps| {
            let softmax = add(model, "softmax", softmax(1), &[maps]);
            let factor = model.add_const("factor", numbers(&[1, 5, 1, 1])).unwrap();
            let scaled = add(model, "scaled", math::mul(), &[softmax, factor]);
            let sum = add(model, "sum", math::add(), &[scaled, maps]);
            let heads = add(model, "heads", AxisOp::Reshape(1, tvec!(5.into()), tvec!(5.into(), 1.into())), &[sum]);
            let moved = add(model, "moved", AxisOp::Move(0, 2), &[heads]);
            let back = add(model, "back", AxisOp::Move(2, 0), &[moved]);
            add(model, "total", Reduce { axes: tvec!(3, 4), reducer: Reducer::Sum }, &[back])
        });
        let plan = Plan::new(model.clone()).unwrap();
        assert!(matches!(plan, Plan::Images { batch: 4, .. }));
        let whole = Plan::Whole(model.into_optimized().unwrap().into_runnable().unwrap());
        run(&plan).close_enough(&run(&whole), Approximation::Close).unwrap();
        assert_eq!(run(&plan).shape(), [4, 5, 1, 1, 1]);
    }

    #[test]
    fn what_mixes_images_is_left_whole() {
        let by_image = |model: &mut TypedModel, maps| {
            let factor = model.add_const("factor", numbers(&[4, 1, 1, 1])).unwrap();
            add(model, "scaled", math::mul(), &[maps, factor])
        };
        let joined = |model: &mut TypedModel, maps| {
            let one = add(model, "one", AxisOp::Reshape(0, tvec!(4.into(), 5.into()), tvec!(20.into())), &[maps]);
            let softmax = add(model, "softmax", softmax(0), &[one]);
            add(model, "split", AxisOp::Reshape(0, tvec!(20.into()), tvec!(4.into(), 5.into())), &[softmax])
        };
        let models = [
            model(|model, maps| add(model, "softmax", softmax(0), &[maps])),
            model(|model, maps| add(model, "sum", Reduce { axes: tvec!(0), reducer: Reducer::Sum }, &[maps])),
            model(|model, maps| add(model, "first", Slice::new(0, 0, 1), &[maps])),
            model(|model, maps| add(model, "moved", AxisOp::Move(0, 1), &[maps])),
            model(by_image),
            model(joined),
        ];
        for model in models {
            assert!(one(&model, 4).is_none(), "{model}");
        }
    }

    #[test]
    fn weights_that_an_image_uses_once_are_read_for_all() {
        let mut model = TypedModel::default();
        let x = model.add_source("x", f32::fact([4, 300])).unwrap();
        let weights = model.add_const("weights", numbers(&[300, 200])).unwrap();
        let product = EinSum::new("nk,km->nm".parse().unwrap(), f32::datum_type());
        let output = add(&mut model, "product", product, &[x, weights]);
        model.select_output_outlets(&[output]).unwrap();
        assert!(batch_axes(&model, 4).unwrap().is_some());
        assert!(one(&model, 4).is_none());
    }
}
