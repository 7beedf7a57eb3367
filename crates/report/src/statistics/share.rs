//! Shares of counts.

use super::Z95;

/// The 95 % interval of a share of which `successes` of `trials` were seen, by Wilson's score (E. B. Wilson, 1927): it
/// stays within 0 and 1 and is right for few trials too. Everything between 0 and 1 for no trials.
///
/// ```
/// let [low, high] = bossnas_report::statistics::wilson(808, 1000);
/// assert!((low - 0.78243).abs() < 1e-5 && (high - 0.83122).abs() < 1e-5);
/// ```
pub fn wilson(successes: u64, trials: u64) -> [f64; 2] {
    if trials == 0 {
        return [0.0, 1.0];
    }
    let n = trials as f64;
    let share = successes as f64 / n;
    let z2 = Z95 * Z95;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z95 / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    [(centre - half).max(0.0), (centre + half).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_literature_and_stays_within_its_bounds() {
        // Newcombe, 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        for (successes, trials, [low, high]) in [
            (81, 263, [0.2553, 0.3662]),
            (15, 148, [0.0624, 0.1605]),
            (0, 20, [0.0, 0.1611]),
            (1, 29, [0.0061, 0.1718]),
        ] {
            let interval = wilson(successes, trials);
            assert!((interval[0] - low).abs() < 5e-5 && (interval[1] - high).abs() < 5e-5, "{interval:?}");
        }
        assert_eq!(wilson(0, 0), [0.0, 1.0]);
        assert_eq!(wilson(7, 7)[1], 1.0);
    }
}
