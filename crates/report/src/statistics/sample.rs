//! Measures of one sample.

/// The middle of a sample, the mean of the two middle ones where their number is even; `None` of nothing.
///
/// ```
/// use bossnas_report::statistics::median;
/// assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
/// ```
pub fn median(sample: &[f64]) -> Option<f64> {
    let mut values = sample.to_vec();
    let middle = values.len().checked_sub(1)? / 2;
    let is_odd = values.len() % 2 == 1;
    let (_, &mut low, above) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if is_odd {
        return Some(low);
    }
    above.iter().copied().min_by(f64::total_cmp).map(|high| f64::midpoint(low, high))
}

/// Median absolute deviation from the median, as it is: 1.4826 times as much estimates the standard deviation of a normal
/// distribution.
pub fn median_absolute_deviation(sample: &[f64]) -> Option<f64> {
    let middle = median(sample)?;
    median(&sample.iter().map(|value| (value - middle).abs()).collect::<Vec<_>>())
}

/// The arithmetic mean.
pub fn mean(sample: &[f64]) -> Option<f64> {
    (!sample.is_empty()).then(|| sample.iter().sum::<f64>() / sample.len() as f64)
}

/// Standard deviation over mean (coefficient of variation, with `n - 1`); `None` for fewer than two values or a mean of 0.
pub fn variation(sample: &[f64]) -> Option<f64> {
    let mean = mean(sample).filter(|mean| *mean != 0.0 && sample.len() > 1)?;
    let squares: f64 = sample.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (sample.len() - 1) as f64).sqrt() / mean)
}

/// How many values must lie above a percentile for it to be told.
pub const ABOVE: usize = 10;

/// The percentile `p`, 0 to 100 (nearest rank), if at least [`ABOVE`] values lie above it: 100 runs for p90, 1000 for p99. With
/// fewer it would be an accident of the few slowest.
///
/// ```
/// use bossnas_report::statistics::percentile;
/// let sample: Vec<f64> = (1..=100).map(f64::from).collect();
/// assert_eq!((percentile(&sample, 90.0), percentile(&sample, 95.0)), (Some(90.0), None));
/// ```
pub fn percentile(sample: &[f64], p: f64) -> Option<f64> {
    let rank = (p / 100.0 * sample.len() as f64).ceil().max(1.0) as usize;
    if sample.len() < rank + ABOVE {
        return None;
    }
    let mut values = sample.to_vec();
    Some(*values.select_nth_unstable_by(rank - 1, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_samples_have_known_measures() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median_absolute_deviation(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]), Some(1.0));
        assert_eq!(mean(&[1.0, 2.0, 6.0]), Some(3.0));
        let cv = variation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert!((cv - (32.0_f64 / 7.0).sqrt() / 5.0).abs() < 1e-15);
        assert_eq!(variation(&[1.0]), None);
    }

    #[test]
    fn a_percentile_needs_values_above_it() {
        let sample = |n: u32| (1..=n).rev().map(f64::from).collect::<Vec<_>>();
        assert_eq!(percentile(&sample(99), 90.0), None);
        assert_eq!(percentile(&sample(200), 95.0), Some(190.0));
        assert_eq!(percentile(&sample(999), 99.0), None);
        assert_eq!(percentile(&sample(1000), 99.0), Some(990.0));
        assert_eq!(percentile(&[], 50.0), None);
    }
}
