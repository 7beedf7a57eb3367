//! The HyTra supernet. Widths are given for the published base width, 64.

use super::{FIRST_DEPTH, LAYERS, OPS, STAGES, allowed_ops, allowed_paths, allows, block, next_depth, scale};
use crate::arch::Block;
use crate::graph::{Activation, Op, Orientation, Role};
use crate::layers::{Attend, Conv, Depthwise, Layers, Map};
use crate::space::projection::fixed_channels;
use crate::space::{DEFAULT_BASE, PathError, Place, Supernet};

/// The HyTra space: four stages of four layers, six operations at four scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hytra {
    pub(in crate::space) base: usize,
    pub(in crate::space) orientation: Orientation,
    /// Small numbers, so that a space stays small where it is carried about.
    pub(in crate::space) depths: [u8; STAGES],
}

/// A way into a block.
struct Entry {
    input: Map,
    /// From the next larger map, by weights of its own, instead of from a map of the block's size.
    from_larger: bool,
}

impl Entry {
    const fn suffix(&self) -> &'static str {
        if self.from_larger { "_d" } else { "" }
    }

    const fn stride(&self) -> usize {
        if self.from_larger { 2 } else { 1 }
    }
}

impl Hytra {
    /// The published widths and depths, and attention the right way round.
    pub(in crate::space) const fn new() -> Self {
        Self { base: DEFAULT_BASE, orientation: Orientation::Standard, depths: [4, 3, 2, 2] }
    }

    /// Which way round attention is.
    pub const fn orientation(&self) -> Orientation {
        self.orientation
    }

    /// Number of scales that each stage has weights for, counted from the smallest map.
    pub fn depths(&self) -> [usize; STAGES] {
        self.depths.map(usize::from)
    }

    /// Channels within a block at `scale`: 512, 256, 128, 64.
    const fn width(&self, scale: usize) -> usize {
        self.base << (FIRST_DEPTH - 1 - scale)
    }

    /// Channels of a map at `scale`: 2048, 1024, 512, 256.
    const fn channels(&self, scale: usize) -> usize {
        4 * self.width(scale)
    }

    /// Brings the stem's map to `scale`: one pixel for each patch, then a quarter of the scale's channels.
    fn downsample(&self, layers: &mut Layers, layer: &str, input: Map, scale: usize) -> Map {
        let out = self.width(scale);
        let part = |part: usize| format!("{layer}.downsamples.{}_{out}.{part}", self.base);
        patches(layers, part, input, 1 << (FIRST_DEPTH - 1 - scale), out)
    }

    /// Brings the map of a stage to the channels and the size of the smallest one.
    fn fix_channels(&self, layers: &mut Layers, stage: usize, input: Map, scale: usize) -> Map {
        let part = |part: usize| format!("necks.{stage}.fix_channels.{}.{part}", self.channels(scale));
        patches(layers, part, input, 1 << scale, fixed_channels(self.base))
    }

    /// A block that is entered by `entry`. The parameters of the `other` entry are declared too, where the published table
    /// has them.
    fn block(&self, layers: &mut Layers, name: &str, op: u8, other: Option<&Entry>, entry: &Entry) -> Map {
        if let Some(other) = other {
            self.shortcut(layers, name, op, other);
        }
        let shortcut = self.shortcut(layers, name, op, entry);
        if let Some(other) = other {
            self.enter(layers, name, op, other);
        }
        let entered = self.enter(layers, name, op, entry);
        let out = self.channels(scale(op));
        let branch = match block(op) {
            Block::ResAtt => {
                let heads = entered.channels / self.base;
                let attend = Attend { heads, head_width: self.base, orientation: self.orientation };
                layers.att_branch(name, entered, &attend, out)
            }
            Block::ResConv => layers.conv_branch(name, entered, out),
        };
        layers.join(name, branch, shortcut)
    }

    /// The input itself where neither map nor width change.
    fn shortcut(&self, layers: &mut Layers, block_name: &str, op: u8, entry: &Entry) -> Map {
        let out = self.channels(scale(op));
        if !entry.from_larger && entry.input.channels == out {
            return entry.input;
        }
        let module = match block(op) {
            Block::ResAtt => "shortcut",
            Block::ResConv => "downsample",
        };
        layers.plain_shortcut(&format!("{block_name}.{module}{}", entry.suffix()), entry.input, out, entry.stride())
    }

    fn enter(&self, layers: &mut Layers, block_name: &str, op: u8, entry: &Entry) -> Map {
        let width = self.width(scale(op));
        match block(op) {
            Block::ResAtt => layers.att_entry(block_name, entry.suffix(), entry.input, width, entry.stride()),
            Block::ResConv => layers.conv_entry(block_name, entry.suffix(), entry.input, width, entry.stride()),
        }
    }
}

/// One pixel for each patch of `side` x `side`, `out` channels, and a batch norm.
fn patches(layers: &mut Layers, part: impl Fn(usize) -> String, input: Map, side: usize, out: usize) -> Map {
    let map = layers.depthwise(&part(0), input, &Depthwise::patches(side));
    let map = layers.conv(&part(1), map, &Conv::pointwise(out));
    layers.norm(&part(2), map, Role::NormWeight)
}

