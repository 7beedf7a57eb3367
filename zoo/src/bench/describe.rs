//! What a sample of times says.

use bossnas_report::statistics::{Blocks, Estimate, median_absolute_deviation, percentile, variation};
use serde::{Deserialize, Serialize};

/// Percentiles that are told where the sample supports them.
const PERCENTILES: [f64; 3] = [90.0, 95.0, 99.0];

/// A value and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// What was seen.
    pub value: f64,
    /// `None` where there are too few blocks to say.
    pub interval: Option<[f64; 2]>,
}

/// Times in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// How many runs.
    pub runs: usize,
    /// In how many blocks they were taken.
    pub blocks: usize,
    /// The fastest.
    pub min: f64,
    /// Half of the runs were faster.
    pub median: Interval,
    /// Half of the runs were closer to the median.
    pub mad: f64,
    /// The sum over the number.
    pub mean: Interval,
    /// Standard deviation over mean.
    pub variation: Option<f64>,
    /// Where the sample has at least ten runs that were slower.
    pub p90: Option<f64>,
    /// Likewise.
    pub p95: Option<f64>,
    /// Likewise.
    pub p99: Option<f64>,
    /// The slowest.
    pub max: f64,
}

impl From<Estimate> for Interval {
    fn from(Estimate { value, interval }: Estimate) -> Self {
        Self { value, interval }
    }
}

impl Description {
    /// Of times in milliseconds; `None` of nothing.
    pub fn of(blocks: &Blocks) -> Option<Self> {
        let values = blocks.values();
        let [p90, p95, p99] = PERCENTILES.map(|p| percentile(&values, p));
        Some(Self {
            runs: values.len(),
            blocks: blocks.blocks().len(),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            median: blocks.median()?.into(),
            mad: median_absolute_deviation(&values)?,
            mean: blocks.mean()?.into(),
            variation: variation(&values),
            p90,
            p95,
            p99,
            max: values.iter().copied().fold(0.0, f64::max),
        })
    }
}
