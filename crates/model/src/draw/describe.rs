//! What a drawing shows, read off the graph.

mod bossnet;
mod facts;
mod path;

use crate::arch::{Architecture, Shortcut};
use crate::cost::Cost;
use crate::shape::ShapeError;
use crate::space::SpaceError;

/// What a drawing shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Title.
    pub name: String,
    /// Canonical text of the architecture.
    pub text: String,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// The activation's name.
    pub activation: &'static str,
    /// Form of the shortcuts that change map or width.
    pub projection: Projection,
    /// Counts of the whole network.
    pub totals: Option<Totals>,
    /// From the image to the logits, or to the features.
    pub rows: Vec<Row>,
}

/// Counts of the whole network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Trained parameters.
    pub params: u64,
    /// Multiply-adds for one image.
    pub multiply_adds: u64,
}

/// One step of the network: the image, the stem, a stage, the head.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is called.
    pub title: String,
    /// Channels, height and width of what it puts out.
    pub map: [usize; 3],
    /// What the channels are.
    pub unit: Unit,
    /// How many times smaller its map is than the one it reads, in each direction.
    pub stride: usize,
    /// Its share of the network's multiply-adds.
    pub share: Option<f64>,
    /// What it is made of.
    pub body: Body,
}

/// What the channels of a map are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Red, green and blue.
    Colour,
    /// Channels of a feature map.
    Channel,
    /// What the network puts out, one a class, without height and width.
    Logit,
}

/// What a row is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Nothing: the image.
    Image,
    /// Single layers, each a title and a detail.
    Layers(Vec<[String; 2]>),
    /// Residual blocks.
    Blocks(Vec<Residual>),
}

/// A residual block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Residual {
    /// Its name in the network, `layer3.2`.
    pub name: String,
    /// How many times smaller its map is than the one it reads, in each direction.
    pub stride: usize,
    /// Channels, height and width of what it puts out.
    pub map: [usize; 3],
    /// What it is.
    pub kind: Kind,
    /// Its shortcut.
    pub skip: Skip,
}

/// The kinds of residual blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Convolutions.
    ResConv {
        /// Width of the convolutions.
        width: usize,
        /// Whether squeeze-and-excitation ends it.
        se: bool,
    },
    /// Self-attention.
    ResAtt {
        /// Heads.
        heads: usize,
        /// Channels of a head.
        head_width: usize,
    },
    /// A mobile inverted bottleneck.
    Bottleneck {
        /// How many times wider it is inside than what it reads.
        expansion: usize,
        /// Side of the depth-wise convolution.
        kernel: usize,
    },
    /// A cell of NATS-Bench.
    Cell {
        /// Channels.
        width: usize,
    },
    /// A residual block between the cells of NATS-Bench.
    Reduction {
        /// Channels.
        width: usize,
    },
}

impl Kind {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResConv { .. } => "ResConv",
            Self::ResAtt { .. } => "ResAtt",
            Self::Bottleneck { .. } => "MBConv",
            Self::Cell { .. } => "cell",
            Self::Reduction { .. } => "reduction",
        }
    }
}

/// How shortcuts change map and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projection {
    /// In one of the two forms of the BossNet family.
    Form(Shortcut),
    /// A 1x1 convolution where the width changes, behind a mean where the map does (NATS-Bench).
    Widened,
}

/// The kinds of shortcuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// The input as it is.
    Identity,
    /// Brought to another size or width.
    Projected,
}

impl Drawing {
    /// Describes `net` for an input of `size` (height, width).
    pub fn new(net: &Architecture, size: [usize; 2], name: &str, cost: Option<&Cost>) -> Result<Self, DrawError> {
        let drawing = match net {
            Architecture::BossNet(net) => bossnet::drawing(net, size, cost)?,
            Architecture::Search(net) => path::drawing(net, size, cost)?,
        };
        let totals = cost.map(|c| Totals { params: c.params, multiply_adds: c.multiply_adds() });
        Ok(Self { name: name.to_owned(), text: net.to_string(), input: size, totals, ..drawing })
    }

    /// All residual blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = &Residual> {
        self.rows.iter().flat_map(|row| match &row.body {
            Body::Blocks(blocks) => blocks.as_slice(),
            Body::Image | Body::Layers(_) => &[],
        })
    }
}

/// The share of the multiply-adds of the nodes that belong to a row.
fn share(cost: &Cost, belongs: impl Fn(&str) -> bool) -> f64 {
    let part: u64 = cost.nodes.iter().filter(|node| belongs(&node.name)).map(|node| node.multiply_adds).sum();
    part as f64 / cost.multiply_adds().max(1) as f64
}

/// Why a network cannot be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrawError {
    /// It does not run on images of that size.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// There is no such supernet.
    #[error(transparent)]
    Space(#[from] SpaceError),
}
