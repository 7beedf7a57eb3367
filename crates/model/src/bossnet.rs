//! The BossNet family as graphs: the retrained networks of the paper (`REFERENCE` section 2) under their published
//! parameter names.

use crate::arch::{Block, BlockActivation, BossNet, LastStride, Shortcut, Stem};
use crate::graph::{Activation, Graph, GraphBuilder, NormParams, Op, Orientation, ParamId, Role, ValueId};

/// Added to the variance by every batch norm of the family.
const NORM_EPS: f64 = 1e-5;
/// Output width of a block over its bottleneck width.
const EXPANSION: usize = 4;
/// Channels of a colour image.
const COLOURS: usize = 3;

impl BossNet {
    /// How many input pixels one pixel of the last map stands for, in each direction.
    pub fn total_stride(&self) -> usize {
        // Stem and its pooling make 4; a stage halves the map, but for the first and a last one of stride 1. An empty
        // stage always halves it.
        let stage = |index: usize| {
            let empty = self.stages[index].is_empty();
            if empty || index == 1 || index == 2 || (index == 3 && self.last_stride == LastStride::Two) { 2 } else { 1 }
        };
        4 * (0..4).map(stage).product::<usize>()
    }

    /// The network as a graph: input `image` of 3 channels, output `logits`.
    pub fn graph(&self) -> Graph {
        let mut builder = Builder { graph: GraphBuilder::default(), activation: self.activation };
        let image = builder.graph.input("image", COLOURS);
        let stem = builder.stem(self, image);
        let map = builder.stages(self, stem);
        let logits = builder.head(map, self.classes);
        builder.graph.finish(&[logits])
    }
}

/// A feature map under construction: the value and its channels.
#[derive(Clone, Copy)]
struct Map {
    value: ValueId,
    channels: usize,
}

/// Widths and position of one residual block.
struct BlockPlan {
    /// `layer3.2`.
    name: String,
    /// Number in the whole network, from 0.
    number: usize,
    /// Bottleneck width.
    width: usize,
    /// Stride of the block.
    stride: usize,
    /// Heads of a ResAtt.
    heads: usize,
}

impl BlockPlan {
    fn out(&self) -> usize {
        EXPANSION * self.width
    }
}

struct Conv {
    out: usize,
    kernel: usize,
    stride: usize,
}

struct Builder {
    graph: GraphBuilder,
    activation: BlockActivation,
}

impl Builder {
    fn stem(&mut self, net: &BossNet, image: ValueId) -> Map {
        let image = Map { value: image, channels: COLOURS };
        let map = match net.stem {
            Stem::Plain => self.conv("conv1", image, &Conv { out: net.base, kernel: 7, stride: 2 }),
            Stem::Deep { width } => self.deep_stem(image, [width, width], 2 * width),
            Stem::DeepTiered { width } => self.deep_stem(image, [3 * (width / 4), 6 * (width / 4)], 2 * width),
        };
        let map = self.norm("bn1", map, Role::NormWeight);
        let map = self.act("act1", map);
        let pool = Op::MaxPool { kernel: 3, stride: 2, padding: 1 };
        Map { value: self.graph.node("maxpool", pool, &[map.value]), ..map }
    }

    fn deep_stem(&mut self, image: Map, widths: [usize; 2], out: usize) -> Map {
        let map = self.conv("conv1.0", image, &Conv { out: widths[0], kernel: 3, stride: 2 });
        let map = self.norm("conv1.1", map, Role::NormWeight);
        let map = self.act("conv1.2", map);
        let map = self.conv("conv1.3", map, &Conv { out: widths[1], kernel: 3, stride: 1 });
        let map = self.norm("conv1.4", map, Role::NormWeight);
        let map = self.act("conv1.5", map);
        self.conv("conv1.6", map, &Conv { out, kernel: 3, stride: 1 })
    }

    fn stages(&mut self, net: &BossNet, mut map: Map) -> Map {
        let mut number = 0;
        for (stage, blocks) in net.stages.iter().enumerate() {
            let width = net.base << stage;
            let layer = stage + 1;
            let first_stride = match (stage, net.last_stride) {
                (0, _) | (3, LastStride::One) => 1,
                _ => 2,
            };
            if blocks.is_empty() {
                map = self.empty_stage(&format!("layer{layer}.0"), map, EXPANSION * width);
            }
            for (index, block) in blocks.iter().enumerate() {
                let name = format!("layer{layer}.{index}");
                let stride = if index == 0 { first_stride } else { 1 };
                let plan = BlockPlan { name, number, width, stride, heads: 1 << stage };
                map = match block {
                    Block::ResConv => self.res_conv(&plan, map, net),
                    Block::ResAtt => self.res_att(&plan, map, net),
                };
                number += 1;
            }
        }
        map
    }

