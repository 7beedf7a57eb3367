//! Samples that were taken in blocks, and how sure one can be of what they say.
//!
//! Runs that follow each other share the state of the machine, so a thousand of them are no thousand independent values.
//! What is drawn again for an interval are whole blocks (block bootstrap, Künsch 1989): the spread between blocks, which lie
//! seconds apart, is what limits the median. Percentile intervals of few blocks are too narrow; they are widened as by
//! Student's t (the "expanded percentile" of Hesterberg, 2015).

use super::sample::{mean, median};

/// How often blocks are drawn again.
const DRAWS: usize = 2000;
/// Fewer blocks say nothing of the spread between them.
const MIN_BLOCKS: usize = 4;
/// The same in every run, so that a report can be computed again.
const SEED: u64 = 0x0062_6f73_736e_6173;

/// Values in the blocks in which they were taken.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Blocks(Vec<Vec<f64>>);

/// A value and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// What was seen.
    pub value: f64,
    /// `None` for fewer than four blocks.
    pub interval: Option<[f64; 2]>,
}

/// Whether the blocks of two samples were taken in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// Block `i` of one was taken beside block `i` of the other: they share the state of the machine then.
    Rounds,
    /// They have nothing to do with each other.
    Apart,
}

impl Blocks {
    /// Blocks in the order in which they were taken; those without a value are left out.
    pub fn new(blocks: Vec<Vec<f64>>) -> Self {
        Self(blocks.into_iter().filter(|block| !block.is_empty()).collect())
    }

    /// The blocks.
    pub fn blocks(&self) -> &[Vec<f64>] {
        &self.0
    }

    /// All values, in the order in which they were taken.
    pub fn values(&self) -> Vec<f64> {
        self.0.concat()
    }

    /// The median of all values; `None` of nothing.
    pub fn median(&self) -> Option<Estimate> {
        let value = median(&self.values())?;
        let sorted = Sorted::of(self);
        let interval = interval(self.0.len(), |draw| sorted.median(&draw.counts));
        Some(Estimate { value, interval })
    }

    /// The mean of all values; `None` of nothing.
    pub fn mean(&self) -> Option<Estimate> {
        let value = mean(&self.values())?;
        let sums: Vec<(f64, usize)> = self.0.iter().map(|block| (block.iter().sum(), block.len())).collect();
        let interval = interval(self.0.len(), |draw| {
            let drawn = sums.iter().zip(&draw.counts);
            let (sum, n) = drawn.fold((0.0, 0.0), |(sum, n), (&(part, len), &count)| {
                (sum + part * f64::from(count), n + len as f64 * f64::from(count))
            });
            sum / n
        });
        Some(Estimate { value, interval })
    }

    /// The median of `self` in units of that of `other`.
    pub fn ratio_of_medians(&self, other: &Self, pairing: Pairing) -> Option<Estimate> {
        let value = median(&self.values())? / median(&other.values())?;
        let (ours, theirs) = (Sorted::of(self), Sorted::of(other));
        let interval = match pairing {
            Pairing::Rounds if self.0.len() == other.0.len() => {
                interval(self.0.len(), |draw| ours.median(&draw.counts) / theirs.median(&draw.counts))
            }
            Pairing::Rounds | Pairing::Apart => {
                let blocks = self.0.len().min(other.0.len());
                let mut random = fastrand::Rng::with_seed(SEED ^ 1);
                let mut second = Draw::new(other.0.len());
                // `interval` draws the blocks of one; those of the other are drawn beside.
                interval_of(self.0.len(), blocks, |draw| {
                    second.again(&mut random);
                    ours.median(&draw.counts) / theirs.median(&second.counts)
                })
            }
        };
        Some(Estimate { value, interval })
    }
}

/// How often each block was drawn.
struct Draw {
    counts: Vec<u32>,
}

impl Draw {
    fn new(blocks: usize) -> Self {
        Self { counts: vec![0; blocks] }
    }

    fn again(&mut self, random: &mut fastrand::Rng) {
        self.counts.fill(0);
        let blocks = self.counts.len();
        for _ in 0..blocks {
            self.counts[random.usize(..blocks)] += 1;
        }
    }
}

/// All values in order, with the blocks that they are from: a median of drawn blocks is found by walking over them.
struct Sorted {
    values: Vec<(f64, usize)>,
    sizes: Vec<usize>,
}

impl Sorted {
    fn of(blocks: &Blocks) -> Self {
        let labelled = blocks.0.iter().enumerate().flat_map(|(index, block)| block.iter().map(move |&v| (v, index)));
        let mut values: Vec<(f64, usize)> = labelled.collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { values, sizes: blocks.0.iter().map(Vec::len).collect() }
    }

    fn median(&self, counts: &[u32]) -> f64 {
        let drawn = |block: usize| u64::from(counts.get(block).copied().unwrap_or(0));
        let total: u64 = self.sizes.iter().enumerate().map(|(block, &size)| size as u64 * drawn(block)).sum();
        let mut passed = 0;
        for (index, &(value, block)) in self.values.iter().enumerate() {
            passed += drawn(block);
            if passed * 2 == total {
                // Half lie below: the middle is between this one and the next that was drawn.
                let next = self.values[index + 1..].iter().find(|(_, block)| drawn(*block) > 0);
                return next.map_or(value, |(next, _)| f64::midpoint(value, *next));
            }
            if passed * 2 > total {
                return value;
            }
        }
        f64::NAN
    }
}

