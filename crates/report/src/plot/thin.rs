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
    for points in points.chunks(stretch) {
        let by_height = |a: &usize, b: &usize| points[*a].1.total_cmp(&points[*b].1);
        let lowest = (0..points.len()).min_by(by_height).unwrap_or(0);
        let highest = (0..points.len()).max_by(by_height).unwrap_or(0);
        let mut indices = [0, lowest, highest, points.len() - 1];
        indices.sort_unstable();
        let mut before = None;
        for index in indices {
            if before != Some(index) {
                kept.push(points[index]);
            }
            before = Some(index);
        }
    }
    kept
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
    fn samples_keep_their_tails() {
        let samples: Vec<f64> = (0..10_000).map(f64::from).collect();
        let kept = sorted(&samples, 480);
        assert_eq!(kept.len(), 480);
        assert!(kept[..30] == samples[..30] && kept[450..] == samples[9970..]);
        assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