    fn empty_stage(&mut self, name: &str, map: Map, out: usize) -> Map {
        let map = self.conv(&format!("{name}.0"), map, &Conv { out, kernel: 3, stride: 2 });
        let map = self.norm(&format!("{name}.1"), map, Role::NormWeight);
        self.act(name, map)
    }

    fn res_conv(&mut self, plan: &BlockPlan, input: Map, net: &BossNet) -> Map {
        let name = |part: &str| format!("{}.{part}", plan.name);
        let width = plan.width;
        let shortcut = self.shortcut(&name("downsample"), input, plan, net.shortcut);
        let map = self.conv(&name("conv1"), input, &Conv { out: width, kernel: 1, stride: 1 });
        let map = self.position(&name("peg.conv"), map, plan.stride);
        let map = self.norm(&name("bn1"), map, Role::NormWeight);
        let map = self.act(&name("act1"), map);
        let map = self.conv(&name("conv2"), map, &Conv { out: width, kernel: 3, stride: 1 });
        let map = self.norm(&name("bn2"), map, Role::NormWeight);
        let map = self.act(&name("act2"), map);
        let map = self.conv(&name("conv3"), map, &Conv { out: plan.out(), kernel: 1, stride: 1 });
        let mut map = self.norm(&name("bn3"), map, Role::BranchEndNormWeight);
        if net.se {
            map = self.squeeze_excite(&name("se"), map);
        }
        if plan.number > 0 {
            map.value = self.graph.node(name("drop_path"), Op::DropPath { block: plan.number }, &[map.value]);
        }
        self.join(&plan.name, map, shortcut)
    }

    fn res_att(&mut self, plan: &BlockPlan, input: Map, net: &BossNet) -> Map {
        let name = |part: &str| format!("{}.{part}", plan.name);
        let (heads, head_width) = (plan.heads, net.base);
        let width = heads * head_width;
        let shortcut = self.shortcut(&name("shortcut"), input, plan, net.shortcut);
        let map = self.conv(&name("proj.0"), input, &Conv { out: width, kernel: 1, stride: 1 });
        let map = self.position(&name("proj.1.conv"), map, plan.stride);
        let map = self.norm(&name("proj.2"), map, Role::NormWeight);
        let map = self.act(&name("net.0"), map);
        let qkv = self.conv(&name("net.1.to_qkv"), map, &Conv { out: 3 * width, kernel: 1, stride: 1 });
        let scale = (head_width as f64).powf(-0.5);
        let attention = Op::Attention { heads, head_width, scale, orientation: Orientation::Standard };
        let map = Map { value: self.graph.node(name("net.1"), attention, &[qkv.value]), channels: width };
        let map = self.norm(&name("net.2"), map, Role::NormWeight);
        let map = self.act(&name("net.3"), map);
        let map = self.conv(&name("net.4"), map, &Conv { out: plan.out(), kernel: 1, stride: 1 });
        let map = self.norm(&name("net.5"), map, Role::BranchEndNormWeight);
        self.join(&plan.name, map, shortcut)
    }

    /// The shortcut: the input itself where neither map nor width change.
    fn shortcut(&mut self, name: &str, input: Map, plan: &BlockPlan, form: Shortcut) -> Map {
        let (out, stride) = (plan.out(), plan.stride);
        if stride == 1 && input.channels == out {
            return input;
        }
        let part = |index: usize| format!("{name}.{index}");
        match form {
            Shortcut::AvgPool => {
                let mut map = input;
                if stride > 1 {
                    let pool = Op::AvgPool { window: stride };
                    map.value = self.graph.node(part(0), pool, &[map.value]);
                }
                let map = self.conv(&part(1), map, &Conv { out, kernel: 1, stride: 1 });
                self.norm(&part(2), map, Role::NormWeight)
            }
            Shortcut::Plain => {
                let kernel = if stride > 1 { 3 } else { 1 };
                let map = self.conv(&part(0), input, &Conv { out, kernel, stride });
                let map = self.norm(&part(1), map, Role::NormWeight);
                self.act(&part(2), map)
            }
        }
    }

