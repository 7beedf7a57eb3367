//! Folds what surrounds an attention product into the convolution that makes queries, keys and values.
//!
//! The scale goes into the query rows. A batch norm after attention goes into the value rows: each output of `v A^T` is a
//! mean of values under weights that sum to 1, so a factor and a summand for each channel pass through exactly. In the
//! search's `v A` the weights do not sum to 1: the factor passes, the summand stays behind as a [`Op::Shift`].

use std::collections::HashMap;
use std::sync::Arc;

use super::{Affine, Rewriter};
use crate::graph::{Graph, Node, Op, Orientation, Role, ValueId};
use crate::weights::{Overlay, SharedWeights};

pub(super) fn fold_attention(graph: &Graph, weights: SharedWeights) -> (Graph, SharedWeights) {
    let sites = find(graph);
    let mut overlay = Overlay::new(weights);
    let mut rewriter = Rewriter::new(graph);
    for (index, node) in graph.nodes().iter().enumerate() {
        let value = graph.value_of(index);
        match sites.get(&index) {
            None => rewriter.copy(value, node),
            Some(Part::Qkv(site)) => {
                let op = site.fold_weights(graph, &mut rewriter, &mut overlay);
                rewriter.emit(value, &format!("{}.folded", node.name), op, &node.inputs);
            }
            Some(Part::Attention(site)) => {
                let name = match (&site.norm, site.orientation) {
                    (None, _) => node.name.clone(),
                    (Some((_, norm)), Orientation::Standard) => norm.name.clone(),
                    (Some((_, norm)), Orientation::Transposed) => format!("{}.scaled", norm.name),
                };
                let &Site { heads, head_width, orientation, .. } = &**site;
                let op = Op::Attention { heads, head_width, scale: 1.0, orientation };
                rewriter.emit(value, &name, op, &node.inputs);
            }
            Some(Part::Norm(site)) => site.replace_norm(value, node, &mut rewriter, &mut overlay),
        }
    }
    (rewriter.finish(), Arc::new(overlay))
}

/// One attention product with the layer before it and, where there is one, the batch norm after it.
struct Site<'a> {
    qkv: &'a Node,
    heads: usize,
    head_width: usize,
    scale: f64,
    orientation: Orientation,
    norm: Option<(Affine, &'a Node)>,
}

/// What a node is to its site.
enum Part<'a> {
    Qkv(Arc<Site<'a>>),
    Attention(Arc<Site<'a>>),
    Norm(Arc<Site<'a>>),
}

fn find(graph: &Graph) -> HashMap<usize, Part<'_>> {
    let uses = graph.use_counts();
    let mut parts = HashMap::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        let Op::Attention { heads, head_width, scale, orientation } = node.op else { continue };
        let Some(qkv) = graph.node_of(node.inputs[0]) else { continue };
        if uses[node.inputs[0].index()] != 1 || !matches!(qkv.op, Op::Conv2d { .. }) {
            continue;
        }
        let attention = graph.value_of(index);
        let norm = (uses[attention.index()] == 1)
            .then(|| graph.nodes().iter().position(|reader| reader.inputs.contains(&attention)))
            .flatten()
            .and_then(|reader| match graph.nodes()[reader].op {
                Op::BatchNorm { params, eps } => Some((reader, Affine::new(graph, params, eps))),
                _ => None,
            });
        let norm_index = norm.as_ref().map(|(reader, _)| *reader);
        let norm = norm.map(|(reader, affine)| (affine, &graph.nodes()[reader]));
        let site = Arc::new(Site { qkv, heads, head_width, scale, orientation, norm });
        let qkv_index = node.inputs[0].index() - graph.inputs().len();
        parts.insert(qkv_index, Part::Qkv(Arc::clone(&site)));
        parts.insert(index, Part::Attention(Arc::clone(&site)));
        if let Some(norm_index) = norm_index {
            parts.insert(norm_index, Part::Norm(site));
        }
    }
    parts
}

impl Site<'_> {
    /// Channels of the queries, of the keys and of the values.
    fn width(&self) -> usize {
        self.heads * self.head_width
    }

    /// What is left of the batch norm `node`: a shift where the weights do not sum to 1, else nothing.
    fn replace_norm(&self, value: ValueId, node: &Node, rewriter: &mut Rewriter<'_>, overlay: &mut Overlay) {
        if let (Some((affine, _)), Orientation::Transposed) = (&self.norm, self.orientation) {
            let (name, width, affine) = (format!("{}.shift", node.name), self.width(), affine.clone());
            let bias = rewriter.new.param(name.clone(), &[width], Role::Shift);
            overlay.derive(name, vec![width], move |base| Ok(affine.read(base)?.1));
            rewriter.emit(value, &node.name, Op::Shift { bias }, &node.inputs);
        } else {
            let attention = rewriter.value(node.inputs[0]);
            rewriter.bind(value, attention);
        }
    }

    fn fold_weights(&self, graph: &Graph, rewriter: &mut Rewriter<'_>, overlay: &mut Overlay) -> Op {
        let Op::Conv2d { weight, bias, stride, padding, groups } = self.qkv.op else { return self.qkv.op.clone() };
        let (width, scale) = (self.width(), self.scale);
        let affine = self.norm.as_ref().map(|(affine, _)| affine.clone());
        let shifted = affine.is_some() && self.orientation == Orientation::Standard;
        let old = graph.param(weight);
        let old_bias = bias.map(|id| graph.param(id).name.clone());

        let new_weight = rewriter.param(weight);
        let (name, norm) = (old.name.clone(), affine.clone());
        overlay.derive(old.name.clone(), old.shape.clone(), move |base| {
            let mut rows = base.f64(&name)?;
            let taps = rows.len() / (3 * width);
            rows[..width * taps].iter_mut().for_each(|x| *x *= scale);
            if let Some(norm) = &norm {
                let values = rows[2 * width * taps..].chunks_exact_mut(taps);
                values.zip(norm.read(base)?.0).for_each(|(row, s)| row.iter_mut().for_each(|x| *x *= s));
            }
            Ok(rows)
        });
        let new_bias = (shifted || old_bias.is_some()).then(|| {
            let (id, name) = rewriter.bias_of(weight, 3 * width);
            overlay.derive(name, vec![3 * width], move |base| {
                let mut bias = old_bias.as_ref().map_or_else(|| Ok(vec![0.0; 3 * width]), |name| base.f64(name))?;
                bias[..width].iter_mut().for_each(|x| *x *= scale);
                if let Some(norm) = &affine {
                    let (factor, summand) = norm.read(base)?;
                    bias[2 * width..].iter_mut().zip(factor).for_each(|(x, s)| *x *= s);
                    if shifted {
                        bias[2 * width..].iter_mut().zip(summand).for_each(|(x, t)| *x += t);
                    }
                }
                Ok(bias)
            });
            id
        });
        Op::Conv2d { weight: new_weight, bias: new_bias, stride, padding, groups }
    }
}
