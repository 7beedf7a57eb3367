//! What is computed together: the nodes of a graph as steps, some of which stand for several nodes.

use bossnas_model::graph::{Graph, Node, Op};

/// A step computes the value of its last node.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// One node.
    Node(usize),
    /// A convolution and the batch norm that alone reads it. With fixed statistics the latter goes into the weights.
    ConvNorm {
        /// The convolution.
        conv: usize,
        /// The batch norm.
        norm: usize,
    },
    /// A pointwise convolution of a map that was pooled, its batch norm, and the linear layer that alone reads them once
    /// flattened. With fixed statistics the three are one matrix.
    ConvNormLinear {
        /// The convolution.
        conv: usize,
        /// The batch norm.
        norm: usize,
        /// What flattens.
        flatten: usize,
        /// The linear layer.
        linear: usize,
    },
    /// The same activation of the same value as an earlier node.
    Again {
        /// The node.
        node: usize,
        /// The earlier one.
        earlier: usize,
    },
    /// A 1x1 convolution, the batch norm that alone reads it, and the global average pool that alone reads that. Pooling
    /// commutes with both, so the convolution runs on one pixel an image; see [`pooled`](super::pooled).
    PooledNorm {
        /// The convolution.
        conv: usize,
        /// The batch norm.
        norm: usize,
        /// The pool.
        pool: usize,
    },
    /// A convolution that keeps the size of a map, and the global average pool that alone reads it: sums over the map, and one
    /// product; see [`pooled`](super::pooled).
    PooledConv {
        /// The convolution.
        conv: usize,
        /// The pool.
        pool: usize,
    },
}

/// The steps of a graph, and what may be overwritten.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// For each value, how often it is read or put out.
    pub(super) uses: Vec<usize>,
    /// For each node that does the same in any network that has it, given the same input: what it does, in words.
    pub(super) keys: Vec<Option<String>>,
    /// For each value, the last node that reads it, or whose value is the same.
    pub(super) last_uses: Vec<usize>,
}

impl Plan {
    /// The plan of a graph.
    pub(super) fn of(graph: &Graph) -> Self {
        let uses = graph.use_counts();
        let nodes = graph.nodes();
        // The only reader of a node, when there is one and it is no output.
        let mut reader = vec![None; nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            for &value in &node.inputs {
                if let Some(made_by) = value.index().checked_sub(graph.inputs().len()) {
                    reader[made_by] = (uses[value.index()] == 1).then_some(index);
                }
            }
        }
        let (mut steps, mut last_uses) = (Vec::with_capacity(nodes.len()), graph.last_uses());
        let mut done = vec![false; nodes.len()];
        for index in 0..nodes.len() {
            if done[index] {
                continue;
            }
            let step = match same_activation(graph, index) {
                Some(earlier) => {
                    let value = graph.value_of(earlier).index();
                    last_uses[value] = last_uses[value].max(index);
                    Step::Again { node: index, earlier }
                }
                None => step_at(graph, &reader, index),
            };
            step.nodes().into_iter().for_each(|node| done[node] = true);
            steps.push(step);
        }
        Self { steps, uses, keys: keys(graph), last_uses }
    }
}

impl Step {
    /// The nodes that it stands for, in their order.
    pub(super) fn nodes(&self) -> Vec<usize> {
        match *self {
            Self::Node(node) | Self::Again { node, .. } => vec![node],
            Self::ConvNorm { conv, norm } => vec![conv, norm],
            Self::PooledNorm { conv, norm, pool } => vec![conv, norm, pool],
            Self::PooledConv { conv, pool } => vec![conv, pool],
            Self::ConvNormLinear { conv, norm, flatten, linear } => vec![conv, norm, flatten, linear],
        }
    }
}

