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

pub use describe::{Body, Drawing, Kind, Residual, Row, Skip, Totals, Unit};

use crate::arch::BossNet;
use crate::cost::Cost;
use crate::shape::ShapeError;

/// Draws `net` for an input of `size` (height, width). `name` is the title, any text; with `cost` (at that size) the
/// caption has parameters and multiply-adds, and each stage its share of them.
pub fn svg(net: &BossNet, size: [usize; 2], name: &str, cost: Option<&Cost>) -> Result<String, ShapeError> {
    Ok(Drawing::new(net, size, name, cost)?.svg())
}
