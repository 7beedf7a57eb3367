//! Pearson's r, by sums over distances from the means.
//!
//! The columns are brought to the scale of 1 first, so that nothing overflows, and what rounding leaves of the sums of distances
//! is taken off again (the corrected two-pass algorithm; T. F. Chan and others, *The American Statistician* 37,
//! 1983).

/// R of two columns of finite numbers of the same length.
pub(super) fn r(x: &[f64], y: &[f64]) -> Option<f64> {
    let (x, y) = (distances(x)?, distances(y)?);
    let n = x.len() as f64;
    let (sum_x, sum_y): (f64, f64) = (x.iter().sum(), y.iter().sum());
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let xy = product(&x, &y) - sum_x * sum_y / n;
    let xx = product(&x, &x) - sum_x * sum_x / n;
    let yy = product(&y, &y) - sum_y * sum_y / n;
    let r = xy / (xx * yy).sqrt();
    r.is_finite().then(|| r.clamp(-1.0, 1.0))
}

/// Distances from the mean, in units of the largest one. `None` for a column without differences.
fn distances(column: &[f64]) -> Option<Vec<f64>> {
    let first = column.first()?;
    if column.iter().all(|value| value == first) {
        return None;
    }
    // Half of it, because the distance of two numbers may be twice the largest number there is.
    let column = column.iter().map(|value| value / 2.0);
    let n = column.len() as f64;
    let mean: f64 = column.clone().map(|value| value / n).sum();
    let mut distances: Vec<f64> = column.map(|value| value - mean).collect();
    let largest = distances.iter().fold(0.0, |largest: f64, distance| largest.max(distance.abs()));
    if largest == 0.0 || !largest.is_finite() {
        return None;
    }
    for distance in &mut distances {
        *distance /= largest;
    }
    Some(distances)
}
