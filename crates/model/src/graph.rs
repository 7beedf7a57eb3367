//! A network as data: nodes in topological order, an ordered table of parameters, and no numbers.
//!
//! Every reader matches [`Op`] without a catch-all arm, so a new operator is a list of compile errors that names each
//! place to extend. Names are the published ones: a value is called after the module whose output it is
//! (`layer3.2.conv1`, and `layer3.2` for what the whole block puts out), a parameter after its key in the published
//! checkpoints. Within one network, and through every pass over it, the same value name means the same numbers.

mod join;

use std::collections::HashMap;

/// Index of a parameter in [`Graph::params`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(usize);

/// Index of a value: the graph's inputs first, then one output for each node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(usize);

impl ParamId {
    /// The position in [`Graph::params`].
    pub const fn index(self) -> usize {
        self.0
    }
}

impl ValueId {
    /// The position among all values.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// What a parameter is for. Initialisation, optimizers and passes go by it instead of guessing from names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Weight of a convolution, `[out, in / groups, height, width]`.
    ConvWeight,
    /// Bias of a convolution, `[out]`.
    ConvBias,
    /// Weight of a linear layer, `[out, in]`.
    LinearWeight,
    /// Bias of a linear layer, `[out]`.
    LinearBias,
    /// Scale of a batch norm, `[channels]`.
    NormWeight,
    /// Scale of the last batch norm of a residual branch, `[channels]`; starts at zero.
    BranchEndNormWeight,
    /// Shift of a batch norm, `[channels]`.
    NormBias,
    /// Running mean of a batch norm, `[channels]`, a buffer.
    RunningMean,
    /// Running variance of a batch norm, `[channels]`, a buffer.
    RunningVar,
    /// Batches a batch norm has seen, a scalar int64 buffer.
    BatchCount,
    /// Constant that is added to each channel, `[channels]`; only passes make it.
    Shift,
}

impl Role {
    /// Buffers are stored with a network but not trained.
    pub const fn is_buffer(self) -> bool {
        matches!(self, Self::RunningMean | Self::RunningVar | Self::BatchCount)
    }
}

/// One entry of the parameter table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// The published name, relative to the network.
    pub name: String,
    /// Extents of what the network uses; empty for a scalar.
    pub shape: Vec<usize>,
    /// Extents in a checkpoint where the network uses only a part, the first of each extent (slimmable layers);
    /// `None` where it uses all. [`crate::weights::Cut`] makes the part of the whole.
    pub stored: Option<Vec<usize>>,
    /// What it is for.
    pub role: Role,
}

impl Param {
    /// Number of elements that the network uses.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Extents in a checkpoint.
    pub fn stored_shape(&self) -> &[usize] {
        self.stored.as_ref().unwrap_or(&self.shape)
    }
}

/// Element-wise non-linearities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x * sigmoid(x)`.
    Silu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

/// How values are combined with the attention matrix `A = softmax(q^T k * scale)`, whose rows sum to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Orientation {
    /// `out = v A^T`: each pixel gets a weighted mean over the keys. Attention as it is meant, and as BossNet-T uses it.
    Standard,
    /// `out = v A`, as the published search code has it: sums over the query index, its weights do not add to 1.
    Transposed,
}

impl Orientation {
    /// Its name in texts and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Transposed => "transposed",
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Standard, Self::Transposed].into_iter().find(|orientation| orientation.name() == name)
    }
}

/// The parameters of a batch norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NormParams {
    /// Scale.
    pub weight: ParamId,
    /// Shift.
    pub bias: ParamId,
    /// Running mean.
    pub mean: ParamId,
    /// Running variance.
    pub var: ParamId,
}

