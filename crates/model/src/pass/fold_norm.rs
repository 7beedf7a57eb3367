//! Folds a batch norm into the convolution or linear layer before it.
//!
//! `scale * (w x + b) + shift = (scale w) x + (scale b + shift)`, channel by channel. It applies where nobody else reads
//! the convolution's output; the fused node takes the batch norm's name.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Affine, Rewriter};
use crate::graph::{Graph, Op, ParamId, ValueId};
use crate::weights::{Overlay, SharedWeights};

pub(super) fn fold_norm(graph: &Graph, weights: SharedWeights) -> (Graph, SharedWeights) {
    let uses = graph.use_counts();
    let mut overlay = Overlay::new(weights);
    let mut rewriter = Rewriter::new(graph);
    // The values of layers whose only reader is a batch norm: they have no node of their own any more.
    let mut folded: HashSet<ValueId> = HashSet::new();
    for node in graph.nodes() {
        if let Op::BatchNorm { .. } = node.op
            && uses[node.inputs[0].index()] == 1
            && let Some(layer) = graph.node_of(node.inputs[0])
            && layer_params(&layer.op).is_some()
        {
            folded.insert(node.inputs[0]);
        }
    }
    for (index, node) in graph.nodes().iter().enumerate() {
        let value = graph.value_of(index);
        match (&node.op, graph.node_of(node.inputs[0])) {
            _ if folded.contains(&value) => {}
            (&Op::BatchNorm { params, eps }, Some(layer)) if folded.contains(&node.inputs[0]) => {
                let op = fuse(graph, &mut rewriter, &mut overlay, &layer.op, &Affine::new(graph, params, eps));
                rewriter.emit(value, &node.name, op, &layer.inputs);
            }
            _ => rewriter.copy(value, node),
        }
    }
    (rewriter.finish(), Arc::new(overlay))
}

fn layer_params(op: &Op) -> Option<(ParamId, Option<ParamId>)> {
    match *op {
        Op::Conv2d { weight, bias, .. } | Op::Linear { weight, bias } => Some((weight, bias)),
        _ => None,
    }
}

fn fuse(graph: &Graph, rewriter: &mut Rewriter<'_>, overlay: &mut Overlay, layer: &Op, norm: &Affine) -> Op {
    let Some((weight, bias)) = layer_params(layer) else { return layer.clone() };
    let old = graph.param(weight);
    let channels = old.shape[0];
    let new_weight = rewriter.param(weight);
    let (new_bias, bias_name) = rewriter.bias_of(weight, channels);

    let (name, affine) = (old.name.clone(), norm.clone());
    overlay.derive(old.name.clone(), old.shape.clone(), move |base| {
        let mut values = base.f64(&name)?;
        let (scale, _) = affine.read(base)?;
        let taps = values.len() / channels;
        values.chunks_exact_mut(taps).zip(scale).for_each(|(row, s)| row.iter_mut().for_each(|x| *x *= s));
        Ok(values)
    });
    let (old_bias, affine) = (bias.map(|id| graph.param(id).name.clone()), norm.clone());
    overlay.derive(bias_name, vec![channels], move |base| {
        let (scale, mut shift) = affine.read(base)?;
        if let Some(name) = &old_bias {
            shift.iter_mut().zip(base.f64(name)?).zip(scale).for_each(|((shift, bias), s)| *shift += bias * s);
        }
        Ok(shift)
    });
    match *layer {
        Op::Conv2d { stride, padding, groups, .. } => {
            Op::Conv2d { weight: new_weight, bias: Some(new_bias), stride, padding, groups }
        }
        _ => Op::Linear { weight: new_weight, bias: Some(new_bias) },
    }
}
