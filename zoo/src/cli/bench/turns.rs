//! Candidates that are loaded, warmed up and measured in turn, with progress.

use std::time::Duration;

use bossnas_report::{Counted, Failure};
use bossnas_zoo::bench::{Candidate, Measured, Plan, WarmUp, measure};

use crate::cli::context::Context;

/// What came of it, candidate by candidate.
pub(crate) struct Turns {
    pub(crate) warm_ups: Vec<WarmUp>,
    pub(crate) plan: Plan,
    pub(crate) measured: Vec<Measured>,
}

/// Warms all of them up, each for `warm_up` at the most, and measures each for about `seconds`.
pub(crate) fn in_turn(
    candidates: &mut [Candidate],
    warm_up: Duration,
    seconds: f64,
    context: &Context,
) -> Result<Turns, Failure> {
    let progress = context.console.progress();
    let bar = progress.bar_of("warming up", Counted::Things("variants"));
    bar.start(0, Some(candidates.len() as u64));
    let mut warm_ups = Vec::with_capacity(candidates.len());
    for (index, candidate) in candidates.iter_mut().enumerate() {
        warm_ups.push(candidate.warm_up(warm_up)?);
        bar.set(index as u64 + 1);
    }
    drop(bar);
    let slowest = candidates.iter().map(Candidate::pace).fold(0.0, f64::max);
    let plan = Plan::new(seconds, slowest);
    let bar = progress.bar_of("measuring", Counted::Things("blocks"));
    bar.start(0, Some((plan.rounds * candidates.len()) as u64));
    let measured = measure(candidates, plan, |done| bar.set(done as u64))?;
    Ok(Turns { warm_ups, plan, measured })
}
