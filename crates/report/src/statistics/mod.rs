//! Statistics of counts, samples and pairs.

mod blocks;
pub mod correlation;
mod sample;
mod share;

pub use blocks::{Blocks, Estimate, Pairing};
pub use sample::{ABOVE, mean, median, median_absolute_deviation, percentile, variation};
pub use share::wilson;

/// The standard normal quantile of a two-sided interval of 95 %.
const Z95: f64 = 1.959_963_984_540_054;
