//! Who looks on, and what time it is.

use std::time::SystemTime;

use bossnas_data::dataset::DataSet;
use bossnas_report::Console;

use super::stop::Stop;

/// Who looks on.
#[derive(Debug)]
pub struct Surroundings {
    /// Where progress goes.
    pub console: Console,
    /// Who may ask to stop.
    pub stop: Stop,
}

/// Seconds since 1970.
pub(crate) fn unix_time() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// What a picture is called that could not be read.
pub(crate) fn broken_name(data: &DataSet, index: usize) -> String {
    data.sample(index).map_or_else(|| index.to_string(), |sample| sample.name())
}
