//! What may follow what: for each stage the entries that there are, and the paths that may go on from each.

use std::collections::BTreeMap;

use super::costs::{Costs, Entry};
use super::{BestError, PathCost, Task};

/// The stages of a search, unfolded into the entries that their paths depend on.
pub(super) struct Lattice {
    /// For each stage its entries, and one more list: the ends.
    pub(super) levels: Vec<Vec<Vec<Step>>>,
}

/// A path of a stage from one entry to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Its place among the ratings of its stage.
    pub(super) choice: u16,
    /// Its score.
    pub(super) score: f64,
    /// What it costs from there.
    pub(super) cost: PathCost,
    /// The entry of the next stage.
    pub(super) next: u32,
}

impl Lattice {
    pub(super) fn new(task: &Task<'_>) -> Result<Self, BestError> {
        let mut costs = Costs::new(task.space, task.size);
        let mut entries = vec![Entry::START];
        let mut levels = Vec::new();
        for (stage, ratings) in task.ratings.iter().enumerate() {
            let mut next: BTreeMap<Entry, u32> = BTreeMap::new();
            let mut order = Vec::new();
            let mut level = Vec::new();
            for &entry in &entries {
                let mut steps = Vec::new();
                for (choice, scored) in ratings.iter().enumerate() {
                    if task.space.check_path(stage, entry.before, &scored.path).is_err() {
                        continue;
                    }
                    let (cost, after) = costs.stage(stage, entry, &scored.path)?;
                    let next = *next.entry(after).or_insert_with(|| {
                        order.push(after);
                        (order.len() - 1) as u32
                    });
                    steps.push(Step { choice: choice as u16, score: scored.score, cost, next });
                }
                level.push(steps);
            }
            levels.push(level);
            entries = order;
        }
        levels.push(vec![Vec::new(); entries.len()]);
        Ok(Self { levels })
    }

    /// Number of stages.
    pub(super) fn stages(&self) -> usize {
        self.levels.len() - 1
    }

    /// For each entry of each stage the least value of what is left, where `of` gives that of a step; `None` where nothing
    /// goes through to the end.
    pub(super) fn least_by<T: Copy + PartialOrd>(
        &self,
        nothing: T,
        of: impl Fn(&Step) -> T,
        plus: impl Fn(T, T) -> T,
    ) -> Vec<Vec<Option<T>>> {
        let mut rest: Vec<Vec<Option<T>>> = vec![self.levels[self.stages()].iter().map(|_| Some(nothing)).collect()];
        for level in self.levels[..self.stages()].iter().rev() {
            let after = &rest[rest.len() - 1];
            let least = |steps: &Vec<Step>| {
                let sums = steps.iter().filter_map(|step| Some(plus(of(step), after[step.next as usize]?)));
                sums.fold(None, |least: Option<T>, sum| Some(least.filter(|&least| least <= sum).unwrap_or(sum)))
            };
            rest.push(level.iter().map(least).collect());
        }
        rest.reverse();
        rest
    }

    /// The least multiply-adds and the least parameters of an architecture; nothing where there is none.
    pub(super) fn least(&self) -> PathCost {
        let least = |of: fn(&Step) -> u64| self.least_by(0, of, |a, b| a + b)[0][0].unwrap_or(0);
        PathCost { multiply_adds: least(|step| step.cost.multiply_adds), params: least(|step| step.cost.params) }
    }

    /// The stage after which nothing goes on, if no path goes through to the end.
    pub(super) fn dead_end(&self) -> Option<usize> {
        let empty = self.levels[..self.stages()].iter().position(|level| level.iter().all(Vec::is_empty))?;
        Some(empty.saturating_sub(1))
    }
}
