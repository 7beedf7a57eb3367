//! The least that what is left of an architecture can score, given what is left to spend. Never more than that, so nothing
//! is lost by believing it.

use super::lattice::{Lattice, Step};
use super::{Limits, PathCost};

/// Points of a curve. Longer ones are made coarser, which makes bounds lower and never wrong.
const MAX_POINTS: usize = 1 << 13;

/// Bounds for each entry of each stage.
pub(super) struct Bounds {
    /// Where nothing is limited.
    free: Vec<Vec<Option<f64>>>,
    /// For each limit its curves.
    limited: Vec<Limited>,
}

struct Limited {
    most: u64,
    of: fn(PathCost) -> u64,
    curves: Vec<Vec<Curve>>,
}

/// The least score for a budget: points of rising cost and falling score.
#[derive(Debug, Clone, Default)]
struct Curve(Vec<(u64, f64)>);

impl Bounds {
    pub(super) fn new(lattice: &Lattice, limits: Limits) -> Self {
        let limited = |most: Option<u64>, of: fn(PathCost) -> u64| Some(Limited::new(lattice, most?, of));
        let of_adds = limited(limits.multiply_adds, |cost| cost.multiply_adds);
        let of_params = limited(limits.params, |cost| cost.params);
        Self {
            free: lattice.least_by(0.0, |step| step.score, |a, b| a + b),
            limited: of_adds.into_iter().chain(of_params).collect(),
        }
    }

    /// The least that stages from `stage` on can score after `entry`, where `spent` was spent before; `None` if nothing is
    /// within the limits.
    pub(super) fn rest(&self, stage: usize, entry: u32, spent: PathCost) -> Option<f64> {
        let mut least = self.free[stage][entry as usize]?;
        for limit in &self.limited {
            let left = limit.most.checked_sub((limit.of)(spent))?;
            least = least.max(limit.curves[stage][entry as usize].at(left)?);
        }
        Some(least)
    }
}

impl Limited {
    fn new(lattice: &Lattice, most: u64, of: fn(PathCost) -> u64) -> Self {
        let end = lattice.levels[lattice.stages()].iter().map(|_| Curve(vec![(0, 0.0)])).collect();
        let mut curves: Vec<Vec<Curve>> = vec![end];
        for level in lattice.levels[..lattice.stages()].iter().rev() {
            let after = &curves[curves.len() - 1];
            curves.push(level.iter().map(|steps| Curve::before(steps, after, most, of)).collect());
        }
        curves.reverse();
        Self { most, of, curves }
    }
}

impl Curve {
    /// The curve before a stage, of its steps and the curves after it.
    fn before(steps: &[Step], after: &[Self], most: u64, of: fn(PathCost) -> u64) -> Self {
        let mut points = Vec::new();
        for (next, rest) in after.iter().enumerate() {
            let own = steps.iter().filter(|step| step.next as usize == next);
            let own = Self::of_points(own.map(|step| (of(step.cost), step.score)).collect());
            for (cost, score) in &own.0 {
                let sums = rest.0.iter().map(|(c, s)| (cost + c, score + s));
                points.extend(sums.take_while(|(cost, _)| *cost <= most));
            }
        }
        Self::of_points(points).coarser()
    }

    /// The points of which no other is at once cheaper and better.
    fn of_points(mut points: Vec<(u64, f64)>) -> Self {
        points.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut least = f64::INFINITY;
        points.retain(|&(_, score)| {
            let better = score < least;
            least = least.min(score);
            better
        });
        Self(points)
    }

    /// At most [`MAX_POINTS`] points, none of them above the curve: neighbours become one that is as cheap as the cheapest and
    /// as good as the best of them.
    fn coarser(self) -> Self {
        let together = self.0.len().div_ceil(MAX_POINTS).max(1);
        let one = |points: &[(u64, f64)]| Some((points.first()?.0, points.last()?.1));
        Self(self.0.chunks(together).filter_map(one).collect())
    }

    /// The least score for a budget.
    fn at(&self, budget: u64) -> Option<f64> {
        let within = self.0.partition_point(|&(cost, _)| cost <= budget);
        Some(self.0[within.checked_sub(1)?].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_keeps_what_nothing_beats() {
        let curve = Curve::of_points(vec![(5, 1.0), (3, 2.0), (4, 2.5), (5, 0.5), (9, 0.5), (7, -1.0)]);
        assert_eq!(curve.0, [(3, 2.0), (5, 0.5), (7, -1.0)]);
        assert_eq!(
            [2, 3, 4, 5, 6, 100].map(|budget| curve.at(budget)),
            [None, Some(2.0), Some(2.0), Some(0.5), Some(0.5), Some(-1.0)]
        );
    }

    #[test]
    fn a_coarser_curve_is_nowhere_above() {
        let points: Vec<(u64, f64)> = (0..=3 * MAX_POINTS as u64).map(|n| (10 * n, -(n as f64).sqrt())).collect();
        let fine = Curve(points);
        let coarse = fine.clone().coarser();
        assert!(coarse.0.len() <= MAX_POINTS);
        for budget in (0..10 * fine.0.len() as u64).step_by(7) {
            assert!(coarse.at(budget) <= fine.at(budget) && coarse.at(budget).is_some(), "{budget}");
        }
    }
}
