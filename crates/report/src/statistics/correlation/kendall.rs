//! Kendall's tau-b in O(n log n), by W. R. Knight's algorithm (*Journal of the American Statistical Association* 61, 1966):
//! in the order of x, then y, the discordant pairs are the inversions of y, which a merge sort counts.

use super::ranks::{Ranks, pairs};

/// (concordant - discordant) / sqrt((pairs - tied in x) (pairs - tied in y)).
pub(super) fn tau_b(x: &Ranks, y: &Ranks) -> Option<f64> {
    let mut rows: Vec<u64> = x.dense.iter().zip(&y.dense).map(|(&x, &y)| u64::from(x) << 32 | u64::from(y)).collect();
    rows.sort_unstable();
    let tied_in_both = rows.chunk_by(|a, b| a == b).map(|tied| pairs(tied.len() as u64)).sum();
    let mut y_in_order: Vec<u32> = rows.into_iter().map(|row| row as u32).collect();
    let discordant = inversions(&mut y_in_order);
    coefficient(x.len() as u64, Ties { x: x.tied_pairs(), y: y.tied_pairs(), both: tied_in_both }, discordant)
}

/// Pairs of rows that are equal in a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ties {
    pub(super) x: u64,
    pub(super) y: u64,
    pub(super) both: u64,
}

/// Tau-b of `n` rows.
pub(super) fn coefficient(n: u64, ties: Ties, discordant: u64) -> Option<f64> {
    let all = pairs(n);
    let (differ_in_x, differ_in_y) = (all - ties.x, all - ties.y);
    if differ_in_x == 0 || differ_in_y == 0 {
        return None;
    }
    // All counts are below 2^61.
    let differ_in_both = all as i64 - ties.x as i64 - ties.y as i64 + ties.both as i64;
    let numerator = differ_in_both - 2 * discordant as i64;
    // One root of the product: of equal factors it is exact, so that perfect agreement is 1.
    let tau = numerator as f64 / (differ_in_x as f64 * differ_in_y as f64).sqrt();
    Some(tau.clamp(-1.0, 1.0))
}

/// Sorts `values` and says how many pairs stood in the wrong order.
pub(super) fn inversions(values: &mut [u32]) -> u64 {
    let mut spare = vec![0; values.len()];
    let mut count = 0;
    let mut width = INSERTION;
    for run in values.chunks_mut(INSERTION) {
        count += insertion_sort(run);
    }
    while width < values.len() {
        for (run, merged) in values.chunks_mut(2 * width).zip(spare.chunks_mut(2 * width)) {
            if run.len() > width {
                count += merge(run, width, merged);
            }
        }
        width *= 2;
    }
    count
}

/// Runs of this length are sorted by insertion.
const INSERTION: usize = 16;

fn insertion_sort(run: &mut [u32]) -> u64 {
    let mut count = 0;
    for end in 1..run.len() {
        let mut at = end;
        while at > 0 && run[at - 1] > run[at] {
            run.swap(at - 1, at);
            at -= 1;
        }
        count += (end - at) as u64;
    }
    count
}

/// Merges the two sorted parts of `run`, the first of length `middle`.
fn merge(run: &mut [u32], middle: usize, merged: &mut [u32]) -> u64 {
    if run[middle - 1] <= run[middle] {
        return 0;
    }
    let (left, right) = run.split_at(middle);
    let (mut i, mut j, mut count) = (0, 0, 0);
    for slot in merged.iter_mut() {
        if j == right.len() || (i < left.len() && left[i] <= right[j]) {
            *slot = left[i];
            i += 1;
        } else {
            // It passes all that is left on the left side.
            count += (left.len() - i) as u64;
            *slot = right[j];
            j += 1;
        }
    }
    run.copy_from_slice(merged);
    count
}
