//! Architectures: what a network is, before it becomes a graph.
//!
//! The types are here. Their text forms, which [`FromStr`](std::str::FromStr) and [`Display`](std::fmt::Display) of
//! [`Architecture`], [`BossNet`], [`SearchNet`] and [`SearchPath`] read and print, are in the files beside; [`ArchFile`] is the JSON
//! form.

mod architecture;
mod bossnet;
mod file;
mod paths;
mod stages;
#[cfg(test)]
mod tests;
mod text;

pub use bossnet::{MAX_BASE, MAX_BLOCKS, MAX_CLASSES, STEM_WIDTHS};
pub use file::{ArchFile, ArchFileError};
pub use text::ParseError;

use crate::graph::Orientation;

/// The two residual blocks of the BossNet family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Block {
    /// Residual attention block, written `0`.
    ResAtt,
    /// Residual convolution block, written `1`.
    ResConv,
}

/// The activation that a whole network uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockActivation {
    /// `max(x, 0)`.
    Relu,
    /// `x * sigmoid(x)`.
    Silu,
}

/// How a shortcut changes resolution and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shortcut {
    /// Average pool 2x2, then a 1x1 convolution and a batch norm (all published networks).
    AvgPool,
    /// One convolution (3x3 where the stride is 2, else 1x1), a batch norm and the activation.
    Plain,
}

/// What stands before the first stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stem {
    /// One 7x7 convolution of stride 2.
    Plain,
    /// Three 3x3 convolutions, the first two `width` wide (timm's `deep`).
    Deep {
        /// Width of the first two convolutions.
        width: usize,
    },
    /// Three 3x3 convolutions, `3 * (width / 4)` and `6 * (width / 4)` wide (timm's `deep_tiered`).
    DeepTiered {
        /// The width both are derived from.
        width: usize,
    },
}

/// A network of the BossNet family (`REFERENCE.md` section 2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BossNet {
    /// Blocks of the four stages; an empty stage is one 3x3 convolution of stride 2.
    pub stages: [Vec<Block>; 4],
    /// The activation.
    pub activation: BlockActivation,
    /// Whether the convolution blocks end in squeeze-and-excitation.
    pub se: bool,
    /// Stride of the last stage, 1 or 2.
    pub last_stride: LastStride,
    /// Form of the shortcuts.
    pub shortcut: Shortcut,
    /// Form of the stem.
    pub stem: Stem,
    /// Width of the stem, of the first stage and of an attention head: 64 in all published networks.
    pub base: usize,
    /// Width of the output.
    pub classes: usize,
}

/// Stride of the last stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LastStride {
    /// The last map is 1/16 of the input (BossNet-T1).
    One,
    /// The last map is 1/32 of the input (BossNet-T0).
    Two,
}

/// Data set of a NATS-Bench size space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NatsData {
    /// CIFAR-10: stages of 2, 2 and 1 layers.
    Cifar10,
    /// CIFAR-100: stages of 2, 1 and 2 layers.
    Cifar100,
}

/// A path through a supernet: for each stage the index of the operation chosen at each layer
/// (`REFERENCE.md` section 3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SearchPath {
    /// HyTra: four stages of four layers, indices 0 to 5.
    Hytra([[u8; 4]; 4]),
    /// MBConv: stages of 2, 4, 4, 4 and 4 layers, indices 0 to 3.
    Mbconv([Vec<u8>; 5]),
    /// NATS-Bench: five layers, indices 0 to 7 for the widths 8 to 64.
    Nats(NatsData, [u8; 5]),
}

/// A path through a supernet of some width.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SearchNet {
    /// The path.
    pub path: SearchPath,
    /// Base width of the supernet: 64 as published ([`Space::with_base`](crate::space::Space::with_base)).
    pub base: usize,
    /// Which way round its attention is; [`Orientation::Standard`] in spaces that have none.
    pub attention: Orientation,
}

/// Any architecture that has a text form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// A network of the BossNet family.
    BossNet(BossNet),
    /// A path through one of the supernets.
    Search(SearchNet),
}