/// The operators. Maps are `[batch, channels, height, width]`.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Two-dimensional convolution with a square stride and the same padding on all sides.
    Conv2d {
        /// `[out, in / groups, kernel height, kernel width]`.
        weight: ParamId,
        /// `[out]`.
        bias: Option<ParamId>,
        /// In both directions.
        stride: usize,
        /// Zeros on each side.
        padding: usize,
        /// 1, or the number of channels for a depth-wise convolution.
        groups: usize,
    },
    /// `(x - mean) / sqrt(var + eps) * weight + bias` for each channel; statistics of the batch in training.
    BatchNorm {
        /// Its parameters.
        params: NormParams,
        /// Added to the variance.
        eps: f64,
    },
    /// An element-wise non-linearity.
    Activation(Activation),
    /// Maximum over square windows; padding never wins.
    MaxPool {
        /// Side of a window.
        kernel: usize,
        /// In both directions.
        stride: usize,
        /// On each side.
        padding: usize,
    },
    /// Mean over square windows that stand side by side. Those that reach over the lower or right border are kept and
    /// average what lies inside (PyTorch's `ceil_mode=True, count_include_pad=False`).
    AvgPool {
        /// Side of a window, and the stride.
        window: usize,
    },
    /// Mean over height and width, which become 1.
    GlobalAvgPool,
    /// `[batch, channels, 1, 1]` to `[batch, channels]`; what is `[batch, channels]` already stays so.
    Flatten,
    /// `x W^T + b` on `[batch, in]`.
    Linear {
        /// `[out, in]`.
        weight: ParamId,
        /// `[out]`.
        bias: Option<ParamId>,
    },
    /// Adds a constant to each channel.
    Shift {
        /// `[channels]`.
        bias: ParamId,
    },
    /// Element-wise sum of two values of the same shape.
    Add,
    /// Element-wise product; the second may be `[batch, channels, 1, 1]` and is then spread over the map.
    Mul,
    /// Multi-head self-attention over all pixels: `[batch, 3 * heads * head_width, h, w]`, all queries first, then keys,
    /// then values, to `[batch, heads * head_width, h, w]`.
    Attention {
        /// Number of heads.
        heads: usize,
        /// Channels of one head.
        head_width: usize,
        /// Multiplies `q^T k`; 1 once a pass has moved it into the query weights.
        scale: f64,
        /// Which way round the values are combined.
        orientation: Orientation,
    },
    /// Stochastic depth: in training drops the branch of a sample with probability [`drop_path_rate`], else identity.
    DropPath {
        /// The block's number in the network, from 0.
        block: usize,
    },
}

/// The drop-path probability of block number `block` when the network's nominal rate is `nominal`. The published code
/// divides by 15 whatever the depth, so deeper networks exceed the nominal rate.
pub fn drop_path_rate(nominal: f64, block: usize) -> f64 {
    nominal * block as f64 / 15.0
}

impl Op {
    /// The operator's name in tables and error messages.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Conv2d { .. } => "Conv2d",
            Self::BatchNorm { .. } => "BatchNorm",
            Self::Activation(Activation::Relu) => "ReLU",
            Self::Activation(Activation::Silu) => "SiLU",
            Self::Activation(Activation::Sigmoid) => "Sigmoid",
            Self::MaxPool { .. } => "MaxPool",
            Self::AvgPool { .. } => "AvgPool",
            Self::GlobalAvgPool => "GlobalAvgPool",
            Self::Flatten => "Flatten",
            Self::Linear { .. } => "Linear",
            Self::Shift { .. } => "Shift",
            Self::Add => "Add",
            Self::Mul => "Mul",
            Self::Attention { .. } => "Attention",
            Self::DropPath { .. } => "DropPath",
        }
    }

    /// The parameters it reads, in the order of its fields.
    pub fn params(&self) -> Vec<ParamId> {
        match self {
            Self::Conv2d { weight, bias, .. } | Self::Linear { weight, bias } => {
                std::iter::once(*weight).chain(*bias).collect()
            }
            Self::BatchNorm { params, .. } => vec![params.weight, params.bias, params.mean, params.var],
            Self::Shift { bias } => vec![*bias],
            Self::Activation(_)
            | Self::MaxPool { .. }
            | Self::AvgPool { .. }
            | Self::GlobalAvgPool
            | Self::Flatten
            | Self::Add
            | Self::Mul
            | Self::Attention { .. }
            | Self::DropPath { .. } => Vec::new(),
        }
    }

    /// The same operator on other parameters: `map` gets each one that it reads, in the order of its fields.
    #[must_use]
    pub fn map_params(&self, mut map: impl FnMut(ParamId) -> ParamId) -> Self {
        match self.clone() {
            Self::Conv2d { weight, bias, stride, padding, groups } => {
                let (weight, bias) = (map(weight), bias.map(map));
                Self::Conv2d { weight, bias, stride, padding, groups }
            }
            Self::Linear { weight, bias } => Self::Linear { weight: map(weight), bias: bias.map(map) },
            Self::BatchNorm { params: NormParams { weight, bias, mean, var }, eps } => {
                let (weight, bias) = (map(weight), map(bias));
                Self::BatchNorm { params: NormParams { weight, bias, mean: map(mean), var: map(var) }, eps }
            }
            Self::Shift { bias } => Self::Shift { bias: map(bias) },
            op @ (Self::Activation(_)
            | Self::MaxPool { .. }
            | Self::AvgPool { .. }
            | Self::GlobalAvgPool
            | Self::Flatten
            | Self::Add
            | Self::Mul
            | Self::Attention { .. }
            | Self::DropPath { .. }) => op,
        }
    }
}

/// One step of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Name of the step and of the value it computes.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// What it reads.
    pub inputs: Vec<ValueId>,
}

/// An input of a graph: a map of `channels` channels, of any batch, height and width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Name of the value.
    pub name: String,
    /// Its channels.
    pub channels: usize,
}

