//! The MBConv space (`REFERENCE.md` section 3): mobile inverted bottlenecks that differ in expansion and kernel. Widths
//! are given for the published base width, 64.

use super::{DEFAULT_BASE, PathError, Place, Supernet, every_path};
use crate::graph::{Activation, Role};
use crate::layers::{Conv, Depthwise, Gate, Layers, Map};

/// Number of operations.
pub(super) const OPS: u8 = 4;
/// Stages that are searched; one more is there.
pub(super) const SEARCHED_STAGES: usize = 5;

/// Layers of each stage.
const LAYERS: [usize; SEARCHED_STAGES + 1] = [2, 4, 4, 4, 4, 1];
/// Output widths of the stages in eighths of the base width: 24, 40, 80, 112, 192, 320.
const WIDTHS: [usize; SEARCHED_STAGES + 1] = [3, 5, 10, 14, 24, 40];
/// Strides of the first layers of the stages.
const STRIDES: [usize; SEARCHED_STAGES + 1] = [2, 2, 2, 1, 2, 1];
/// Pixels of the image that a pixel of the features stands for: 2 by the stem, the rest by the searched stages.
pub(super) const TOTAL_STRIDE: usize = 2 * 2 * 2 * 2 * 2;
/// Output widths of the stem's two blocks in eighths of the base width: 32, 16.
const STEM_WIDTHS: [usize; 2] = [4, 2];

/// The MBConv space: five stages of 2, 4, 4, 4 and 4 layers, four operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mbconv {
    pub(super) base: usize,
}

/// Expansion and kernel of an operation.
pub(super) const fn bottleneck(op: u8) -> (usize, usize) {
    match op {
        0 => (6, 3),
        1 => (6, 5),
        2 => (3, 3),
        _ => (3, 5),
    }
}

/// Squeeze-and-excitation to a quarter of the channels that a block reads, rounded half to even as published. The
/// quarter is exact where the base width is a multiple of 32.
fn gate(block_input: usize) -> Gate {
    let (quarter, rest) = (block_input / 4, block_input % 4);
    let up = rest == 3 || (rest == 2 && quarter % 2 == 1);
    let width = (quarter + usize::from(up)).max(1);
    Gate { layers: ["conv_reduce", "conv_expand"], width, activation: Activation::Silu }
}

impl Mbconv {
    /// The published widths.
    pub(super) const fn new() -> Self {
        Self { base: DEFAULT_BASE }
    }

    const fn eighths(self, width: usize) -> usize {
        width * self.base / 8
    }

    const fn out(self, stage: usize) -> usize {
        self.eighths(WIDTHS[stage])
    }

    /// The shortcut: one module for all operations of a layer, called after the first of them.
    fn shortcut(self, layers: &mut Layers, at: Place, input: Map) -> Map {
        if at.layer > 0 {
            return input;
        }
        let name = format!("{}._mix_ops.0.downsample", at.name());
        let (out, stride) = (self.out(at.stage), STRIDES[at.stage]);
        if stride > 1 {
            return layers.pooled_shortcut(&name, input, out, stride);
        }
        // Without a pool the other two modules move up.
        let map = layers.conv(&format!("{name}.0"), input, &Conv::pointwise(out));
        layers.norm(&format!("{name}.1"), map, Role::NormWeight)
    }
}

impl Supernet for Mbconv {
    fn layers(&self) -> &[usize] {
        &LAYERS
    }

    fn builder(&self) -> Layers {
        Layers::new(Activation::Silu)
    }

