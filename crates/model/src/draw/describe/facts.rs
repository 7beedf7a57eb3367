//! What a graph and its shapes say, by name.

use std::collections::HashMap;

use crate::graph::{Graph, Op};
use crate::shape::{self, ShapeError};

/// The nodes and shapes of a graph, by name.
pub(super) struct Facts<'a> {
    graph: &'a Graph,
    nodes: HashMap<&'a str, usize>,
    shapes: Vec<Vec<usize>>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(graph: &'a Graph, [height, width]: [usize; 2]) -> Result<Self, ShapeError> {
        let inputs: Vec<[usize; 4]> = graph.inputs().iter().map(|i| [1, i.channels, height, width]).collect();
        let nodes = graph.nodes().iter().enumerate().map(|(index, node)| (node.name.as_str(), index)).collect();
        Ok(Self { graph, nodes, shapes: shape::infer(graph, &inputs)? })
    }

    /// The operator of the node of that name.
    pub(super) fn op(&self, node: &str) -> Option<&Op> {
        Some(&self.graph.nodes()[*self.nodes.get(node)?].op)
    }

    /// Channels, height and width of a value; zeros if there is none of that name.
    pub(super) fn map(&self, node: &str) -> [usize; 3] {
        let shape = self.nodes.get(node).map(|&index| &self.shapes[self.graph.value_of(index).index()]);
        match shape.map(Vec::as_slice) {
            Some(&[_, c, h, w]) => [c, h, w],
            _ => [0; 3],
        }
    }

    /// The stride of a convolution; 1 for anything else.
    pub(super) fn stride(&self, node: &str) -> usize {
        match self.op(node) {
            Some(&Op::Conv2d { stride, .. }) => stride,
            _ => 1,
        }
    }
}
