//! What a network costs: multiply-adds, parameters and peak activation memory, for each node and in total.

use crate::graph::{Graph, Node, Op, Param};
use crate::shape::{self, ShapeError};

/// Bytes of a float32.
const ELEMENT_BYTES: u64 = 4;

/// The cost of one node at batch 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCost {
    /// Name of the node.
    pub name: String,
    /// Its operator.
    pub op: &'static str,
    /// Shape of its output.
    pub shape: Vec<usize>,
    /// Multiply-adds of convolutions, linear layers and both attention products; 0 for all else.
    pub multiply_adds: u64,
    /// Trained parameters that it reads.
    pub params: u64,
    /// Bytes of all values that are live while it runs: what it reads, what it writes, and what later nodes need.
    pub live_bytes: u64,
}

/// The cost of a network at batch 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// Each node, in stored order.
    pub nodes: Vec<NodeCost>,
    /// Multiply-adds of the convolutions.
    pub conv: u64,
    /// Multiply-adds of the linear layers.
    pub linear: u64,
    /// Multiply-adds of the attention products `q^T k` and `v A`.
    pub attention: u64,
    /// Trained parameters (buffers such as running means are not counted).
    pub params: u64,
    /// Elements of the buffers.
    pub buffers: u64,
    /// The largest sum of live values over the nodes in stored order: float32, nothing computed in place.
    pub peak_activation_bytes: u64,
}

impl Cost {
    /// All multiply-adds.
    pub fn multiply_adds(&self) -> u64 {
        self.conv + self.linear + self.attention
    }
}

/// The cost of `graph` on one image of `height` x `width`.
pub fn cost(graph: &Graph, height: usize, width: usize) -> Result<Cost, ShapeError> {
    let inputs: Vec<[usize; 4]> = graph.inputs().iter().map(|input| [1, input.channels, height, width]).collect();
    let shapes = shape::infer(graph, &inputs)?;
    let elements = |shape: &[usize]| shape.iter().product::<usize>() as u64;
    let count = |buffer: bool| {
        let params = graph.params().iter().filter(|p| p.role.is_buffer() == buffer);
        params.map(|p| p.elements() as u64).sum::<u64>()
    };
    let live = live_elements(graph, &shapes);
    let mut cost = Cost {
        nodes: Vec::with_capacity(graph.nodes().len()),
        conv: 0,
        linear: 0,
        attention: 0,
        params: count(false),
        buffers: count(true),
        peak_activation_bytes: live.iter().max().copied().unwrap_or_default() * ELEMENT_BYTES,
    };
    for (index, (node, live)) in graph.nodes().iter().zip(live).enumerate() {
        let shape = &shapes[graph.value_of(index).index()];
        let multiply_adds = multiply_adds(graph.params(), node, shape);
        match node.op {
            Op::Conv2d { .. } => cost.conv += multiply_adds,
            Op::Linear { .. } => cost.linear += multiply_adds,
            _ => cost.attention += multiply_adds,
        }
        let trained = node.op.params().into_iter().map(|id| graph.param(id)).filter(|p| !p.role.is_buffer());
        cost.nodes.push(NodeCost {
            name: node.name.clone(),
            op: node.op.name(),
            shape: shape.clone(),
            multiply_adds,
            params: trained.map(|p| elements(&p.shape)).sum(),
            live_bytes: live * ELEMENT_BYTES,
        });
    }
    Ok(cost)
}

fn multiply_adds(params: &[Param], node: &Node, output: &[usize]) -> u64 {
    let outputs = output.iter().product::<usize>() as u64;
    match &node.op {
        Op::Conv2d { weight, .. } | Op::Linear { weight, .. } => {
            let taps: usize = params[weight.index()].shape[1..].iter().product();
            outputs * taps as u64
        }
        Op::Attention { .. } => {
            let pixels = output[2..].iter().product::<usize>() as u64;
            2 * outputs * pixels
        }
        Op::BatchNorm { .. }
        | Op::Activation(_)
        | Op::MaxPool { .. }
        | Op::AvgPool { .. }
        | Op::GlobalAvgPool
        | Op::Flatten
        | Op::Shift { .. }
        | Op::Add
        | Op::Mul
        | Op::DropPath { .. } => 0,
    }
}

/// For each node, the elements of all values that are live while it runs.
fn live_elements(graph: &Graph, shapes: &[Vec<usize>]) -> Vec<u64> {
    let last_uses = graph.last_uses();
    let size = |value: usize| shapes[value].iter().product::<usize>() as u64;
    let inputs = graph.inputs().len();
    let mut live: u64 = (0..inputs).map(size).sum();
    let mut dying: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes().len() + 1];
    last_uses.iter().enumerate().for_each(|(value, &node)| dying[node].push(value));
    (0..graph.nodes().len())
        .map(|node| {
            live += size(inputs + node);
            let during = live;
            live -= dying[node].iter().map(|&value| size(value)).sum::<u64>();
            during
        })
        .collect()
}
