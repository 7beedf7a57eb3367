//! Variants measured in turn.

use bossnas_model::random::splitmix64;
use bossnas_report::statistics::{Blocks, Estimate};

use super::candidate::Candidate;
use crate::runtime::RuntimeError;

/// Fewest and most rounds: few give no interval, more than these make it hardly narrower.
const ROUNDS: [f64; 2] = [8.0, 20.0];
/// Runs that a block should have.
const RUNS: f64 = 3.0;

/// How long is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Blocks of each variant.
    pub rounds: usize,
    /// Seconds of a block.
    pub block: f64,
}

impl Plan {
    /// For about `seconds` of each variant, the slowest of which takes `slowest` milliseconds a run. Where that allows too few
    /// runs it takes longer.
    pub fn new(seconds: f64, slowest: f64) -> Self {
        let block = RUNS * slowest * 1e-3;
        let rounds = (seconds / block).clamp(ROUNDS[0], ROUNDS[1]).floor();
        Self { rounds: rounds as usize, block: seconds / rounds }
    }
}

/// What was measured of a variant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Milliseconds of each run, in blocks, a block of each round.
    pub times: Blocks,
    /// Images a second in each round.
    pub rates: Vec<f64>,
    /// Processors that were kept busy in each round.
    pub processors: Vec<f64>,
    /// How often the system took a processor away.
    pub preempted: u64,
}

impl Measured {
    /// Images a second, on average over the rounds; `None` of nothing.
    pub fn rate(&self) -> Option<Estimate> {
        Blocks::new(self.rates.iter().map(|&rate| vec![rate]).collect()).mean()
    }
}

/// Measures all candidates. In each round a block of every one of them is run, in an order that changes from round to round;
/// `each` is told how many blocks are done.
pub fn measure(
    candidates: &mut [Candidate],
    plan: Plan,
    mut each: impl FnMut(usize),
) -> Result<Vec<Measured>, RuntimeError> {
    let mut times = vec![Vec::new(); candidates.len()];
    let mut measured = vec![Measured::default(); candidates.len()];
    for round in 0..plan.rounds {
        for (position, index) in order(round, candidates.len()).into_iter().enumerate() {
            each(round * candidates.len() + position);
            let block = candidates[index].block(round, plan.block)?;
            times[index].push(block.times);
            measured[index].rates.push(block.rate);
            measured[index].processors.push(block.processors);
            measured[index].preempted += block.preempted;
        }
    }
    for (measured, times) in measured.iter_mut().zip(times) {
        measured.times = Blocks::new(times);
    }
    Ok(measured)
}

/// An order of `count` things that is another one in each round.
fn order(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&index| splitmix64(round as u64, index as u64));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_variants_get_fewer_rounds_but_enough() {
        assert_eq!(Plan::new(5.0, 5.0), Plan { rounds: 20, block: 0.25 });
        assert_eq!(Plan::new(5.0, 140.0).rounds, 11);
        let slow = Plan::new(5.0, 5000.0);
        assert_eq!(slow.rounds, 8);
    }

    #[test]
    fn every_round_has_each_variant_once_and_orders_differ() {
        let orders: Vec<Vec<usize>> = (0..20).map(|round| order(round, 4)).collect();
        for order in &orders {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3]);
        }
        for first in 0..4 {
            assert!(orders.iter().any(|order| order[0] == first), "{first} never comes first");
        }
    }
}
