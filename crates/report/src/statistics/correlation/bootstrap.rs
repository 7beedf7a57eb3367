//! Percentile intervals by resampling pairs (B. Efron, 1979): coefficients of columns that are drawn from the given pairs with
//! replacement, as often as asked.
//!
//! Rows are drawn as a count for each, in an order that was sorted once; only the inversions of y remain to be counted.

use fastrand::Rng;

use super::kendall::{self, Ties};
use super::ranks::{Ranks, pairs};
use super::{Coefficients, Columns, Each, Intervals, pearson, spearman};

/// The smallest share of resamples of which a coefficient must exist; below it there is no interval.
const DEFINED: f64 = 0.95;

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// How often.
    pub resamples: u32,
    /// Seed of the generator: the same gives the same intervals.
    pub seed: u64,
}

/// What resampling says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampled {
    /// From the 2.5th to the 97.5th percentile, between order statistics linear. `None` where fewer than 95 % of the resamples
    /// have that coefficient.
    pub intervals: Intervals,
    /// Resamples that have no coefficient, because all numbers of one column are equal.
    pub undefined: u32,
}

impl Columns<'_> {
    /// Intervals by resampling. `progress` is told how many resamples are done.
    pub fn resample(&self, how: Bootstrap, mut progress: impl FnMut(u32)) -> Resampled {
        let sorted = Sorted::new(self);
        let mut random = Rng::with_seed(how.seed);
        let mut found: Each<Vec<f64>> = Each::default();
        let mut undefined = 0;
        for done in 0..how.resamples {
            let Each { tau, rho, r } = sorted.draw(&mut random);
            undefined += u32::from(tau.is_none() || rho.is_none() || r.is_none());
            found.tau.extend(tau);
            found.rho.extend(rho);
            found.r.extend(r);
            progress(done + 1);
        }
        Resampled { intervals: found.map(|found| percentiles(found, how.resamples)), undefined }
    }
}

/// The pairs in the order of x, then y.
struct Sorted {
    x: Vec<f64>,
    y: Vec<f64>,
    x_ranks: Vec<u32>,
    y_ranks: Vec<u32>,
    different_x: usize,
    different_y: usize,
}

impl Sorted {
    fn new(columns: &Columns<'_>) -> Self {
        let (x, y) = (&columns.x_ranks, &columns.y_ranks);
        let mut rows: Vec<usize> = (0..columns.len()).collect();
        rows.sort_unstable_by_key(|&row| (x.dense[row], y.dense[row]));
        Self {
            x: rows.iter().map(|&row| columns.x[row]).collect(),
            y: rows.iter().map(|&row| columns.y[row]).collect(),
            x_ranks: rows.iter().map(|&row| x.dense[row]).collect(),
            y_ranks: rows.iter().map(|&row| y.dense[row]).collect(),
            different_x: x.counts.len(),
            different_y: y.counts.len(),
        }
    }

    /// The coefficients of as many rows as there are, drawn with replacement.
    fn draw(&self, random: &mut Rng) -> Coefficients {
        let n = self.x.len();
        let mut times = vec![0_u32; n];
        for _ in 0..n {
            times[random.usize(..n)] += 1;
        }
        let mut drawn = Vec::with_capacity(n);
        for (row, &times) in times.iter().enumerate() {
            drawn.extend(std::iter::repeat_n(row, times as usize));
        }
        let x = ranks(&self.x_ranks, &drawn, self.different_x);
        let y = ranks(&self.y_ranks, &drawn, self.different_y);
        let same = |a: &usize, b: &usize| self.x_ranks[*a] == self.x_ranks[*b] && self.y_ranks[*a] == self.y_ranks[*b];
        let both = drawn.chunk_by(same).map(|tied| pairs(tied.len() as u64)).sum();
        let ties = Ties { x: x.tied_pairs(), y: y.tied_pairs(), both };
        let rho = spearman::rho(&x, &y);
        let values = |column: &[f64]| drawn.iter().map(|&row| column[row]).collect::<Vec<f64>>();
        let r = pearson::r(&values(&self.x), &values(&self.y));
        let mut y_in_order = y.dense;
        let discordant = kendall::inversions(&mut y_in_order);
        Each { tau: kendall::coefficient(n as u64, ties, discordant), rho, r }
    }
}

