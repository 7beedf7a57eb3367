//! NATS-Bench's size space (`REFERENCE.md` section 3): five layers whose widths are searched. All widths of a layer
//! share one weight, of which each uses the first channels; batch norms they have of their own.

use super::projection::fixed_channels;
use super::{DEFAULT_BASE, PathError, Place, Supernet, every_path};
use crate::arch::NatsData;
use crate::graph::{Activation, Role};
use crate::layers::{Conv, Layers, Map};

/// Number of operations, that is of widths: eighths of the base width.
pub(super) const OPS: u8 = 8;

/// Pixels of the image that a pixel of the features stands for: two reductions halve the map.
pub(super) const TOTAL_STRIDE: usize = 4;

/// Edges of a cell that are convolutions; number 3 is the shortcut.
const CELL_CONVS: [usize; 5] = [0, 1, 2, 4, 5];

/// The size space of one data set: five layers in three stages, eight widths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nats {
    pub(super) data: NatsData,
    pub(super) base: usize,
}

/// Kernel and stride of a convolution whose width is searched.
#[derive(Clone, Copy)]
struct Slim {
    kernel: usize,
    stride: usize,
}

const CONV: Slim = Slim { kernel: 3, stride: 1 };
const HALVING: Slim = Slim { kernel: 3, stride: 2 };
const POINTWISE: Slim = Slim { kernel: 1, stride: 1 };

impl Nats {
    /// The space of a data set, with the published widths.
    pub(super) const fn new(data: NatsData) -> Self {
        Self { data, base: DEFAULT_BASE }
    }

    /// The data set.
    pub const fn data(&self) -> NatsData {
        self.data
    }

    /// Channels of width index `op`.
    pub(super) const fn width(&self, op: u8) -> usize {
        (op as usize + 1) * self.base / 8
    }

    /// From the map of a stage that ends in `op` to the width that necks read.
    pub(super) fn channels_fix(&self, layers: &mut Layers, stage: usize, map: Map, op: u8) -> Map {
        let part = |part: usize| format!("channels_fix.{stage}.{op}.{part}");
        let map = layers.conv(&part(0), map, &Conv::pointwise(fixed_channels(self.base)));
        layers.norm(&part(1), map, Role::NormWeight)
    }

    /// Layers take turns: cell, reduction, cell, reduction, cell.
    fn is_reduction(&self, at: Place) -> bool {
        (self.layers().iter().take(at.stage).sum::<usize>() + at.layer) % 2 == 1
    }

    fn slim_conv(&self, layers: &mut Layers, name: &str, input: Map, slim: Slim, op: u8) -> Map {
        let conv = Conv { out: self.width(op), kernel: slim.kernel, stride: slim.stride };
        layers.slim_conv(name, input, &conv, [self.base, self.base])
    }

    /// ReLU, convolution and the batch norm of its width. `module` has the parts `sconv` and `sbn`.
    fn relu_conv_norm(&self, layers: &mut Layers, module: &str, input: Map, slim: Slim, op: u8) -> Map {
        let map = layers.act(&format!("{module}.relu"), input);
        let map = self.slim_conv(layers, &format!("{module}.sconv"), map, slim, op);
        layers.norm(&format!("{module}.sbn.bn.{op}"), map, Role::NormWeight)
    }

    /// Four nodes, joined by `|conv~0|+|conv~0|conv~1|+|skip~0|conv~1|conv~2|`.
    fn cell(&self, layers: &mut Layers, name: &str, input: Map, op: u8) -> Map {
        let edge = |index: usize| format!("{name}.layers.{index}");
        let first = self.relu_conv_norm(layers, &edge(0), input, CONV, op);
        let from_input = self.relu_conv_norm(layers, &edge(1), input, CONV, op);
        let from_first = self.relu_conv_norm(layers, &edge(2), first, CONV, op);
        let second = layers.add(&format!("{name}.node2"), from_input, from_first);
        let skip = self.skip(layers, name, input, op);
        let from_first = self.relu_conv_norm(layers, &edge(4), first, CONV, op);
        let from_second = self.relu_conv_norm(layers, &edge(5), second, CONV, op);
        let sum = layers.add(&format!("{name}.node3"), skip, from_first);
        layers.add(name, sum, from_second)
    }

    /// The input itself, or brought to another width.
    fn skip(&self, layers: &mut Layers, cell: &str, input: Map, op: u8) -> Map {
        if input.channels == self.width(op) {
            return input;
        }
        let part = |part: &str| format!("{cell}.factorizedreduce.{part}");
        let map = layers.act(&part("relu"), input);
        let map = self.slim_conv(layers, &part("conv"), map, POINTWISE, op);
        layers.norm(&part(&format!("bn.bn.{op}")), map, Role::NormWeight)
    }

