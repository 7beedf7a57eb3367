//! A search and a retraining that are killed again and again: tests of the trainer that take minutes.

use crate::{process, torch};

/// The test in `trainer/tests/search.rs` and in `trainer/tests/retrain.rs`.
const TEST: &str = "a_run_that_was_killed_twenty_times_ends_in_the_same_bytes";

pub(super) fn run() -> anyhow::Result<()> {
    torch::ready()?;
    let mut test = process::cargo(["test", "--release", "--locked", "--package", "bossnas-trainer"]);
    process::run(test.args(["--test", "search", "--test", "retrain", "--", "--ignored", "--exact", TEST]))
}
