//! Best first: of all beginnings the one that may become the best is continued, until enough of them are whole.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::bounds::Bounds;
use super::lattice::Lattice;
use super::{BestError, Limits, PathCost, Task, Whole};

/// Most stages of a space.
const MAX_STAGES: usize = 5;
/// Beginnings that are kept at once: some 600 MB.
const MAX_KEPT: usize = 1 << 23;

/// The paths of the first stages, as places among their ratings.
#[derive(Debug, Clone, Copy)]
struct Beginning {
    choices: [u16; MAX_STAGES],
    stages: u8,
    entry: u32,
    score: f64,
    /// No more than what the whole can score.
    bound: f64,
    cost: PathCost,
}

impl Beginning {
    /// Smaller first: the bound; at the same bound what is not whole, which may still become as good; then the choices.
    fn key_order(&self, other: &Self) -> Ordering {
        let bounds = self.bound.total_cmp(&other.bound);
        bounds.then(self.stages.cmp(&other.stages)).then(self.choices.cmp(&other.choices))
    }
}

impl Ord for Beginning {
    /// The heap gives the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key_order(self)
    }
}

impl PartialOrd for Beginning {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Beginning {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Beginning {}

pub(super) fn best_first(
    task: &Task<'_>,
    lattice: &Lattice,
    bounds: &Bounds,
    limits: Limits,
    count: usize,
) -> Result<Vec<Whole>, BestError> {
    let slack = slack(task);
    let mut heap = BinaryHeap::new();
    let start = Beginning {
        choices: [0; MAX_STAGES],
        stages: 0,
        entry: 0,
        score: 0.0,
        bound: f64::NEG_INFINITY,
        cost: PathCost::default(),
    };
    heap.push(start);
    let mut found = Vec::new();
    while let Some(beginning) = heap.pop().filter(|_| found.len() < count) {
        let stage = usize::from(beginning.stages);
        if stage == lattice.stages() {
            found.push(whole(task, &beginning));
            continue;
        }
        for step in &lattice.levels[stage][beginning.entry as usize] {
            let cost = beginning.cost.plus(step.cost);
            let after = stage + 1;
            let Some(rest) = bounds.rest(after, step.next, cost) else { continue };
            let score = beginning.score + step.score;
            let is_whole = after == lattice.stages();
            // The sum of a whole is exact as it is; other bounds are sums in another order.
            let bound = if is_whole { score } else { score + rest - slack };
            let mut choices = beginning.choices;
            choices[stage] = step.choice;
            debug_assert!(!is_whole || limits.allow(cost), "the bounds let nothing through that is too much");
            heap.push(Beginning { choices, stages: after as u8, entry: step.next, score, bound, cost });
        }
        if heap.len() > MAX_KEPT {
            return Err(BestError::TooMany { limit: MAX_KEPT, count });
        }
    }
    Ok(found)
}

/// More than rounding can make of a sum of scores, whatever its order.
fn slack(task: &Task<'_>) -> f64 {
    let largest = |ratings: &&[crate::run_folder::Scored]| ratings.iter().map(|it| it.score.abs()).fold(0.0, f64::max);
    4.0 * task.ratings.len() as f64 * f64::EPSILON * task.ratings.iter().map(largest).sum::<f64>()
}

fn whole(task: &Task<'_>, beginning: &Beginning) -> Whole {
    let chosen = || task.ratings.iter().zip(beginning.choices).map(|(ratings, choice)| &ratings[usize::from(choice)]);
    Whole {
        stages: chosen().map(|scored| scored.path.clone()).collect(),
        scores: chosen().map(|scored| scored.score).collect(),
        score: beginning.score,
        cost: beginning.cost,
    }
}
