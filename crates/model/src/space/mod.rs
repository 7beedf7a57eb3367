//! The search spaces: which operations a supernet offers at each layer, which paths through it are allowed, and the
//! supernet itself as graphs (`REFERENCE.md` sections 3 and 4).
//!
//! A supernet is never one graph: a [`Space`] gives the graph of each part (stem, one operation of one layer, neck,
//! head), parts join with [`Graph::then`], and a path is a fold over its layers. Parameters are shared by name.
//! [`Space::parameters`] lists all there are without going through paths.
//!
//! Names are those of the published siamese state dict without the side that it puts before them (`online_`,
//! `target_`): `backbone.` and `necks.{stage}.`, for NATS-Bench `channels_fix.{stage}.{operation}.`; `heads.{stage}.` has
//! no side; [`Side::name`] puts it there. Stages and layers count from 0 in arguments and names, from 1 in errors.

pub mod hytra;
mod mbconv;
mod nats;
mod parameters;
mod path;
mod projection;
mod side;

pub use hytra::Hytra;
pub use mbconv::Mbconv;
pub use nats::Nats;
pub use parameters::SharedParam;
pub use path::PathError;
pub use side::Side;

use std::fmt;
use std::str::FromStr;

use crate::arch::{MAX_BASE, NatsData, SearchPath};
use crate::graph::{Graph, Orientation};
use crate::layers::{Layers, Map};

/// Base width of the published supernets.
pub const DEFAULT_BASE: usize = 64;

/// A search space and its supernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Space {
    /// Residual attention and convolution blocks at four scales.
    Hytra(Hytra),
    /// Mobile inverted bottlenecks.
    Mbconv(Mbconv),
    /// Widths of a NATS-Bench network.
    Nats(Nats),
}

/// Why there is no such supernet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    /// Some width would be no whole number, or out of all bounds.
    #[error("the base width of {space} must be a multiple of {step} from {step} to {MAX_BASE}, not {base}")]
    Base {
        /// Name of the space.
        space: &'static str,
        /// What it must be a multiple of.
        step: usize,
        /// What was asked for.
        base: usize,
    },
    /// A stage has at least one scale and at most four.
    #[error("a stage depth is 1 to {}, not {depth}", hytra::FIRST_DEPTH)]
    Depth {
        /// What was asked for.
        depth: usize,
    },
    /// Only HyTra has depths.
    #[error("{space} has no stage depths, only hytra has")]
    NoDepths {
        /// Name of the space.
        space: &'static str,
    },
}

/// One layer of a supernet.
#[derive(Debug, Clone, Copy)]
struct Place {
    stage: usize,
    layer: usize,
}

impl Place {
    fn name(self) -> String {
        format!("backbone._blocks.{}._block_layers.{}", self.stage, self.layer)
    }
}

/// What the spaces differ in. Nothing is checked here.
trait Supernet {
    /// Layers of each stage, that which is not searched included.
    fn layers(&self) -> &[usize];
    /// An empty graph with the space's activation.
    fn builder(&self) -> Layers;
    /// From the image to what the first layer reads, given its operation.
    fn stem(&self, layers: &mut Layers, image: Map, first: u8) -> Map;
    /// Channels that a layer reads.
    fn channels_into(&self, at: Place, before: Option<u8>, op: u8) -> usize;
    /// One operation of one layer.
    fn layer(&self, layers: &mut Layers, at: Place, input: Map, before: Option<u8>, op: u8) -> Map;
    /// Channels that the neck of a stage reads.
    fn channels_into_neck(&self, stage: usize, op: u8) -> usize;
    /// What the neck does to the map of a stage that ends in `op` before it pools it.
    fn fix(&self, layers: &mut Layers, stage: usize, map: Map, op: u8) -> Map;
    /// Whether a stage may have this path, of operations that there are and as long as it must be.
    fn check(&self, stage: usize, before: Option<u8>, path: &[u8]) -> Result<(), PathError>;
    /// All paths of a stage in published order.
    fn paths(&self, stage: usize, before: Option<u8>) -> Vec<Vec<u8>>;
    /// Declares all parameters of the backbone, in published order. The value of `any` means nothing.
    fn declare_backbone(&self, layers: &mut Layers, any: Map);
    /// Declares all parameters of a neck before its first linear layer, in published order, and returns what that reads.
    fn declare_fix(&self, layers: &mut Layers, stage: usize, any: Map) -> Map;
    /// Other names of a parameter, within one side.
    fn aliases(&self, name: &str) -> Vec<String>;
}

