//! The layers that networks are built from: each method adds one module of the published code to a graph, with its
//! parameters under their published names and its values called after the module.

mod residual;

pub(crate) use residual::Attend;

use crate::graph::{Activation, Graph, GraphBuilder, NormParams, Op, ParamId, Role, ValueId};

/// Channels of a colour image.
pub(crate) const COLOURS: usize = 3;
/// Added to the variance by every batch norm.
const NORM_EPS: f64 = 1e-5;

/// A value under construction, `[batch, channels, height, width]` or `[batch, channels]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Map {
    pub(crate) value: ValueId,
    pub(crate) channels: usize,
}

/// A convolution over all channels, padded to keep the map at stride 1.
pub(crate) struct Conv {
    pub(crate) out: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
}

impl Conv {
    /// A 1x1 convolution of stride 1.
    pub(crate) const fn pointwise(out: usize) -> Self {
        Self { out, kernel: 1, stride: 1 }
    }
}

/// A convolution of each channel by itself.
pub(crate) struct Depthwise {
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) bias: bool,
}

impl Depthwise {
    /// Padded to keep the map at stride 1.
    pub(crate) const fn padded(kernel: usize, stride: usize) -> Self {
        Self { kernel, stride, padding: kernel / 2, bias: false }
    }

    /// One output for each patch of `side` x `side`; patches stand side by side.
    pub(crate) const fn patches(side: usize) -> Self {
        Self { kernel: side, stride: side, padding: 0, bias: false }
    }
}

/// Squeeze-and-excitation: names of its two layers, the width between them and the activation there.
pub(crate) struct Gate {
    pub(crate) layers: [&'static str; 2],
    pub(crate) width: usize,
    pub(crate) activation: Activation,
}

/// A [`GraphBuilder`] that knows modules.
#[derive(Debug)]
pub(crate) struct Layers {
    pub(crate) graph: GraphBuilder,
    activation: Activation,
}

impl Layers {
    /// An empty graph whose blocks use `activation`.
    pub(crate) fn new(activation: Activation) -> Self {
        Self { graph: GraphBuilder::default(), activation }
    }

    /// Adds an input.
    pub(crate) fn input(&mut self, name: &str, channels: usize) -> Map {
        Map { value: self.graph.input(name, channels), channels }
    }

    /// The graph that puts out `output`.
    pub(crate) fn finish(self, output: Map) -> Graph {
        self.graph.finish(&[output.value])
    }

    /// A convolution without bias.
    pub(crate) fn conv(&mut self, name: &str, input: Map, conv: &Conv) -> Map {
        self.slim_conv(name, input, conv, [conv.out, input.channels])
    }

    /// A convolution without bias that uses the first channels of a weight for `[out, in]` channels.
    pub(crate) fn slim_conv(&mut self, name: &str, input: Map, conv: &Conv, stored: [usize; 2]) -> Map {
        let &Conv { out, kernel, stride } = conv;
        let (shape, stored) = ([out, input.channels, kernel, kernel], [stored[0], stored[1], kernel, kernel]);
        let weight = self.graph.slice(format!("{name}.weight"), &shape, &stored, Role::ConvWeight);
        let op = Op::Conv2d { weight, bias: None, stride, padding: kernel / 2, groups: 1 };
        Map { value: self.graph.node(name, op, &[input.value]), channels: out }
    }

    /// A convolution of each channel by itself.
    pub(crate) fn depthwise(&mut self, name: &str, input: Map, conv: &Depthwise) -> Map {
        let &Depthwise { kernel, stride, padding, bias } = conv;
        let channels = input.channels;
        let weight = self.graph.param(format!("{name}.weight"), &[channels, 1, kernel, kernel], Role::ConvWeight);
        let bias = bias.then(|| self.graph.param(format!("{name}.bias"), &[channels], Role::ConvBias));
        let op = Op::Conv2d { weight, bias, stride, padding, groups: channels };
        Map { value: self.graph.node(name, op, &[input.value]), ..input }
    }