    /// A residual block of stride 2.
    fn reduction(&self, layers: &mut Layers, name: &str, input: Map, op: u8) -> Map {
        let part = |part: &str| format!("{name}.{part}");
        let map = self.relu_conv_norm(layers, &part("conv_a"), input, HALVING, op);
        let map = self.relu_conv_norm(layers, &part("conv_b"), map, CONV, op);
        let pooled = layers.avg_pool(&part("downsample.0"), input, 2);
        let shortcut = self.slim_conv(layers, &part("downsample.1"), pooled, POINTWISE, op);
        layers.add(name, shortcut, map)
    }

    /// Declares a whole weight and a batch norm for each width.
    fn declare(&self, layers: &mut Layers, conv: &str, norms: &str, any: Map, kernel: usize) {
        let whole = Map { channels: self.base, ..any };
        self.slim_conv(layers, conv, whole, Slim { kernel, stride: 1 }, OPS - 1);
        self.declare_norms(layers, norms);
    }

    fn declare_norms(&self, layers: &mut Layers, norms: &str) {
        for op in 0..OPS {
            layers.norm_params(&format!("{norms}.{op}"), self.width(op), Role::NormWeight);
        }
    }
}

impl Supernet for Nats {
    fn layers(&self) -> &[usize] {
        const CIFAR10: [usize; 3] = NatsData::Cifar10.layers();
        const CIFAR100: [usize; 3] = NatsData::Cifar100.layers();
        match self.data {
            NatsData::Cifar10 => &CIFAR10,
            NatsData::Cifar100 => &CIFAR100,
        }
    }

    fn builder(&self) -> Layers {
        Layers::new(Activation::Relu)
    }

    fn stem(&self, layers: &mut Layers, image: Map, first: u8) -> Map {
        let conv = Conv { out: self.width(first), kernel: 3, stride: 1 };
        let map = layers.slim_conv("backbone.stem.0", image, &conv, [self.base, image.channels]);
        layers.norm(&format!("backbone.stem.1.bn.{first}"), map, Role::NormWeight)
    }

    fn channels_into(&self, _at: Place, before: Option<u8>, op: u8) -> usize {
        self.width(before.unwrap_or(op))
    }

    fn layer(&self, layers: &mut Layers, at: Place, input: Map, _before: Option<u8>, op: u8) -> Map {
        let name = format!("{}._mix_ops", at.name());
        if self.is_reduction(at) {
            self.reduction(layers, &name, input, op)
        } else {
            self.cell(layers, &name, input, op)
        }
    }

    fn channels_into_neck(&self, _stage: usize, _op: u8) -> usize {
        fixed_channels(self.base)
    }

    fn fix(&self, _layers: &mut Layers, _stage: usize, map: Map, _op: u8) -> Map {
        map
    }

    fn check(&self, _stage: usize, _before: Option<u8>, _path: &[u8]) -> Result<(), PathError> {
        Ok(())
    }

    fn paths(&self, stage: usize, _before: Option<u8>) -> Vec<Vec<u8>> {
        every_path(self.layers()[stage], OPS)
    }

    fn declare_backbone(&self, layers: &mut Layers, any: Map) {
        let whole = Conv { out: self.base, kernel: 3, stride: 1 };
        layers.conv("backbone.stem.0", Map { channels: crate::layers::COLOURS, ..any }, &whole);
        self.declare_norms(layers, "backbone.stem.1.bn");
        for (stage, &count) in self.layers().iter().enumerate() {
            for layer in 0..count {
                let at = Place { stage, layer };
                let part = |part: &str| format!("{}._mix_ops.{part}", at.name());
                let mut declare = |module: &str, parts: [&str; 2], kernel: usize| {
                    let [conv, norms] = parts.map(|name| part(&format!("{module}.{name}")));
                    self.declare(layers, &conv, &norms, any, kernel);
                };
                if self.is_reduction(at) {
                    declare("conv_a", ["sconv", "sbn.bn"], 3);
                    declare("conv_b", ["sconv", "sbn.bn"], 3);
                    let whole = Map { channels: self.base, ..any };
                    self.slim_conv(layers, &part("downsample.1"), whole, POINTWISE, OPS - 1);
                    // The published supernet holds it and never uses it.
                    self.declare(layers, &part("downsample_s.sconv"), &part("downsample_s.sbn.bn"), any, 1);
                } else {
                    for edge in CELL_CONVS {
                        declare(&format!("layers.{edge}"), ["sconv", "sbn.bn"], 3);
                    }
                    declare("factorizedreduce", ["conv", "bn.bn"], 1);
                }
            }
        }
    }

    fn declare_fix(&self, _layers: &mut Layers, _stage: usize, any: Map) -> Map {
        Map { channels: fixed_channels(self.base), ..any }
    }

    fn aliases(&self, _name: &str) -> Vec<String> {
        Vec::new()
    }
}
