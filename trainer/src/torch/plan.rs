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
}

/// The steps of a graph, and what may be overwritten.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// For each value, how often it is read or put out.
    pub(super) uses: Vec<usize>,
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
        let mut steps = Vec::with_capacity(nodes.len());
        let mut done = vec![false; nodes.len()];
        for index in 0..nodes.len() {
            if done[index] {
                continue;
            }
            let step = step_at(graph, &reader, index);
            let last = match step {
                Step::Node(_) => index,
                Step::ConvNorm { norm, .. } => norm,
                Step::PooledNorm { norm, pool, .. } => {
                    done[norm] = true;
                    pool
                }
            };
            done[last] = true;
            steps.push(step);
        }
        Self { steps, uses }
    }
}

/// The step that begins at a node. What a step takes along is read by nothing else, so that taking it early is sound.
fn step_at(graph: &Graph, reader: &[Option<usize>], conv: usize) -> Step {
    let nodes = graph.nodes();
    let Op::Conv2d { bias: None, .. } = nodes[conv].op else { return Step::Node(conv) };
    let Some(norm) = reader[conv].filter(|&index| matches!(nodes[index].op, Op::BatchNorm { .. })) else {
        return Step::Node(conv);
    };
    let pool = reader[norm].filter(|&index| matches!(nodes[index].op, Op::GlobalAvgPool));
    match pool {
        Some(pool) if is_pointwise(graph, &nodes[conv]) => Step::PooledNorm { conv, norm, pool },
        _ => Step::ConvNorm { conv, norm },
    }
}

/// Whether each output pixel of a convolution follows from the input pixel at the same place.
fn is_pointwise(graph: &Graph, conv: &Node) -> bool {
    match conv.op {
        Op::Conv2d { weight, stride: 1, padding: 0, groups: 1, .. } => graph.param(weight).shape.ends_with(&[1, 1]),
        _ => false,
    }
}
