//! The BossNet family as graphs: the retrained networks of the paper (`REFERENCE` section 2) under their published
//! parameter names.

use crate::arch::{Block, BlockActivation, BossNet, LastStride, Shortcut, Stem};
use crate::graph::{Activation, Graph, Op, Orientation, Role};
use crate::layers::{Attend, COLOURS, Conv, Gate, Layers, Map};

/// Output width of a block over its bottleneck width.
const EXPANSION: usize = 4;

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
        let mut layers = Layers::new(match self.activation {
            BlockActivation::Relu => Activation::Relu,
            BlockActivation::Silu => Activation::Silu,
        });
        let image = layers.input("image", COLOURS);
        let map = self.stem(&mut layers, image);
        let map = self.stages(&mut layers, map);
        let pooled = layers.op("global_pool", Op::GlobalAvgPool, map);
        let flat = layers.op("flatten", Op::Flatten, pooled);
        let logits = layers.linear("logits", "fc", flat, self.classes);
        layers.finish(logits)
    }

    fn stem(&self, layers: &mut Layers, image: Map) -> Map {
        let map = match self.stem {
            Stem::Plain => layers.conv("conv1", image, &Conv { out: self.base, kernel: 7, stride: 2 }),
            Stem::Deep { width } => deep_stem(layers, image, [width, width], 2 * width),
            Stem::DeepTiered { width } => deep_stem(layers, image, [3 * (width / 4), 6 * (width / 4)], 2 * width),
        };
        let map = layers.norm("bn1", map, Role::NormWeight);
        let map = layers.act("act1", map);
        layers.op("maxpool", Op::MaxPool { kernel: 3, stride: 2, padding: 1 }, map)
    }

    fn stages(&self, layers: &mut Layers, mut map: Map) -> Map {
        let mut number = 0;
        for (stage, blocks) in self.stages.iter().enumerate() {
            let width = self.base << stage;
            let layer = stage + 1;
            let first_stride = match (stage, self.last_stride) {
                (0, _) | (3, LastStride::One) => 1,
                _ => 2,
            };
            if blocks.is_empty() {
                map = empty_stage(layers, &format!("layer{layer}.0"), map, EXPANSION * width);
            }
            for (index, block) in blocks.iter().enumerate() {
                let name = format!("layer{layer}.{index}");
                let stride = if index == 0 { first_stride } else { 1 };
                let plan = BlockPlan { name, number, width, stride, heads: 1 << stage };
                map = match block {
                    Block::ResConv => self.res_conv(layers, &plan, map),
                    Block::ResAtt => self.res_att(layers, &plan, map),
                };
                number += 1;
            }
        }
        map
    }

    fn res_conv(&self, layers: &mut Layers, plan: &BlockPlan, input: Map) -> Map {
        let name = |part: &str| format!("{}.{part}", plan.name);
        let shortcut = self.block_shortcut(layers, &name("downsample"), input, plan);
        let map = layers.conv_entry(&plan.name, "", input, plan.width, plan.stride);
        let mut map = layers.conv_branch(&plan.name, map, plan.out());
        if self.se {
            // Its inner activation is ReLU in SiLU networks too.
            let width = (map.channels / 16).max(8);
            let gate = Gate { layers: ["fc1", "fc2"], width, activation: Activation::Relu };
            map = layers.squeeze_excite(&name("se"), map, &gate);
        }
        if plan.number > 0 {
            map = layers.op(&name("drop_path"), Op::DropPath { block: plan.number }, map);
        }
        layers.join(&plan.name, map, shortcut)
    }

    fn res_att(&self, layers: &mut Layers, plan: &BlockPlan, input: Map) -> Map {
        let attend = Attend { heads: plan.heads, head_width: self.base, orientation: Orientation::Standard };
        let shortcut = self.block_shortcut(layers, &format!("{}.shortcut", plan.name), input, plan);
        let map = layers.att_entry(&plan.name, "", input, attend.heads * attend.head_width, plan.stride);
        let map = layers.att_branch(&plan.name, map, &attend, plan.out());
        layers.join(&plan.name, map, shortcut)
    }

    /// The shortcut: the input itself where neither map nor width change.
    fn block_shortcut(&self, layers: &mut Layers, name: &str, input: Map, plan: &BlockPlan) -> Map {
        if plan.stride == 1 && input.channels == plan.out() {
            return input;
        }
        match self.shortcut {
            Shortcut::AvgPool => layers.pooled_shortcut(name, input, plan.out(), plan.stride),
            Shortcut::Plain => layers.plain_shortcut(name, input, plan.out(), plan.stride),
        }
    }
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

fn deep_stem(layers: &mut Layers, image: Map, widths: [usize; 2], out: usize) -> Map {
    let map = layers.conv("conv1.0", image, &Conv { out: widths[0], kernel: 3, stride: 2 });
    let map = layers.norm("conv1.1", map, Role::NormWeight);
    let map = layers.act("conv1.2", map);
    let map = layers.conv("conv1.3", map, &Conv { out: widths[1], kernel: 3, stride: 1 });
    let map = layers.norm("conv1.4", map, Role::NormWeight);
    let map = layers.act("conv1.5", map);
    layers.conv("conv1.6", map, &Conv { out, kernel: 3, stride: 1 })
}

fn empty_stage(layers: &mut Layers, name: &str, map: Map, out: usize) -> Map {
    let map = layers.conv(&format!("{name}.0"), map, &Conv { out, kernel: 3, stride: 2 });
    let map = layers.norm(&format!("{name}.1"), map, Role::NormWeight);
    layers.act(name, map)
}