impl Space {
    /// All of them, with the published widths.
    pub const PUBLISHED: [Self; 4] =
        [Self::hytra(), Self::mbconv(), Self::nats(NatsData::Cifar10), Self::nats(NatsData::Cifar100)];

    /// HyTra with the published widths and stage depths, and attention the right way round.
    pub const fn hytra() -> Self {
        Self::Hytra(Hytra::new())
    }

    /// MBConv with the published widths.
    pub const fn mbconv() -> Self {
        Self::Mbconv(Mbconv::new())
    }

    /// NATS-Bench's size space for a data set, with the published widths.
    pub const fn nats(data: NatsData) -> Self {
        Self::Nats(Nats::new(data))
    }

    /// The space of a path, with the published widths.
    pub const fn of(path: &SearchPath) -> Self {
        match path {
            SearchPath::Hytra(_) => Self::hytra(),
            SearchPath::Mbconv(_) => Self::mbconv(),
            SearchPath::Nats(data, _) => Self::nats(*data),
        }
    }

    /// The same space with all widths scaled by `base / 64`: blocks, attention heads, squeeze-and-excitation, necks and
    /// heads. Any base width from 1 to [`MAX_BASE`] for HyTra; a multiple of 8 for the others, whose widths are whole
    /// eighths of it. MBConv's squeeze-and-excitation has a quarter of a block's input, rounded as published.
    pub fn with_base(self, base: usize) -> Result<Self, SpaceError> {
        let step = self.base_step();
        if base == 0 || base > MAX_BASE || !base.is_multiple_of(step) {
            return Err(SpaceError::Base { space: self.name(), step, base });
        }
        Ok(match self {
            Self::Hytra(space) => Self::Hytra(Hytra { base, ..space }),
            Self::Mbconv(_) => Self::Mbconv(Mbconv { base }),
            Self::Nats(space) => Self::Nats(Nats { base, ..space }),
        })
    }

    /// The same space with attention that way round: [`Orientation::Transposed`] is what the published search computes.
    /// Only HyTra has attention; the others stay as they are.
    #[must_use]
    pub fn with_orientation(self, orientation: Orientation) -> Self {
        match self {
            Self::Hytra(space) => Self::Hytra(Hytra { orientation, ..space }),
            other => other,
        }
    }

    /// HyTra with weights for other numbers of scales in its stages, counted from the smallest map: each 1 to 4,
    /// `[4, 3, 2, 2]` as published.
    pub fn with_depths(self, depths: [usize; hytra::STAGES]) -> Result<Self, SpaceError> {
        let Self::Hytra(space) = self else { return Err(SpaceError::NoDepths { space: self.name() }) };
        match depths.into_iter().find(|depth| !(1..=hytra::FIRST_DEPTH).contains(depth)) {
            Some(depth) => Err(SpaceError::Depth { depth }),
            None => Ok(Self::Hytra(Hytra { depths: depths.map(|depth| depth as u8), ..space })),
        }
    }

