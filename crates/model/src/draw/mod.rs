//! The drawing of an architecture: stages, kinds of blocks, widths, map sizes, strides and shortcuts, as one SVG file.
//!
//! [`Drawing`] says what is to be seen; it is read off the graph and its shapes, so the drawing cannot tell another story
//! than the network. [`Drawing::svg`] lays it out. The file stands alone: the fonts of the system, no script, nothing
//! fetched, its own background (dark where the reader's screen is), and the same bytes for the same network.

mod describe;
mod element;
mod figure;
mod render;
mod style;
#[cfg(test)]
mod tests;

pub use describe::{Body, DrawError, Drawing, Kind, Projection, Residual, Row, Skip, Totals, Unit};

use crate::arch::Architecture;
use crate::cost::Cost;

/// Draws `net`, a BossNet or a path through a supernet, for an input of `size` (height, width). `name` is the title, any text; with `cost` (at that size) the
/// caption has parameters and multiply-adds, and each stage its share of them.
pub fn svg(net: &Architecture, size: [usize; 2], name: &str, cost: Option<&Cost>) -> Result<String, DrawError> {
    Ok(Drawing::new(net, size, name, cost)?.svg())
}
