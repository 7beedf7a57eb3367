//! Stochastic depth is the identity outside training: its readers read what it reads.

use super::Rewriter;
use crate::graph::{Graph, Op};

pub(super) fn strip_drop_path(graph: &Graph) -> Graph {
    let mut rewriter = Rewriter::new(graph);
    for (index, node) in graph.nodes().iter().enumerate() {
        let value = graph.value_of(index);
        if matches!(node.op, Op::DropPath { .. }) {
            let input = rewriter.value(node.inputs[0]);
            rewriter.bind(value, input);
        } else {
            rewriter.copy(value, node);
        }
    }
    rewriter.finish()
}
