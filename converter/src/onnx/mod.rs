//! ONNX files: written so that any runtime reads them, and read back when they are ours.
//!
//! - [`Options`] and [`Metadata`] say what a file is to be; [`write()`] streams it out, one tensor at a time;
//! - [`OnnxModel::open`] rebuilds graph and weights from a file of ours and refuses one that differs in any node, name or
//!   shape from what its metadata say it is; [`Claims`] are what they say, unproved, and
//!   [`defects()`] is everything that is not so;
//! - [`summary`] looks at any ONNX file; [`computed_values`] lists what one computes, [`with_outputs`] makes it show that.
//!
//! The profile is portable by construction: static shapes but for the batch, no `Shape` arithmetic, no `Constant` nodes,
//! no custom domains, no ceil-mode pooling.

mod defects;
mod digest;
mod emit;
mod error;
mod external;
mod metadata;
pub mod proto;
mod read;
pub mod summary;
mod values;
mod write;

pub use defects::{Defect, defects};
pub use digest::weights_digest;
pub use error::OnnxError;
pub use metadata::{Metadata, Source};
pub use read::{Claims, OnnxModel};
pub use values::{ComputedValue, Narrowest, Numerics, computed_values, numerics, with_outputs};
pub use write::{Written, write};

/// The lowest operator set that can be written.
pub const MIN_OPSET: u8 = 13;
/// The highest operator set that can be written.
pub const MAX_OPSET: u8 = 21;
/// The operator set that is written unless told otherwise.
pub const DEFAULT_OPSET: u8 = 17;

/// Largest file: what protocol buffers allow in one message.
const MAX_BYTES: u64 = (1 << 31) - 1;

/// The batch extent of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Batch {
    /// Any number of images; the runtime may fix it when it loads the file.
    Dynamic,
    /// Always this many.
    Fixed(usize),
}

impl Batch {
    /// The number of images, where it is fixed.
    pub const fn fixed(self) -> Option<usize> {
        match self {
            Self::Dynamic => None,
            Self::Fixed(images) => Some(images),
        }
    }
}

/// Which file is written for a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Options {
    /// Operator set, [`MIN_OPSET`] to [`MAX_OPSET`]. The IR version follows.
    pub opset: u8,
    /// Batch extent of input and output.
    pub batch: Batch,
    /// Height and width of the input.
    pub size: [usize; 2],
}

impl Options {
    /// The IR version that came with the operator set.
    fn ir_version(self) -> i64 {
        match self.opset {
            ..=14 => 7,
            15..=18 => 8,
            19 | 20 => 9,
            _ => 10,
        }
    }
}
