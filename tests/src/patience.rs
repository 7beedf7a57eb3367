//! Waiting for what another process does.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Waits until `done`, at most half a minute.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited too long for {what}");
        sleep(Duration::from_millis(2));
    }
}