    /// Squeeze-and-excitation: its inner activation is ReLU in SiLU networks too.
    fn squeeze_excite(&mut self, name: &str, input: Map) -> Map {
        let part = |part: &str| format!("{name}.{part}");
        let reduced = (input.channels / 16).max(8);
        let squeezed = self.graph.node(part("pool"), Op::GlobalAvgPool, &[input.value]);
        let value = self.biased_1x1(&part("fc1"), squeezed, input.channels, reduced);
        let value = self.graph.node(part("act"), Op::Activation(Activation::Relu), &[value]);
        let value = self.biased_1x1(&part("fc2"), value, reduced, input.channels);
        let gate = self.graph.node(part("gate"), Op::Activation(Activation::Sigmoid), &[value]);
        Map { value: self.graph.node(name, Op::Mul, &[input.value, gate]), ..input }
    }

    fn biased_1x1(&mut self, name: &str, input: ValueId, channels: usize, out: usize) -> ValueId {
        let weight = self.graph.param(format!("{name}.weight"), &[out, channels, 1, 1], Role::ConvWeight);
        let bias = Some(self.graph.param(format!("{name}.bias"), &[out], Role::ConvBias));
        self.graph.node(name, Op::Conv2d { weight, bias, stride: 1, padding: 0, groups: 1 }, &[input])
    }

    fn join(&mut self, block: &str, branch: Map, shortcut: Map) -> Map {
        let value = self.graph.node(format!("{block}.add"), Op::Add, &[branch.value, shortcut.value]);
        self.act(block, Map { value, ..branch })
    }

    fn head(&mut self, map: Map, classes: usize) -> ValueId {
        let pooled = self.graph.node("global_pool", Op::GlobalAvgPool, &[map.value]);
        let flat = self.graph.node("flatten", Op::Flatten, &[pooled]);
        let weight = self.graph.param("fc.weight", &[classes, map.channels], Role::LinearWeight);
        let bias = Some(self.graph.param("fc.bias", &[classes], Role::LinearBias));
        self.graph.node("logits", Op::Linear { weight, bias }, &[flat])
    }

    /// A convolution without bias, padded to keep the map at stride 1.
    fn conv(&mut self, name: &str, input: Map, conv: &Conv) -> Map {
        let &Conv { out, kernel, stride } = conv;
        let shape = [out, input.channels, kernel, kernel];
        let weight = self.graph.param(format!("{name}.weight"), &shape, Role::ConvWeight);
        let op = Op::Conv2d { weight, bias: None, stride, padding: kernel / 2, groups: 1 };
        Map { value: self.graph.node(name, op, &[input.value]), channels: out }
    }

    /// The depth-wise 3x3 convolution with bias that tells attention where it is (PEG).
    fn position(&mut self, name: &str, input: Map, stride: usize) -> Map {
        let channels = input.channels;
        let weight = self.graph.param(format!("{name}.weight"), &[channels, 1, 3, 3], Role::ConvWeight);
        let bias = Some(self.graph.param(format!("{name}.bias"), &[channels], Role::ConvBias));
        let op = Op::Conv2d { weight, bias, stride, padding: 1, groups: channels };
        Map { value: self.graph.node(name, op, &[input.value]), channels }
    }

    fn norm(&mut self, name: &str, input: Map, weight_role: Role) -> Map {
        let mut param = |part: &str, role: Role| -> ParamId {
            let shape: &[usize] = if role == Role::BatchCount { &[] } else { &[input.channels] };
            self.graph.param(format!("{name}.{part}"), shape, role)
        };
        let params = NormParams {
            weight: param("weight", weight_role),
            bias: param("bias", Role::NormBias),
            mean: param("running_mean", Role::RunningMean),
            var: param("running_var", Role::RunningVar),
        };
        param("num_batches_tracked", Role::BatchCount);
        let op = Op::BatchNorm { params, eps: NORM_EPS };
        Map { value: self.graph.node(name, op, &[input.value]), ..input }
    }

    fn act(&mut self, name: &str, input: Map) -> Map {
        let activation = match self.activation {
            BlockActivation::Relu => Activation::Relu,
            BlockActivation::Silu => Activation::Silu,
        };
        Map { value: self.graph.node(name, Op::Activation(activation), &[input.value]), ..input }
    }
}