fn is_first(at: Place) -> bool {
    (at.stage, at.layer) == (0, 0)
}

impl Supernet for Hytra {
    fn layers(&self) -> &[usize] {
        &[LAYERS; STAGES]
    }

    fn builder(&self) -> Layers {
        Layers::new(Activation::Relu)
    }

    fn stem(&self, layers: &mut Layers, image: Map, _first: u8) -> Map {
        let map = layers.conv("backbone.conv1", image, &Conv { out: self.base, kernel: 7, stride: 2 });
        let map = layers.norm("backbone.bn1", map, Role::NormWeight);
        let map = layers.act("backbone.act1", map);
        layers.op("backbone.maxpool", Op::MaxPool { kernel: 3, stride: 2, padding: 1 }, map)
    }

    fn channels_into(&self, _at: Place, before: Option<u8>, _op: u8) -> usize {
        before.map_or(self.base, |before| self.channels(scale(before)))
    }

    fn layer(&self, layers: &mut Layers, at: Place, input: Map, before: Option<u8>, op: u8) -> Map {
        let entry = match before {
            None => {
                let input = self.downsample(layers, &at.name(), input, scale(op));
                Entry { input, from_larger: false }
            }
            // The weights are those of the next larger map or of the same one; another map fits neither.
            Some(before) => {
                let from_larger = scale(before) > scale(op);
                let channels = self.channels(scale(op) + usize::from(from_larger));
                Entry { input: Map { channels, ..input }, from_larger }
            }
        };
        let name = format!("{}._mix_ops.{op}", at.name());
        self.block(layers, &name, op, None, &entry)
    }

    fn channels_into_neck(&self, _stage: usize, op: u8) -> usize {
        self.channels(scale(op))
    }

    fn fix(&self, layers: &mut Layers, stage: usize, map: Map, op: u8) -> Map {
        match scale(op) {
            0 => map,
            scale => self.fix_channels(layers, stage, map, scale),
        }
    }

    fn check(&self, stage: usize, before: Option<u8>, path: &[u8]) -> Result<(), PathError> {
        let built = usize::from(self.depths[stage]);
        let depth = before.map_or(built, next_depth);
        let (mut in_stage, mut previous) = (None, before);
        for (layer, &op) in path.iter().enumerate() {
            let (stage, layer) = (stage + 1, layer + 1);
            if !allows(depth, in_stage, op) {
                return Err(PathError::Order { stage, layer, op, allowed: allowed_ops(depth, in_stage) });
            }
            // An entry from a larger map is there only below the largest map of the stage.
            let needs = scale(op) + 1 + usize::from(previous.is_some_and(|previous| scale(previous) > scale(op)));
            if needs > built {
                return Err(PathError::NotHeld { stage, layer, op, depth: built });
            }
            (in_stage, previous) = (Some(op), Some(op));
        }
        Ok(())
    }

    fn paths(&self, stage: usize, before: Option<u8>) -> Vec<Vec<u8>> {
        let paths = allowed_paths(before.map_or(usize::from(self.depths[stage]), next_depth));
        let held = paths.into_iter().filter(|path| self.check(stage, before, path).is_ok());
        held.map(|path| path.to_vec()).collect()
    }

    fn declare_backbone(&self, layers: &mut Layers, any: Map) {
        let of = |channels: usize| Map { channels, ..any };
        self.stem(layers, of(crate::layers::COLOURS), 0);
        for (stage, &depth) in self.depths().iter().enumerate() {
            for layer in 0..LAYERS {
                let at = Place { stage, layer };
                for op in (0..OPS).filter(|&op| scale(op) < depth) {
                    let scale = scale(op);
                    let own = if is_first(at) { self.width(scale) } else { self.channels(scale) };
                    let larger =
                        (scale + 1 < depth).then(|| Entry { input: of(self.channels(scale + 1)), from_larger: true });
                    let same = Entry { input: of(own), from_larger: false };
                    self.block(layers, &format!("{}._mix_ops.{op}", at.name()), op, larger.as_ref(), &same);
                }
                for scale in (0..depth).filter(|_| is_first(at)) {
                    self.downsample(layers, &at.name(), of(self.base), scale);
                }
            }
        }
    }

    fn declare_fix(&self, layers: &mut Layers, stage: usize, any: Map) -> Map {
        for scale in 1..FIRST_DEPTH {
            self.fix_channels(layers, stage, Map { channels: self.channels(scale), ..any }, scale);
        }
        Map { channels: fixed_channels(self.base), ..any }
    }

    fn aliases(&self, name: &str) -> Vec<String> {
        let stem = [("backbone.conv1.", "backbone._stem.0."), ("backbone.bn1.", "backbone._stem.1.")];
        let alias = |(module, alias): (&str, &str)| Some(format!("{alias}{}", name.strip_prefix(module)?));
        stem.into_iter().filter_map(alias).collect()
    }
}