    fn stem(&self, layers: &mut Layers, image: Map, _first: u8) -> Map {
        let [wide, narrow] = STEM_WIDTHS.map(|width| self.eighths(width));
        let part = |part: &str| format!("backbone._stem.{part}");
        let map = layers.conv(&part("0.conv"), image, &Conv { out: wide, kernel: 3, stride: 2 });
        let map = layers.norm(&part("0.bn1"), map, Role::NormWeight);
        let map = layers.act(&part("0.act1"), map);
        let map = layers.depthwise(&part("1.conv_dw"), map, &Depthwise::padded(3, 1));
        let map = layers.norm(&part("1.bn1"), map, Role::NormWeight);
        let map = layers.act(&part("1.act1"), map);
        let map = layers.squeeze_excite(&part("1.se"), map, &gate(wide));
        let map = layers.conv(&part("1.conv_pw"), map, &Conv::pointwise(narrow));
        layers.norm(&part("1.bn2"), map, Role::NormWeight)
    }

    fn channels_into(&self, at: Place, _before: Option<u8>, _op: u8) -> usize {
        match (at.stage, at.layer) {
            (0, 0) => self.eighths(STEM_WIDTHS[1]),
            (stage, 0) => self.out(stage - 1),
            (stage, _) => self.out(stage),
        }
    }

    fn layer(&self, layers: &mut Layers, at: Place, input: Map, _before: Option<u8>, op: u8) -> Map {
        let block = format!("{}._mix_ops.{op}", at.name());
        let part = |part: &str| format!("{block}.{part}");
        let (expansion, kernel) = bottleneck(op);
        let stride = if at.layer == 0 { STRIDES[at.stage] } else { 1 };
        let shortcut = self.shortcut(layers, at, input);
        // The published code rounds the expanded width to a multiple of 8, which it is already.
        let map = layers.conv(&part("conv_pw"), input, &Conv::pointwise(expansion * input.channels));
        let map = layers.norm(&part("bn1"), map, Role::NormWeight);
        let map = layers.act(&part("act1"), map);
        let map = layers.depthwise(&part("conv_dw"), map, &Depthwise::padded(kernel, stride));
        let map = layers.norm(&part("bn2"), map, Role::NormWeight);
        let map = layers.act(&part("act2"), map);
        let map = layers.squeeze_excite(&part("se"), map, &gate(input.channels));
        let map = layers.conv(&part("conv_pwl"), map, &Conv::pointwise(self.out(at.stage)));
        let map = layers.norm(&part("bn3"), map, Role::NormWeight);
        layers.add(&block, map, shortcut)
    }

    fn channels_into_neck(&self, stage: usize, _op: u8) -> usize {
        self.out(stage)
    }

    fn fix(&self, _layers: &mut Layers, _stage: usize, map: Map, _op: u8) -> Map {
        map
    }

    fn check(&self, _stage: usize, _before: Option<u8>, _path: &[u8]) -> Result<(), PathError> {
        Ok(())
    }

    fn paths(&self, stage: usize, _before: Option<u8>) -> Vec<Vec<u8>> {
        every_path(LAYERS[stage], OPS)
    }

    fn declare_backbone(&self, layers: &mut Layers, any: Map) {
        self.stem(layers, Map { channels: crate::layers::COLOURS, ..any }, 0);
        for (stage, &count) in LAYERS.iter().enumerate() {
            for (layer, op) in (0..count).flat_map(|layer| (0..OPS).map(move |op| (layer, op))) {
                let at = Place { stage, layer };
                let input = Map { channels: self.channels_into(at, None, op), ..any };
                self.layer(layers, at, input, None, op);
            }
        }
    }

    fn declare_fix(&self, _layers: &mut Layers, stage: usize, any: Map) -> Map {
        Map { channels: self.out(stage), ..any }
    }

    fn aliases(&self, name: &str) -> Vec<String> {
        let Some((layer, part)) = name.split_once("._mix_ops.0.downsample.") else { return Vec::new() };
        let others = (1..OPS).map(|op| format!("{layer}._mix_ops.{op}.downsample.{part}"));
        others.chain([format!("{layer}.downsample.{part}")]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_is_rounded_half_to_even_and_is_never_nothing() {
        assert_eq!([2, 3, 5, 6, 7, 10, 14, 16, 24].map(|input| gate(input).width), [1, 1, 1, 2, 2, 2, 4, 4, 6]);
    }
}