/// A network: inputs, nodes in topological order, outputs, and the table of parameters in the published order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    inputs: Vec<Input>,
    nodes: Vec<Node>,
    outputs: Vec<ValueId>,
    params: Vec<Param>,
}

impl Graph {
    /// The inputs.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// The nodes; each reads only inputs and values of earlier nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The values that the network puts out.
    pub fn outputs(&self) -> &[ValueId] {
        &self.outputs
    }

    /// The parameters and buffers, in the order of the published state dict.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// One parameter.
    pub fn param(&self, id: ParamId) -> &Param {
        &self.params[id.0]
    }

    /// Number of values: inputs and nodes.
    pub fn value_count(&self) -> usize {
        self.inputs.len() + self.nodes.len()
    }

    /// The value of input `index`.
    pub fn input_value(&self, index: usize) -> ValueId {
        debug_assert!(index < self.inputs.len(), "no such input");
        ValueId(index)
    }

    /// The value that node `index` computes.
    pub fn value_of(&self, index: usize) -> ValueId {
        ValueId(self.inputs.len() + index)
    }

    /// The node that computes `value`, `None` for an input.
    pub fn node_of(&self, value: ValueId) -> Option<&Node> {
        self.nodes.get(value.0.checked_sub(self.inputs.len())?)
    }

    /// The name of a value.
    pub fn value_name(&self, value: ValueId) -> &str {
        self.node_of(value).map_or_else(|| self.inputs[value.0].name.as_str(), |node| node.name.as_str())
    }

    /// For each value, how often it is read by a node or put out.
    pub fn use_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.value_count()];
        for value in self.nodes.iter().flat_map(|n| &n.inputs).chain(&self.outputs) {
            counts[value.0] += 1;
        }
        counts
    }

    /// For each value, the index of the last node that reads it; the number of nodes if the graph puts it out.
    /// A value that nobody reads dies where it is made.
    pub fn last_uses(&self) -> Vec<usize> {
        let mut last: Vec<usize> =
            (0..self.value_count()).map(|value| value.saturating_sub(self.inputs.len())).collect();
        for (index, node) in self.nodes.iter().enumerate() {
            for value in &node.inputs {
                last[value.0] = index;
            }
        }
        for value in &self.outputs {
            last[value.0] = self.nodes.len();
        }
        last
    }
}

/// Builds a [`Graph`] from its first node to its last, so that the order is topological by construction.
#[derive(Debug, Default)]
pub struct GraphBuilder {
    graph: Graph,
    by_name: HashMap<String, ParamId>,
}

impl GraphBuilder {
    /// Adds an input. All inputs come before the first node.
    pub fn input(&mut self, name: &str, channels: usize) -> ValueId {
        debug_assert!(self.graph.nodes.is_empty(), "inputs come first");
        self.graph.inputs.push(Input { name: name.to_owned(), channels });
        ValueId(self.graph.inputs.len() - 1)
    }

    /// Adds a parameter that the network uses as a whole, or returns the one of that name.
    pub fn param(&mut self, name: impl Into<String>, shape: &[usize], role: Role) -> ParamId {
        self.adopt(Param { name: name.into(), shape: shape.to_vec(), stored: None, role })
    }

    /// Adds a parameter of which the network uses the first of each extent, or returns the one of that name.
    pub fn slice(&mut self, name: impl Into<String>, shape: &[usize], stored: &[usize], role: Role) -> ParamId {
        let fits = shape.len() == stored.len() && shape.iter().zip(stored).all(|(used, all)| used <= all);
        debug_assert!(fits, "{shape:?} is no part of {stored:?}");
        let stored = (shape != stored).then(|| stored.to_vec());
        self.adopt(Param { name: name.into(), shape: shape.to_vec(), stored, role })
    }

    /// Adds a parameter of another graph, or returns the one of that name.
    pub fn adopt(&mut self, param: Param) -> ParamId {
        if let Some(&id) = self.by_name.get(&param.name) {
            debug_assert_eq!(self.graph.params[id.0], param, "one name for two parameters");
            return id;
        }
        let id = ParamId(self.graph.params.len());
        self.by_name.insert(param.name.clone(), id);
        self.graph.params.push(param);
        id
    }

    /// Adds a node and returns the value it computes.
    pub fn node(&mut self, name: impl Into<String>, op: Op, inputs: &[ValueId]) -> ValueId {
        debug_assert!(inputs.iter().all(|v| v.0 < self.graph.value_count()), "a node reads earlier values");
        self.graph.nodes.push(Node { name: name.into(), op, inputs: inputs.to_vec() });
        ValueId(self.graph.value_count() - 1)
    }

    /// The finished graph, which puts out `outputs`.
    pub fn finish(mut self, outputs: &[ValueId]) -> Graph {
        self.graph.outputs = outputs.to_vec();
        self.graph
    }
}
