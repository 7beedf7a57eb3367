//! Fewer points that look the same, chosen without chance.

use std::collections::BTreeMap;

/// Points that fall into one square of a grid, as the first of them and their number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Dot {
    /// Where it is drawn.
    pub(super) at: (f64, f64),
    /// How many points it stands for.
    pub(super) count: usize,
}

/// At most `most` dots for these points: one for each square of the finest grid that is coarse enough. A lonely point is
/// never lost.
pub(super) fn dots(points: &[(f64, f64)], most: usize) -> Vec<Dot> {
    if points.len() <= most {
        return points.iter().map(|&at| Dot { at, count: 1 }).collect();
    }
    let mut side = 1.0;
    loop {
        let mut squares: BTreeMap<(i64, i64), Dot> = BTreeMap::new();
        for &(x, y) in points {
            let square = ((x / side).floor() as i64, (y / side).floor() as i64);
            squares.entry(square).or_insert(Dot { at: (x, y), count: 0 }).count += 1;
        }
        if squares.len() <= most {
            return squares.into_values().collect();
        }
        side *= 1.5;
    }
}

/// At most about `most` points of a line: of each stretch its first, lowest, highest and last, so that every peak stays.
pub(super) fn line(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil((most / 4).max(1));
    let mut kept = Vec::with_capacity(most);
    kept.extend(points.chunks(stretch).flat_map(outline));
    kept
}

/// The first, lowest, highest and last of some points, in their order and each once.
fn outline(points: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> {
    let by_height = |a: &usize, b: &usize| points[*a].1.total_cmp(&points[*b].1);
    let lowest = (0..points.len()).min_by(by_height).unwrap_or(0);
    let highest = (0..points.len()).max_by(by_height).unwrap_or(0);
    let mut indices = vec![0, lowest, highest, points.len().saturating_sub(1)];
    indices.sort_unstable();
    indices.dedup();
    indices.into_iter().filter_map(|index| points.get(index).copied())
}

/// Of each stretch of points that fall into one column of this width the first, lowest, highest and last: drawn as a line they
/// look like all of them (M4: U. Jugel, Z. Jerzak, G. Hackenbroich and V. Markl, *PVLDB* 7, 2014).
pub(super) fn columns(points: &[(f64, f64)], width: f64) -> Vec<(f64, f64)> {
    let column = |point: &(f64, f64)| (point.0 / width).floor();
    points.chunk_by(|a, b| column(a) == column(b)).flat_map(outline).collect()
}

/// At most `most` of these sorted samples: the outermost ones, and those at equal distances of rank.
pub(super) fn sorted(samples: &[f64], most: usize) -> Vec<f64> {
    if samples.len() <= most {
        return samples.to_vec();
    }
    let tail = most / 16;
    let (low, rest) = samples.split_at(tail);
    let (middle, high) = rest.split_at(rest.len() - tail);
    let count = most - 2 * tail;
    let ranks = (0..count).map(|index| index * middle.len() / count);
    low.iter().copied().chain(ranks.map(|rank| middle[rank])).chain(high.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_points_stay_as_they_are() {
        let points = [(0.0, 0.0), (5.0, 5.0), (5.0, 5.0)];
        assert_eq!(dots(&points, 3).len(), 3);
        assert_eq!(line(&points, 3), points);
        assert_eq!(sorted(&[1.0, 2.0], 2), [1.0, 2.0]);
    }

    #[test]
    fn dots_count_what_they_stand_for_and_keep_the_lonely() {
        let mut points: Vec<(f64, f64)> = (0..5000).map(|i| (f64::from(i % 50), f64::from(i / 50))).collect();
        points.push((900.0, 900.0));
        let dots = dots(&points, 500);
        assert!(dots.len() <= 500);
        assert_eq!(dots.iter().map(|dot| dot.count).sum::<usize>(), points.len());
        assert!(dots.contains(&Dot { at: (900.0, 900.0), count: 1 }));
    }

    #[test]
    fn a_line_keeps_its_peaks_and_ends() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|i| (f64::from(i), f64::from(i % 7))).collect();
        points[7777].1 = 99.0;
        points[3333].1 = -99.0;
        let kept = line(&points, 400);
        assert!(kept.len() <= 400);
        assert!([points[0], points[3333], points[7777], points[9999]].iter().all(|point| kept.contains(point)));
        assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_column_keeps_its_outline() {
        let points: Vec<(f64, f64)> = (0..1000).map(|i| (f64::from(i) / 100.0, f64::from(i * 37 % 101))).collect();
        let kept = columns(&points, 1.0);
        assert!(kept.len() <= 40 && kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for column in points.chunks(100) {
            let heights = |points: &[(f64, f64)]| {
                let heights = points.iter().filter(|point| point.0.floor() == column[0].0.floor()).map(|point| point.1);
                let list: Vec<f64> = heights.collect();
                (list.iter().copied().fold(f64::MAX, f64::min), list.iter().copied().fold(f64::MIN, f64::max))
            };
            assert_eq!(heights(&kept), heights(&points));
            assert!(kept.contains(&column[0]) && kept.contains(&column[99]));
        }
        assert_eq!(columns(&points[..1], 1.0), points[..1]);
        assert_eq!(columns(&[], 1.0), []);
    }

    #[test]
    fn samples_keep_their_tails() {
        let samples: Vec<f64> = (0..10_000).map(f64::from).collect();
        let kept = sorted(&samples, 480);
        assert_eq!(kept.len(), 480);
        assert!(kept[..30] == samples[..30] && kept[450..] == samples[9970..]);
        assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
