//! How far two measurements of the same things go together: Kendall's tau-b, Spearman's rho and Pearson's r, with 95 %
//! intervals by Fisher's z or by resampling.
//!
//! In go two columns of finite numbers ([`Columns`]), out come coefficients from -1 to 1, or `None` where there is none: of
//! fewer than two pairs, and of a column whose numbers are all equal. Ranks and their sums are whole numbers, so tau and
//! rho are exact up to their last division.

mod bootstrap;
mod interval;
mod kendall;
mod pearson;
mod ranks;
mod spearman;
#[cfg(test)]
mod tests;

pub use bootstrap::{Bootstrap, Resampled};

use self::ranks::Ranks;

/// The three coefficients, or something of each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Each<T> {
    /// Of Kendall's tau-b (M. G. Kendall, 1945), which accounts for ties.
    pub tau: T,
    /// Of Spearman's rho: Pearson's r of the ranks, where ties share the mean of their ranks.
    pub rho: T,
    /// Of Pearson's r.
    pub r: T,
}

impl<T> Each<T> {
    /// The same of each.
    pub fn map<U>(self, change: impl Fn(T) -> U) -> Each<U> {
        Each { tau: change(self.tau), rho: change(self.rho), r: change(self.r) }
    }
}

/// The three coefficients; those that the pairs do not have are `None`.
pub type Coefficients = Each<Option<f64>>;

/// Lower and upper end of the 95 % interval of each coefficient, where it has one.
pub type Intervals = Each<Option<[f64; 2]>>;

/// Why numbers cannot be correlated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The columns have different lengths.
    #[error("{x} numbers cannot be paired with {y}")]
    Lengths {
        /// Numbers in the first.
        x: usize,
        /// Numbers in the second.
        y: usize,
    },
    /// Something is infinite or no number.
    #[error("row {row} is infinite or no number")]
    NotFinite {
        /// Its row, counted from 0.
        row: usize,
    },
    /// More pairs than ranks are counted for.
    #[error("more than 2^31 pairs")]
    TooMany,
}

/// Two columns of finite numbers, row by row the pairs.
///
/// ```
/// use bossnas_report::statistics::correlation::Columns;
/// let losses = [0.3, 0.1, 0.2, 0.4, 0.5];
/// let accuracies = [0.7, 0.9, 0.8, 0.75, 0.1];
/// let pairs = Columns::new(&losses, &accuracies)?;
/// assert_eq!(pairs.coefficients().tau, Some(-0.8));
/// # Ok::<(), bossnas_report::statistics::correlation::Unfit>(())
/// ```
#[derive(Debug, Clone)]
pub struct Columns<'a> {
    x: &'a [f64],
    y: &'a [f64],
    x_ranks: Ranks,
    y_ranks: Ranks,
}

impl<'a> Columns<'a> {
    /// The pairs of two columns.
    pub fn new(x: &'a [f64], y: &'a [f64]) -> Result<Self, Unfit> {
        if x.len() != y.len() {
            return Err(Unfit::Lengths { x: x.len(), y: y.len() });
        }
        if x.len() > 1 << 31 {
            return Err(Unfit::TooMany);
        }
        if let Some(row) = x.iter().zip(y).position(|(x, y)| !(x.is_finite() && y.is_finite())) {
            return Err(Unfit::NotFinite { row });
        }
        Ok(Self { x, y, x_ranks: Ranks::of(x), y_ranks: Ranks::of(y) })
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// The coefficients, in O(n log n).
    pub fn coefficients(&self) -> Coefficients {
        Each {
            tau: kendall::tau_b(&self.x_ranks, &self.y_ranks),
            rho: spearman::rho(&self.x_ranks, &self.y_ranks),
            r: pearson::r(self.x, self.y),
        }
    }

    /// 95 % intervals of the coefficients by Fisher's z: tanh(artanh(c) ± 1.96 s) with the variances s^2
    ///
    /// - 1 / (n - 3) for r (R. A. Fisher, 1921);
    /// - (1 + rho^2 / 2) / (n - 3) for rho (D. G. Bonett and T. A. Wright, *Psychometrika* 65, 2000);
    /// - 0.437 / (n - 4) for tau (E. C. Fieller, H. O. Hartley and E. S. Pearson, *Biometrika* 44, 1957).
    ///
    /// They suppose a population that is about normal (after some monotone change of scale, for tau and rho). `None` where
    /// there is no variance, n too small, and for coefficients of 1 and -1, of which z is infinite.
    pub fn intervals(&self) -> Intervals {
        let n = self.len();
        let Each { tau, rho, r } = self.coefficients();
        Each {
            tau: tau.and_then(|tau| interval::kendall(tau, n)),
            rho: rho.and_then(|rho| interval::spearman(rho, n)),
            r: r.and_then(|r| interval::pearson(r, n)),
        }
    }
}
