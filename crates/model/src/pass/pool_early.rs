//! Global average pooling before what commutes with it, so that this runs on one pixel an image instead of all.
//!
//! In evaluation the mean over a map passes through everything that treats each pixel alike and is linear: pointwise
//! convolutions, batch norms, sums, the product with one number a channel. Training is another matter: there a batch norm
//! takes its statistics from the whole map.

use std::collections::HashMap;

use super::Rewriter;
use crate::graph::{Graph, Node, Op, ValueId};

/// The graph with its global average pools as early as can be; it means the same in evaluation, rounding apart. The table
/// of parameters stays as it is, but for those that nothing reads.
pub fn pool_early(graph: &Graph) -> Graph {
    let pixels = Pixels::of(graph);
    let mut early =
        PoolEarly { rewriter: Rewriter::new(graph), uses: graph.use_counts(), pooled: HashMap::new(), pixels };
    // What only pools read is computed when they are, if at all.
    for (index, node) in graph.nodes().iter().enumerate() {
        let value = graph.value_of(index);
        if matches!(node.op, Op::GlobalAvgPool) {
            let pooled = early.pool(node.inputs[0], &node.name);
            early.rewriter.bind(value, pooled);
        } else if !early.waits(graph, value) {
            early.rewriter.copy(value, node);
        }
    }
    early.rewriter.finish()
}

/// Which values have one pixel whatever the input: they behind a pool, until something else is added.
struct Pixels(Vec<bool>);

impl Pixels {
    fn of(graph: &Graph) -> Self {
        let mut single = vec![false; graph.value_count()];
        for (index, node) in graph.nodes().iter().enumerate() {
            let inputs_single = node.inputs.iter().all(|input| single[input.index()]);
            single[graph.value_of(index).index()] = matches!(node.op, Op::GlobalAvgPool) || inputs_single;
        }
        Self(single)
    }

    fn is_single(&self, value: ValueId) -> bool {
        self.0[value.index()]
    }
}

struct PoolEarly<'a> {
    rewriter: Rewriter<'a>,
    uses: Vec<usize>,
    /// Pools that were made, by what they read: two of the same are one.
    pooled: HashMap<ValueId, ValueId>,
    pixels: Pixels,
}

impl PoolEarly<'_> {
    /// The mean over the old graph's `value`, in the new graph.
    fn pool(&mut self, value: ValueId, name: &str) -> ValueId {
        if let Some(&pooled) = self.pooled.get(&value) {
            return pooled;
        }
        let graph = self.rewriter.old;
        let through = graph.node_of(value).filter(|node| self.uses[value.index()] == 1 && self.commutes(node));
        let pooled = if let Some(node) = through {
            let (node_name, op) = (format!("{}.pooled", node.name), node.op.map_params(|id| self.rewriter.param(id)));
            let inputs: Vec<ValueId> = node.inputs.iter().map(|&input| self.operand(input)).collect();
            self.rewriter.new.node(node_name, op, &inputs)
        } else {
            let input = self.rewriter.value(value);
            let name = graph.node_of(value).map_or_else(|| name.to_owned(), |node| format!("{}.pool", node.name));
            self.rewriter.new.node(name, Op::GlobalAvgPool, &[input])
        };
        self.pooled.insert(value, pooled);
        pooled
    }

    /// An operand of what is computed on means.
    fn operand(&mut self, value: ValueId) -> ValueId {
        if self.pixels.is_single(value) { self.rewriter.value(value) } else { self.pool(value, "pool") }
    }

    fn commutes(&self, node: &Node) -> bool {
        let graph = self.rewriter.old;
        match &node.op {
            Op::Conv2d { weight, stride: 1, padding: 0, groups: 1, .. } => {
                graph.param(*weight).shape.ends_with(&[1, 1])
            }
            Op::BatchNorm { .. } | Op::Shift { .. } | Op::Add => true,
            // One number a channel, by which the mean can be multiplied as well.
            Op::Mul => self.pixels.is_single(node.inputs[1]),
            Op::Conv2d { .. }
            | Op::Activation(_)
            | Op::MaxPool { .. }
            | Op::AvgPool { .. }
            | Op::GlobalAvgPool
            | Op::Flatten
            | Op::Linear { .. }
            | Op::Attention { .. }
            | Op::DropPath { .. } => false,
        }
    }

    /// Whether a value is read by nothing but one pool, through what commutes with it.
    fn waits(&self, graph: &Graph, value: ValueId) -> bool {
        let Some(node) = graph.node_of(value) else { return false };
        if self.uses[value.index()] != 1 || !self.commutes(node) || self.pixels.is_single(value) {
            return false;
        }
        let mut readers = graph.nodes().iter().enumerate().filter(|(_, reader)| reader.inputs.contains(&value));
        readers.next().is_some_and(|(index, reader)| {
            matches!(reader.op, Op::GlobalAvgPool) || self.waits(graph, graph.value_of(index))
        })
    }
}
