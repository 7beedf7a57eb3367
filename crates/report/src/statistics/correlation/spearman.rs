//! Spearman's rho: Pearson's r of mean ranks, with all sums in whole numbers.

use super::ranks::Ranks;

/// Rho of two columns.
pub(super) fn rho(x: &Ranks, y: &Ranks) -> Option<f64> {
    let (x_centred, y_centred) = (x.twice_centred(), y.twice_centred());
    let product = |(&x, &y): (&u32, &u32)| i128::from(x_centred[x as usize]) * i128::from(y_centred[y as usize]);
    let xy = x.dense.iter().zip(&y.dense).map(product).sum();
    coefficient(sum_of_squares(x, &x_centred), sum_of_squares(y, &y_centred), xy)
}

fn sum_of_squares(ranks: &Ranks, centred: &[i64]) -> i128 {
    let of_rank = |(&count, &centred): (&u32, &i64)| i128::from(count) * i128::from(centred) * i128::from(centred);
    ranks.counts.iter().zip(centred).map(of_rank).sum()
}

/// Rho from the sums over centred ranks.
fn coefficient(xx: i128, yy: i128, xy: i128) -> Option<f64> {
    let rho = xy as f64 / (xx as f64 * yy as f64).sqrt();
    (xx > 0 && yy > 0).then(|| rho.clamp(-1.0, 1.0))
}
