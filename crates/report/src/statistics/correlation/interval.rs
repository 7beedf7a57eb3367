//! 95 % intervals by Fisher's z.

use crate::statistics::Z95;

/// Of Pearson's r.
pub(super) fn pearson(r: f64, n: usize) -> Option<[f64; 2]> {
    fisher(r, 1.0 / degrees(n, 3)?)
}

/// Of Spearman's rho.
pub(super) fn spearman(rho: f64, n: usize) -> Option<[f64; 2]> {
    fisher(rho, (1.0 + rho * rho / 2.0) / degrees(n, 3)?)
}

/// Of Kendall's tau.
pub(super) fn kendall(tau: f64, n: usize) -> Option<[f64; 2]> {
    fisher(tau, 0.437 / degrees(n, 4)?)
}

/// `n - less`, if there is something left.
fn degrees(n: usize, less: usize) -> Option<f64> {
    (n > less).then(|| (n - less) as f64)
}

/// What is so near to 1 may be a 1 that was rounded; its z would be as large as the rounding was small.
const PERFECT: f64 = 1.0 - 1e-12;

/// The interval of a coefficient whose z has this variance.
fn fisher(coefficient: f64, variance: f64) -> Option<[f64; 2]> {
    let z = coefficient.atanh();
    let half = Z95 * variance.sqrt();
    (coefficient.abs() < PERFECT).then(|| [(z - half).tanh(), (z + half).tanh()])
}