/// What nodes do, as far as it follows from the graph's first input alone and not from statistics. A convolution is named by
/// its weight, whatever its width: of a slimmable one the wider output begins with the narrower.
fn keys(graph: &Graph) -> Vec<Option<String>> {
    let mut keys: Vec<Option<String>> = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        let input = node.inputs[0];
        let of_input = match input.index().checked_sub(graph.inputs().len()) {
            None => (input.index() == 0).then(|| "input".to_owned()),
            // Behind a slimmable convolution widths differ.
            Some(made_by) => keys[made_by].clone().filter(|_| !matches!(graph.nodes()[made_by].op, Op::Conv2d { .. })),
        };
        let key = |does: String| of_input.map(|of_input| format!("{does} of {of_input}"));
        keys.push(match &node.op {
            Op::Conv2d { weight, bias: None, stride, padding, groups } => {
                key(format!("{} {stride} {padding} {groups}", graph.param(*weight).name))
            }
            Op::Activation(_) | Op::MaxPool { .. } | Op::AvgPool { .. } | Op::GlobalAvgPool => {
                key(format!("{:?}", node.op))
            }
            Op::Conv2d { .. }
            | Op::BatchNorm { .. }
            | Op::Flatten
            | Op::Linear { .. }
            | Op::Shift { .. }
            | Op::Add
            | Op::Mul
            | Op::Attention { .. }
            | Op::DropPath { .. } => None,
        });
    }
    keys
}

/// An earlier node that is the same activation of the same value.
fn same_activation(graph: &Graph, index: usize) -> Option<usize> {
    let node = &graph.nodes()[index];
    let is_same = |earlier: &Node| earlier.inputs == node.inputs && earlier.op == node.op;
    matches!(node.op, Op::Activation(_)).then(|| graph.nodes()[..index].iter().position(is_same))?
}

/// The step that begins at a node. What a step takes along is read by nothing else, so that taking it early is sound.
fn step_at(graph: &Graph, reader: &[Option<usize>], conv: usize) -> Step {
    let nodes = graph.nodes();
    let Op::Conv2d { bias: None, .. } = nodes[conv].op else { return Step::Node(conv) };
    if let Some(pool) = reader[conv].filter(|&index| matches!(nodes[index].op, Op::GlobalAvgPool))
        && keeps_size(graph, &nodes[conv])
    {
        return Step::PooledConv { conv, pool };
    }
    let Some(norm) = reader[conv].filter(|&index| matches!(nodes[index].op, Op::BatchNorm { .. })) else {
        return Step::Node(conv);
    };
    let pool = reader[norm].filter(|&index| matches!(nodes[index].op, Op::GlobalAvgPool));
    match pool {
        Some(pool) if is_pointwise(graph, &nodes[conv]) => return Step::PooledNorm { conv, norm, pool },
        _ => {}
    }
    let flatten = reader[norm].filter(|&index| matches!(nodes[index].op, Op::Flatten));
    let linear =
        flatten.and_then(|flatten| reader[flatten]).filter(|&index| matches!(nodes[index].op, Op::Linear { .. }));
    match (flatten, linear) {
        (Some(flatten), Some(linear)) if is_pointwise(graph, &nodes[conv]) => {
            Step::ConvNormLinear { conv, norm, flatten, linear }
        }
        _ => Step::ConvNorm { conv, norm },
    }
}

/// Whether a convolution of all channels has an output pixel for each input pixel, with a square window around it.
fn keeps_size(graph: &Graph, conv: &Node) -> bool {
    match conv.op {
        Op::Conv2d { weight, stride: 1, padding, groups: 1, .. } => {
            let side = 2 * padding + 1;
            graph.param(weight).shape.ends_with(&[side, side])
        }
        _ => false,
    }
}

/// Whether each output pixel of a convolution follows from the input pixel at the same place.
fn is_pointwise(graph: &Graph, conv: &Node) -> bool {
    match conv.op {
        Op::Conv2d { weight, stride: 1, padding: 0, groups: 1, .. } => graph.param(weight).shape.ends_with(&[1, 1]),
        _ => false,
    }
}
