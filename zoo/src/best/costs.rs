//! What each layer costs, given what comes in; every layer is built once for each of that.

use std::collections::HashMap;

use bossnas_model::cost::cost;
use bossnas_model::graph::Graph;
use bossnas_model::shape::ShapeError;
use bossnas_model::space::Space;

use super::PathCost;

/// What a layer reads: all that its cost, and that of all after it, depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Entry {
    /// The operation before it; `None` before the first layer of all.
    pub(super) before: Option<u8>,
    /// Height and width of the map; of no meaning before the first layer of all.
    map: [usize; 2],
}

impl Entry {
    /// Before the first layer of all.
    pub(super) const START: Self = Self { before: None, map: [0; 2] };
}

/// Costs of layers, as far as they were asked for.
pub(super) struct Costs<'a> {
    space: &'a Space,
    size: [usize; 2],
    layers: HashMap<(usize, usize, Entry, u8), (PathCost, Entry)>,
}

impl<'a> Costs<'a> {
    pub(super) fn new(space: &'a Space, size: [usize; 2]) -> Self {
        Self { space, size, layers: HashMap::new() }
    }

    /// What a whole path costs.
    pub(super) fn path(&mut self, stages: &[Vec<u8>]) -> Result<PathCost, ShapeError> {
        let mut at = Entry::START;
        let mut total = PathCost::default();
        for (stage, ops) in stages.iter().enumerate() {
            let (cost, next) = self.stage(stage, at, ops)?;
            (total, at) = (total.plus(cost), next);
        }
        Ok(total)
    }

    /// What a path of a stage costs after `at`, and what it leaves.
    pub(super) fn stage(&mut self, stage: usize, at: Entry, ops: &[u8]) -> Result<(PathCost, Entry), ShapeError> {
        let mut total = PathCost::default();
        let mut at = at;
        for (layer, &op) in ops.iter().enumerate() {
            let (cost, next) = self.layer(stage, layer, at, op)?;
            total = total.plus(cost);
            at = next;
        }
        Ok((total, at))
    }

    /// The stem is part of the first layer, on which its width may depend.
    fn layer(&mut self, stage: usize, layer: usize, at: Entry, op: u8) -> Result<(PathCost, Entry), ShapeError> {
        let key = (stage, layer, at, op);
        if let Some(&known) = self.layers.get(&key) {
            return Ok(known);
        }
        let (graph, map) = match at.before {
            None => (self.space.stem(op).then(self.space.layer(stage, layer, None, op)), self.size),
            before => (self.space.layer(stage, layer, before, op), at.map),
        };
        let (cost, map) = cost_of(&graph, map)?;
        let found = (cost, Entry { before: Some(op), map });
        self.layers.insert(key, found);
        Ok(found)
    }
}

/// The cost of a graph on a map, and the size of what it puts out.
fn cost_of(graph: &Graph, [height, width]: [usize; 2]) -> Result<(PathCost, [usize; 2]), ShapeError> {
    let cost = cost(graph, height, width)?;
    let node = graph.outputs().first().and_then(|output| output.index().checked_sub(graph.inputs().len()));
    let map = match node.map(|node| cost.nodes[node].shape.as_slice()) {
        Some(&[_, _, height, width]) => [height, width],
        _ => [height, width],
    };
    Ok((PathCost { multiply_adds: cost.multiply_adds(), params: cost.params }, map))
}
