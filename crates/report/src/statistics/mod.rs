//! Statistics of counts, samples and pairs.

pub mod correlation;
mod share;

pub use share::wilson;

/// The standard normal quantile of a two-sided interval of 95 %.
const Z95: f64 = 1.959_963_984_540_054;