fn interval(blocks: usize, statistic: impl FnMut(&Draw) -> f64) -> Option<[f64; 2]> {
    interval_of(blocks, blocks, statistic)
}

/// The interval of a statistic over draws of `blocks` blocks, widened for a sample of `fewest`.
fn interval_of(blocks: usize, fewest: usize, mut statistic: impl FnMut(&Draw) -> f64) -> Option<[f64; 2]> {
    if fewest < MIN_BLOCKS {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut draw = Draw::new(blocks);
    let mut drawn: Vec<f64> = (0..DRAWS)
        .map(|_| {
            draw.again(&mut random);
            statistic(&draw)
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    let tail = tail(fewest);
    let at = |share: f64| drawn[((share * DRAWS as f64) as usize).min(DRAWS - 1)];
    Some([at(tail), at(1.0 - tail)])
}

/// The share of draws to leave out at either end for an interval of 95 % from `blocks` blocks.
fn tail(blocks: usize) -> f64 {
    let n = blocks as f64;
    normal_below(-(n / (n - 1.0)).sqrt() * student(n - 1.0))
}

/// The two-sided 95 % quantile of Student's t (Cornish and Fisher's expansion; within 0.5 % from 3 degrees of freedom on).
fn student(freedom: f64) -> f64 {
    let z = super::Z95;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / freedom + second / freedom.powi(2) + third / freedom.powi(3)
}

/// The standard normal distribution function.
fn normal_below(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_tables() {
        for (freedom, expected) in [(4.0, 2.776), (9.0, 2.262), (19.0, 2.093), (1e6, 1.960)] {
            assert!((student(freedom) / expected - 1.0).abs() < 5e-3, "{freedom}: {}", student(freedom));
        }
        assert!((normal_below(-1.959_964) - 0.025).abs() < 1e-7);
    }

    #[test]
    fn a_median_of_drawn_blocks_is_that_of_their_values() {
        let blocks = Blocks::new(vec![vec![5.0, 1.0], vec![], vec![2.0], vec![9.0, 4.0, 3.0]]);
        assert_eq!(blocks.blocks().len(), 3);
        let sorted = Sorted::of(&blocks);
        assert_eq!(sorted.median(&[1, 1, 1]), 3.5);
        // 5 1, 2 2 2
        assert_eq!(sorted.median(&[1, 3, 0]), 2.0);
        assert_eq!(sorted.median(&[2, 0, 0]), 3.0);
        assert!(blocks.median().unwrap().interval.is_none());
        assert!(Blocks::default().median().is_none());
    }

    /// Values of a machine whose speed wanders from block to block.
    fn measured(random: &mut fastrand::Rng, level: f64) -> Blocks {
        let normal = |random: &mut fastrand::Rng| (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        let block = |random: &mut fastrand::Rng| {
            let drift = level * (1.0 + 0.02 * normal(random));
            (0..25).map(|_| drift * (1.0 + 0.005 * normal(random))).collect()
        };
        Blocks::new((0..20).map(|_| block(random)).collect())
    }

    #[test]
    fn intervals_hold_the_truth_about_as_often_as_they_say() {
        let mut random = fastrand::Rng::with_seed(3);
        let (mut medians, mut means, mut ratios) = (0, 0, 0);
        let trials = 200;
        let holds = |estimate: Estimate, truth: f64| {
            let [low, high] = estimate.interval.unwrap();
            usize::from(low <= truth && truth <= high)
        };
        for _ in 0..trials {
            let (a, b) = (measured(&mut random, 10.0), measured(&mut random, 20.0));
            medians += holds(a.median().unwrap(), 10.0);
            means += holds(a.mean().unwrap(), 10.0);
            ratios += holds(a.ratio_of_medians(&b, Pairing::Apart).unwrap(), 0.5);
        }
        // 95 % of 200 is 190, give or take 3.
        for held in [medians, means, ratios] {
            assert!((180..=199).contains(&held), "{medians} {means} {ratios}");
        }
    }

    #[test]
    fn blocks_taken_in_turn_cancel_the_drift_they_share() {
        let drift = |round: usize| 1.0 + 0.2 * (round as f64 / 3.0).sin();
        let blocks = |factor: f64| Blocks::new((0..20).map(|round| vec![factor * drift(round); 5]).collect());
        let (slow, fast) = (blocks(1.1), blocks(1.0));
        let paired = slow.ratio_of_medians(&fast, Pairing::Rounds).unwrap();
        let [low, high] = paired.interval.unwrap();
        assert!((paired.value - 1.1).abs() < 1e-12 && (low - 1.1).abs() < 1e-12 && (high - 1.1).abs() < 1e-12);
        let [low, high] = slow.ratio_of_medians(&fast, Pairing::Apart).unwrap().interval.unwrap();
        assert!(low < 1.05 && high > 1.15);
    }
}
