//! The best whole architectures of a search, under limits on what they cost.
//!
//! Stages are rated one by one; the rating of a whole architecture is the sum of its stages' scores, and lower is better
//! (`REFERENCE.md` section 4). Of MBConv's 7e10 sums the smallest are found without adding up all of them, and exactly:
//!
//! ```text
//! ratings, space, size --> Lattice: what may follow what, and what each stage costs there     lattice, costs
//! Lattice, limits ------> Bounds: the least that the rest can score, for what is left to spend   bounds
//! both -----------------> best first: a beginning is looked at only if nothing better is left    search
//! ```
//!
//! Costs add up: no two layers of a path share weights, and a layer's map depends on the layers before it only by its size
//! and channels.

mod bounds;
mod costs;
mod lattice;
mod search;
#[cfg(test)]
mod tests;

use bossnas_model::shape::ShapeError;
use bossnas_model::space::Space;

use self::bounds::Bounds;
use self::lattice::Lattice;
use crate::run_folder::Scored;

/// What is searched.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The search space.
    pub space: &'a Space,
    /// Height and width of the images that multiply-adds are counted for.
    pub size: [usize; 2],
    /// The rated paths of each stage, all stages.
    pub ratings: &'a [&'a [Scored]],
}

/// Multiply-adds of one image, and trained parameters, of a path from the image to its features: no classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PathCost {
    /// Multiply-adds of convolutions and of both products of attention.
    pub multiply_adds: u64,
    /// Trained parameters.
    pub params: u64,
}

impl PathCost {
    /// What two parts cost together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { multiply_adds: self.multiply_adds + other.multiply_adds, params: self.params + other.params }
    }
}

/// The most that an architecture may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Multiply-adds.
    pub multiply_adds: Option<u64>,
    /// Trained parameters.
    pub params: Option<u64>,
}

impl Limits {
    /// Whether a cost is within both.
    pub fn allow(&self, cost: PathCost) -> bool {
        self.multiply_adds.is_none_or(|most| cost.multiply_adds <= most)
            && self.params.is_none_or(|most| cost.params <= most)
    }
}

/// A whole architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Whole {
    /// The operations, one list a stage.
    pub stages: Vec<Vec<u8>>,
    /// The score of each stage.
    pub scores: Vec<f64>,
    /// Their sum, added up from the first stage to the last.
    pub score: f64,
    /// What it costs.
    pub cost: PathCost,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum BestError {
    /// The images are too small for some path.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Nothing is within the limits.
    #[error("no architecture is within the limits: the cheapest has {} multiply-adds, the smallest {} parameters", least.multiply_adds, least.params)]
    Nothing {
        /// The least of both, which need not be of the same architecture.
        least: PathCost,
    },
    /// No path of some stage goes on.
    #[error("no rated path of stage {stage} leaves one to the next stage")]
    DeadEnd {
        /// The stage, from 0.
        stage: usize,
    },
    /// Too many beginnings are as good as what is looked for.
    #[error("more than {limit} beginnings of architectures may be among the best {count}")]
    TooMany {
        /// The most that are kept.
        limit: usize,
        /// How many architectures were asked for.
        count: usize,
    },
}

/// The best `count` architectures within the limits, the best first; fewer where there are fewer. Of equal sums the one with
/// the better-ranked path in the first stage where they differ comes first.
pub fn best(task: &Task<'_>, count: usize, limits: Limits) -> Result<Vec<Whole>, BestError> {
    let lattice = Lattice::new(task)?;
    let bounds = Bounds::new(&lattice, limits);
    let found = search::best_first(task, &lattice, &bounds, limits, count)?;
    if found.is_empty() && count > 0 {
        return Err(lattice
            .dead_end()
            .map_or_else(|| BestError::Nothing { least: lattice.least() }, |stage| BestError::DeadEnd { stage }));
    }
    Ok(found)
}

/// What a path costs: the sum over its stem and its layers.
pub fn cost_of(space: &Space, stages: &[Vec<u8>], size: [usize; 2]) -> Result<PathCost, ShapeError> {
    costs::Costs::new(space, size).path(stages)
}