    /// The name, which the text form of a path begins with.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hytra(_) => "hytra",
            Self::Mbconv(_) => "mbconv",
            Self::Nats(Nats { data: NatsData::Cifar10, .. }) => "nats-c10",
            Self::Nats(Nats { data: NatsData::Cifar100, .. }) => "nats-c100",
        }
    }

    /// The base width: 64 unless told.
    pub const fn base(&self) -> usize {
        match self {
            Self::Hytra(Hytra { base, .. }) | Self::Mbconv(Mbconv { base }) | Self::Nats(Nats { base, .. }) => *base,
        }
    }

    /// What base widths are multiples of.
    pub const fn base_step(&self) -> usize {
        match self {
            Self::Hytra(_) => 1,
            Self::Mbconv(_) | Self::Nats(_) => 8,
        }
    }

    /// Height and width of the images that the published search trains on.
    pub const fn image_size(&self) -> usize {
        match self {
            Self::Hytra(_) | Self::Mbconv(_) => 224,
            Self::Nats(_) => 32,
        }
    }

    /// Number of stages that are searched.
    pub fn stages(&self) -> usize {
        self.last_stage().unwrap_or_else(|| self.supernet().layers().len())
    }

    /// The stage that MBConv has after those that are searched: one layer of 5 base widths. The published search trains
    /// its weights never; its graphs are those of any other stage.
    pub const fn last_stage(&self) -> Option<usize> {
        match self {
            Self::Mbconv(_) => Some(mbconv::SEARCHED_STAGES),
            Self::Hytra(_) | Self::Nats(_) => None,
        }
    }

    /// Number of layers of a stage; 0 where there is none.
    pub fn layers(&self, stage: usize) -> usize {
        self.supernet().layers().get(stage).copied().unwrap_or(0)
    }

    /// Numbers of layers of the stages that are searched.
    pub fn stage_layers(&self) -> Vec<usize> {
        self.supernet().layers()[..self.stages()].to_vec()
    }

    /// Whether any path of a stage may follow any of the stage before.
    pub const fn stages_are_independent(&self) -> bool {
        !matches!(self, Self::Hytra(_))
    }

    /// Number of candidates of a layer. HyTra's later stages have fewer ([`Space::check_path`]).
    pub const fn operations(&self) -> u8 {
        match self {
            Self::Hytra(_) => hytra::OPS,
            Self::Mbconv(_) => mbconv::OPS,
            Self::Nats(_) => nats::OPS,
        }
    }

    /// What operation `op` is, in a word or two: `ResAtt@14` for an image of 224 x 224, `MB6 5x5`, `40 wide`.
    pub fn operation(&self, op: u8) -> String {
        match self {
            Self::Hytra(_) => format!("{}@{}", hytra::block(op).name(), hytra::side(hytra::scale(op))),
            Self::Mbconv(_) => {
                let (expansion, kernel) = mbconv::bottleneck(op);
                format!("MB{expansion} {kernel}x{kernel}")
            }
            Self::Nats(space) => format!("{} wide", space.width(op)),
        }
    }

    /// How many pixels of the image one pixel of a path's features stands for, in each direction.
    ///
    /// # Panics
    /// For a path of another space.
    pub fn total_stride(&self, path: &SearchPath) -> usize {
        assert_eq!(path.space(), self.name(), "a path of another space");
        match self {
            Self::Hytra(_) => {
                let last = path.stages().last().and_then(|ops| ops.last()).copied().unwrap_or(0);
                4 << (hytra::FIRST_DEPTH - 1 - hytra::scale(last))
            }
            Self::Mbconv(_) => mbconv::TOTAL_STRIDE,
            Self::Nats(_) => nats::TOTAL_STRIDE,
        }
    }

    /// The paths that a stage may have, in published order, which decides between equal scores. `before` is the last
    /// operation of the stage before, on which they depend in HyTra only; without it HyTra's stage has all paths of its
    /// depth.
    ///
    /// Paths whose weights the supernet does not hold are none: where the published HyTra search ends in an error
    /// (`REFERENCE.md` section 7), there are no paths. [`Space::goes_on`] says so one stage earlier.
    pub fn paths(&self, stage: usize, before: Option<u8>) -> Vec<Vec<u8>> {
        if self.layers(stage) == 0 { Vec::new() } else { self.supernet().paths(stage, before) }
    }

    /// Whether a stage that ends in `op` leaves any path to the stage after it, if one is there.
    pub fn goes_on(&self, stage: usize, op: u8) -> bool {
        let next = stage + 1;
        next >= self.stages() || !self.paths(next, Some(op)).is_empty()
    }

    /// Whether [`Space::paths`] has this path, and if not, why.
    pub fn check_path(&self, stage: usize, before: Option<u8>, path: &[u8]) -> Result<(), PathError> {
        let layers = self.layers(stage);
        if layers == 0 {
            return Err(PathError::Stage { space: self.name(), stage: stage + 1, stages: self.stages() });
        }
        if path.len() != layers {
            return Err(PathError::Length { stage: stage + 1, layers, found: path.len() });
        }
        let highest = self.operations() - 1;
        if let Some((layer, &op)) = path.iter().enumerate().find(|(_, op)| **op > highest) {
            return Err(PathError::Operation { stage: stage + 1, layer: layer + 1, op, highest });
        }
        if let Some(op) = before.filter(|&op| op > highest) {
            return Err(PathError::Before { stage: stage + 1, op, highest });
        }
        self.supernet().check(stage, before, path)
    }

    /// From the input `image`, 3 channels, to what the first layer reads when its operation is `first`, on which only the
    /// width of NATS-Bench's stem depends.
    pub fn stem(&self, first: u8) -> Graph {
        let mut layers = self.supernet().builder();
        let image = layers.input("image", crate::layers::COLOURS);
        let map = self.supernet().stem(&mut layers, image, first);
        layers.finish(map)
    }

    /// One operation of one layer, from input `map`. `before` is the operation of the layer before, be it in this stage or
    /// in the one before; `None` for the very first layer. It says what map comes in: HyTra enters through other weights
    /// where the map is the next larger one, NATS-Bench's layers are as wide as what comes in.
    ///
    /// An operation that may not follow `before` gives a graph that no map fits; one whose weights the supernet does not
    /// hold gives one with parameters that [`Space::parameters`] has not. [`Space::check_path`] tells.
    ///
    /// # Panics
    /// Where there is no such layer.
    pub fn layer(&self, stage: usize, layer: usize, before: Option<u8>, op: u8) -> Graph {
        assert!(layer < self.layers(stage), "{} has no layer {layer} in stage {stage}", self.name());
        let (supernet, at) = (self.supernet(), Place { stage, layer });
        let mut layers = supernet.builder();
        let input = layers.input("map", supernet.channels_into(at, before, op));
        let map = supernet.layer(&mut layers, at, input, before, op);
        layers.finish(map)
    }

    /// NATS-Bench's way to the width of its necks: from input `map` of a stage that ends in `op` to 32 base widths. `None`
    /// for the other spaces; HyTra's necks have theirs inside.
    pub fn channels_fix(&self, stage: usize, op: u8) -> Option<Graph> {
        let Self::Nats(space) = self else { return None };
        let mut layers = space.builder();
        let map = layers.input("map", space.width(op));
        let map = space.channels_fix(&mut layers, stage, map, op);
        Some(layers.finish(map))
    }

    /// The neck of a stage: from input `map` of a stage that ends in `op` (NATS-Bench: what [`Space::channels_fix`] makes of
    /// it) to a projection, `[batch, 4 base widths]`.
    pub fn neck(&self, stage: usize, op: u8) -> Graph {
        let supernet = self.supernet();
        let mut layers = supernet.builder();
        let map = layers.input("map", supernet.channels_into_neck(stage, op));
        let map = supernet.fix(&mut layers, stage, map, op);
        let projection = projection::neck(&mut layers, stage, map, self.base());
        layers.finish(projection)
    }

    /// The predictor of a stage: from input `projection` to its prediction, both 4 base widths. It reads
    /// `[batch, channels]`, and `[batch, channels, 1, 1]` where inputs of graphs must be maps.
    pub fn head(&self, stage: usize) -> Graph {
        let mut layers = self.supernet().builder();
        let map = layers.input("projection", projection::width(self.base()));
        let prediction = projection::head(&mut layers, stage, map, self.base());
        layers.finish(prediction)
    }

    /// The whole network of a path: from input `image` to output `features`, the map after the last searched stage, which
    /// is what the last neck reads. Like the published supernet it does not run MBConv's last stage.
    ///
    /// # Panics
    /// For a path of another space.
    pub fn features(&self, path: &SearchPath) -> Graph {
        assert_eq!(path.space(), self.name(), "a path of another space");
        let stages = path.stages();
        let mut graph = self.stem(stages.first().and_then(|ops| ops.first()).copied().unwrap_or(0));
        let mut before = None;
        for (stage, ops) in stages.iter().enumerate() {
            for (layer, &op) in ops.iter().enumerate() {
                graph = graph.then(self.layer(stage, layer, before, op));
                before = Some(op);
            }
        }
        graph.with_output_name("features")
    }

    /// All parameters and buffers of one side and of the heads, in the order of the published state dict.
    pub fn parameters(&self) -> Vec<SharedParam> {
        parameters::parameters(self)
    }

    fn supernet(&self) -> &dyn Supernet {
        match self {
            Self::Hytra(space) => space,
            Self::Mbconv(space) => space,
            Self::Nats(space) => space,
        }
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No space has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such space")]
pub struct UnknownSpace;

impl FromStr for Space {
    type Err = UnknownSpace;

    /// The space of that name, with the published widths.
    fn from_str(name: &str) -> Result<Self, UnknownSpace> {
        Self::PUBLISHED.into_iter().find(|space| space.name() == name).ok_or(UnknownSpace)
    }
}

/// All paths of `layers` layers with `operations` candidates each, in the order of their digits.
fn every_path(layers: usize, operations: u8) -> Vec<Vec<u8>> {
    (0..layers).fold(vec![Vec::new()], |paths, _| {
        let longer = |path: Vec<u8>| (0..operations).map(move |op| path.iter().copied().chain([op]).collect());
        paths.into_iter().flat_map(longer).collect()
    })
}