/// The ranks of drawn rows, by counting. Ranks that nobody has stay, with a count of 0, which no sum notices.
fn ranks(of_rows: &[u32], drawn: &[usize], different: usize) -> Ranks {
    let dense: Vec<u32> = drawn.iter().map(|&row| of_rows[row]).collect();
    let mut counts = vec![0; different];
    for &rank in &dense {
        counts[rank as usize] += 1;
    }
    Ranks { dense, counts }
}

fn percentiles(mut found: Vec<f64>, resamples: u32) -> Option<[f64; 2]> {
    if found.is_empty() || (found.len() as f64) < DEFINED * f64::from(resamples) {
        return None;
    }
    found.sort_unstable_by(f64::total_cmp);
    Some([quantile(&found, 0.025), quantile(&found, 0.975)])
}

/// The quantile of sorted numbers, linear between neighbours.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let (low, high) = (sorted[below], sorted[above]);
    low + (high - low) * (at - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        let sorted = [1.0, 2.0, 4.0];
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile(&sorted, share)), [1.0, 1.5, 2.0, 3.0, 4.0]);
        assert_eq!(quantile(&[7.0], 0.975), 7.0);
    }

    #[test]
    fn a_draw_of_sorted_counts_has_the_coefficients_of_the_rows_that_were_drawn() {
        let x = [3.0, 1.0, 1.0, 2.0, 5.0, 5.0, 4.0, 0.0];
        let y = [1.0, 1.0, 2.0, 2.0, 0.5, 7.0, 6.0, 6.0];
        let columns = Columns::new(&x, &y).unwrap();
        let sorted = Sorted::new(&columns);
        for seed in 0..50 {
            let drawn = sorted.draw(&mut Rng::with_seed(seed));
            let mut random = Rng::with_seed(seed);
            let rows: Vec<usize> = (0..x.len()).map(|_| random.usize(..x.len())).collect();
            let [again_x, again_y] =
                [&sorted.x, &sorted.y].map(|column| rows.iter().map(|&row| column[row]).collect::<Vec<f64>>());
            let again = Columns::new(&again_x, &again_y).unwrap().coefficients();
            assert_eq!((drawn.tau, drawn.rho), (again.tau, again.rho));
            let off = |a: Option<f64>, b: Option<f64>| a.zip(b).map_or(0.0, |(a, b)| (a - b).abs());
            assert!(off(drawn.r, again.r) < 1e-14 && drawn.r.is_some() == again.r.is_some(), "{seed}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_intervals_and_another_gives_others() {
        let x: Vec<f64> = (0..40).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|x| (x * 1.7).sin() + x / 20.0).collect();
        let columns = Columns::new(&x, &y).unwrap();
        let how = Bootstrap { resamples: 200, seed: 5 };
        let mut told = 0;
        let resampled = columns.resample(how, |done| told += u32::from(done > told));
        assert_eq!((told, resampled.undefined), (200, 0));
        assert_eq!(columns.resample(how, |_| ()), resampled);
        assert_ne!(columns.resample(Bootstrap { seed: 6, ..how }, |_| ()), resampled);
        let coefficients = columns.coefficients();
        let holds = |interval: Option<[f64; 2]>, value: Option<f64>| {
            let ([low, high], value) = (interval.unwrap(), value.unwrap());
            assert!(low < value && value < high && high - low < 0.6, "{low} {value} {high}");
        };
        holds(resampled.intervals.tau, coefficients.tau);
        holds(resampled.intervals.rho, coefficients.rho);
        holds(resampled.intervals.r, coefficients.r);
    }

    #[test]
    fn resamples_without_coefficients_are_counted_and_too_many_of_them_leave_no_interval() {
        let columns = Columns::new(&[1.0, 2.0], &[2.0, 1.0]).unwrap();
        let resampled = columns.resample(Bootstrap { resamples: 1000, seed: 1 }, |_| ());
        assert!((400..600).contains(&resampled.undefined), "{}", resampled.undefined);
        assert_eq!(resampled.intervals, Intervals::default());
        let none = Columns::new(&[], &[]).unwrap().resample(Bootstrap { resamples: 3, seed: 1 }, |_| ());
        assert_eq!((none.undefined, none.intervals), (3, Intervals::default()));
    }
}
