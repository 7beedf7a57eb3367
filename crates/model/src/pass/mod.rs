//! Passes: `(Graph, Weights) -> (Graph, Weights)`.
//!
//! A pass computes in float64 and rounds once, when its result is read as float32. Through every pass, the same value
//! name means the same numbers: a fused node carries the name of the last value it computes, and a value that comes to
//! mean something else gets another name. So the values of two graphs of one network are compared by name.

mod fold_attention;
mod fold_norm;
mod pool_early;
mod strip_drop_path;

use std::collections::HashMap;

pub use pool_early::pool_early;

use crate::graph::{Graph, GraphBuilder, Node, NormParams, Op, ParamId, Role, ValueId};
use crate::weights::{SharedWeights, Weights, WeightsError};

/// The passes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pass {
    /// Removes stochastic depth, which does nothing outside training.
    StripDropPath,
    /// Folds the attention scale into the query weights and a batch norm after attention into the value weights.
    FoldAttention,
    /// Folds batch norms into the convolutions and linear layers before them.
    FoldNorm,
}

impl Pass {
    /// What an inference graph goes through, in this order; the first alone when nothing is to be folded.
    pub const INFERENCE: [Self; 3] = [Self::StripDropPath, Self::FoldAttention, Self::FoldNorm];

    /// The name that metadata and reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StripDropPath => "strip-drop-path",
            Self::FoldAttention => "fold-attention",
            Self::FoldNorm => "fold-norm",
        }
    }

    /// The pass of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::INFERENCE.into_iter().find(|pass| pass.name() == name)
    }

    /// Applies it.
    pub fn apply(self, graph: &Graph, weights: SharedWeights) -> (Graph, SharedWeights) {
        match self {
            Self::StripDropPath => (strip_drop_path::strip_drop_path(graph), weights),
            Self::FoldAttention => fold_attention::fold_attention(graph, weights),
            Self::FoldNorm => fold_norm::fold_norm(graph, weights),
        }
    }
}

/// Applies `passes` one after the other.
pub fn apply(passes: &[Pass], graph: &Graph, weights: SharedWeights) -> (Graph, SharedWeights) {
    passes.iter().fold((graph.clone(), weights), |(graph, weights), pass| pass.apply(&graph, weights))
}

/// Copies a graph node by node; parameters enter the new table in the order in which nodes read them.
struct Rewriter<'a> {
    old: &'a Graph,
    new: GraphBuilder,
    values: HashMap<ValueId, ValueId>,
}

impl<'a> Rewriter<'a> {
    fn new(old: &'a Graph) -> Self {
        let mut new = GraphBuilder::default();
        let values = old
            .inputs()
            .iter()
            .enumerate()
            .map(|(i, input)| (old.input_value(i), new.input(&input.name, input.channels)));
        let values = values.collect();
        Self { old, new, values }
    }

    /// Where the new graph has the old graph's `value`.
    fn value(&self, value: ValueId) -> ValueId {
        self.values[&value]
    }

    /// From now on the new graph's `new` stands for the old graph's `old`.
    fn bind(&mut self, old: ValueId, new: ValueId) {
        self.values.insert(old, new);
    }

    /// The old graph's parameter `id` in the new table.
    fn param(&mut self, id: ParamId) -> ParamId {
        self.new.adopt(self.old.param(id).clone())
    }

    /// The bias that belongs to the old graph's weight `id`, `[channels]`, whether it had one or not.
    fn bias_of(&mut self, weight: ParamId, channels: usize) -> (ParamId, String) {
        let weight = self.old.param(weight);
        let stem = weight.name.strip_suffix("weight").map_or_else(|| format!("{}.", weight.name), str::to_owned);
        let name = format!("{stem}bias");
        let role = if weight.role == Role::LinearWeight { Role::LinearBias } else { Role::ConvBias };
        (self.new.param(name.clone(), &[channels], role), name)
    }

    /// Copies the node that computes the old graph's `value`, as it is.
    fn copy(&mut self, value: ValueId, node: &Node) {
        let op = node.op.map_params(|id| self.param(id));
        self.emit(value, &node.name, op, &node.inputs);
    }

    /// Adds a node to the new graph that stands for the old graph's `value`; `inputs` are the old graph's.
    fn emit(&mut self, value: ValueId, name: &str, op: Op, inputs: &[ValueId]) {
        let inputs: Vec<ValueId> = inputs.iter().map(|&v| self.value(v)).collect();
        let new = self.new.node(name, op, &inputs);
        self.bind(value, new);
    }

    fn finish(self) -> Graph {
        let outputs: Vec<ValueId> = self.old.outputs().iter().map(|&v| self.value(v)).collect();
        self.new.finish(&outputs)
    }
}

/// A batch norm in evaluation mode as what it is: one factor and one summand for each channel.
#[derive(Clone)]
struct Affine {
    weight: String,
    bias: String,
    mean: String,
    var: String,
    eps: f64,
}

impl Affine {
    fn new(graph: &Graph, params: NormParams, eps: f64) -> Self {
        let name = |id: ParamId| graph.param(id).name.clone();
        let NormParams { weight, bias, mean, var } = params;
        Self { weight: name(weight), bias: name(bias), mean: name(mean), var: name(var), eps }
    }

    /// `x * scale[c] + shift[c]`.
    fn read(&self, weights: &dyn Weights) -> Result<(Vec<f64>, Vec<f64>), WeightsError> {
        let (mean, var) = (weights.f64(&self.mean)?, weights.f64(&self.var)?);
        let scale: Vec<f64> =
            weights.f64(&self.weight)?.iter().zip(&var).map(|(weight, var)| weight / (var + self.eps).sqrt()).collect();
        let shift = weights.f64(&self.bias)?.iter().zip(&mean).zip(&scale).map(|((bias, m), s)| bias - m * s).collect();
        Ok((scale, shift))
    }
}
