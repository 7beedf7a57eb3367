//! Times in words.

use std::time::{Duration, UNIX_EPOCH};

use bossnas_report::units;

use crate::journal::Event;

/// From here on years have five digits.
const YEAR_10_000: f64 = 253_402_300_800.0;

/// The seconds between two events in which a process worked; the time between two processes does not count. `begins` says which
/// events are the first of a process.
pub(crate) fn worked<'a, E: Event>(events: &'a [E], begins: impl Fn(&E) -> bool) -> impl Iterator<Item = (&'a E, f64)> {
    let pairs = events.windows(2).filter_map(|pair| Some((pair.first()?, pair.last()?)));
    let pairs = pairs.filter(move |(_, event)| !begins(event));
    // A clock may have been set back.
    pairs.map(|(before, event)| (event, (event.time() - before.time()).max(0.0)))
}

pub(crate) fn duration(seconds: f64) -> String {
    Duration::try_from_secs_f64(seconds).map_or_else(|_| "unknown".to_owned(), units::duration)
}

pub(crate) fn date(seconds: f64) -> String {
    if !(0.0..YEAR_10_000).contains(&seconds) {
        return "unknown".to_owned();
    }
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs_f64(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_are_none_are_said_to_be_unknown() {
        assert_eq!(date(1.7e9), "2023-11-14T22:13:20Z");
        for time in [f64::NAN, f64::INFINITY, -1.0, 1e18] {
            assert_eq!(date(time), "unknown");
        }
        assert_eq!(duration(f64::NAN), "unknown");
    }
}
