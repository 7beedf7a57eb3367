//! A search that is killed again and again: a test of the trainer that takes minutes.

use crate::{process, torch};

/// The test in `trainer/tests/search.rs`.
const TEST: &str = "a_run_that_was_killed_twenty_times_ends_in_the_same_bytes";

pub(super) fn run() -> anyhow::Result<()> {
    torch::ready()?;
    let mut test =
        process::cargo(["test", "--release", "--locked", "--package", "bossnas-trainer", "--test", "search"]);
    process::run(test.args(["--", "--ignored", "--exact", TEST]))
}