    /// A 1x1 convolution with bias.
    fn biased_1x1(&mut self, name: &str, input: Map, out: usize) -> Map {
        let weight = self.graph.param(format!("{name}.weight"), &[out, input.channels, 1, 1], Role::ConvWeight);
        let bias = Some(self.graph.param(format!("{name}.bias"), &[out], Role::ConvBias));
        let op = Op::Conv2d { weight, bias, stride: 1, padding: 0, groups: 1 };
        Map { value: self.graph.node(name, op, &[input.value]), channels: out }
    }

    /// A linear layer with bias; its value is called `name`, its parameters after `module`.
    pub(crate) fn linear(&mut self, name: &str, module: &str, input: Map, out: usize) -> Map {
        let weight = self.graph.param(format!("{module}.weight"), &[out, input.channels], Role::LinearWeight);
        let bias = Some(self.graph.param(format!("{module}.bias"), &[out], Role::LinearBias));
        Map { value: self.graph.node(name, Op::Linear { weight, bias }, &[input.value]), channels: out }
    }

    /// A batch norm; `weight_role` says whether it ends a residual branch.
    pub(crate) fn norm(&mut self, name: &str, input: Map, weight_role: Role) -> Map {
        let params = self.norm_params(name, input.channels, weight_role);
        let op = Op::BatchNorm { params, eps: NORM_EPS };
        Map { value: self.graph.node(name, op, &[input.value]), ..input }
    }

    /// The parameters of a batch norm, without the batch norm.
    pub(crate) fn norm_params(&mut self, name: &str, channels: usize, weight_role: Role) -> NormParams {
        let mut param = |part: &str, role: Role| -> ParamId {
            let shape: &[usize] = if role == Role::BatchCount { &[] } else { &[channels] };
            self.graph.param(format!("{name}.{part}"), shape, role)
        };
        let params = NormParams {
            weight: param("weight", weight_role),
            bias: param("bias", Role::NormBias),
            mean: param("running_mean", Role::RunningMean),
            var: param("running_var", Role::RunningVar),
        };
        param("num_batches_tracked", Role::BatchCount);
        params
    }

    /// The activation of the network.
    pub(crate) fn act(&mut self, name: &str, input: Map) -> Map {
        self.op(name, Op::Activation(self.activation), input)
    }

    /// ReLU, whatever the activation of the network is.
    pub(crate) fn relu(&mut self, name: &str, input: Map) -> Map {
        self.op(name, Op::Activation(Activation::Relu), input)
    }

    /// Mean over windows of `window` x `window`.
    pub(crate) fn avg_pool(&mut self, name: &str, input: Map, window: usize) -> Map {
        self.op(name, Op::AvgPool { window }, input)
    }

    /// An operator that has no parameters, reads one value and keeps its channels.
    pub(crate) fn op(&mut self, name: &str, op: Op, input: Map) -> Map {
        Map { value: self.graph.node(name, op, &[input.value]), ..input }
    }

    /// The sum of two maps.
    pub(crate) fn add(&mut self, name: &str, a: Map, b: Map) -> Map {
        Map { value: self.graph.node(name, Op::Add, &[a.value, b.value]), ..a }
    }

    /// Squeeze-and-excitation.
    pub(crate) fn squeeze_excite(&mut self, name: &str, input: Map, gate: &Gate) -> Map {
        let part = |part: &str| format!("{name}.{part}");
        let squeezed = self.op(&part("pool"), Op::GlobalAvgPool, input);
        let map = self.biased_1x1(&part(gate.layers[0]), squeezed, gate.width);
        let map = self.op(&part("act"), Op::Activation(gate.activation), map);
        let map = self.biased_1x1(&part(gate.layers[1]), map, input.channels);
        let gate = self.op(&part("gate"), Op::Activation(Activation::Sigmoid), map);
        Map { value: self.graph.node(name, Op::Mul, &[input.value, gate.value]), ..input }
    }
}
