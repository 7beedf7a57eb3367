//! Resizing along one axis: Pillow's arithmetic, so that the bytes are Pillow's.
//!
//! A pixel is a weighted sum over a few neighbours. Pillow computes weights in doubles, keeps 22 bits of them, sums whole
//! numbers, and rounds to bytes after each axis. All of that is repeated here; only the order of the sums is another, for
//! the sake of vector instructions ([`sums`](crate::sums)): sixteen rows are resized side by side, and of a column sixteen
//! bytes.
//!
//! Rows come first, then columns, as in all versions of Pillow up to 12. From 13 on it begins with the columns where the
//! height shrinks more than the width does, and then its levels are others.
//!
//! `fast_image_resize` was used before. Its path for bytes keeps fewer bits and is off by up to two levels when an image
//! grows; its float path, rounded between the axes, agrees but for ties and takes twice as long.

use std::ops::Range;

use bossnas_model::preprocess::Interpolation;

use crate::sums::{self, Pair, STRETCH};

/// Bits after the point of a weight.
const POINT: u32 = 22;

type Sums = sums::Sums<POINT>;

/// One axis of a resize: which source pixels make each of the wanted ones, and with what weights.
#[derive(Debug)]
pub(crate) struct Taps {
    pixels: Vec<Tap>,
}

/// The sum that makes a pixel.
#[derive(Debug)]
struct Tap {
    /// The source pixels in it.
    source: Range<usize>,
    /// Their weights, two by two.
    weights: Vec<Pair<POINT>>,
}

impl Taps {
    /// `from` pixels become `to`, of which `count` from `first` on are wanted. All but `first` are positive.
    pub(crate) fn new(how: Interpolation, from: u32, to: u64, first: u64, count: usize) -> Self {
        let filter = match how {
            Interpolation::Bicubic => bicubic,
        };
        let scale = f64::from(from) / to as f64;
        let stretch = scale.max(1.0);
        let support = 2.0 * stretch;
        let tap = |at: u64| {
            let centre = (at as f64 + 0.5) * scale;
            // The casts cut off; below zero they give zero.
            let start = ((centre - support + 0.5) as usize).min(from as usize - 1);
            let end = ((centre + support + 0.5) as usize).clamp(start + 1, from as usize);
            // Pillow multiplies by the inverse, which is not always the same as to divide.
            let weights: Vec<f64> = (start..end).map(|x| filter((x as f64 - centre + 0.5) * (1.0 / stretch))).collect();
            let sum: f64 = weights.iter().sum();
            let whole = |weight: &f64| (weight / sum * f64::from(1 << POINT)).round() as i32;
            let pair = |pair: &[f64]| Pair::new(whole(&pair[0]), pair.get(1).map_or(0, whole));
            Tap { source: start..end, weights: weights.chunks(2).map(pair).collect() }
        };
        Self { pixels: (first..first + count as u64).map(tap).collect() }
    }

    /// The same, of pixels that begin so far inside of a larger image.
    pub(crate) fn shifted(mut self, by: usize) -> Self {
        for tap in &mut self.pixels {
            tap.source = tap.source.start + by..tap.source.end + by;
        }
        self
    }

    /// The source pixels that are read.
    pub(crate) fn reach(&self) -> Range<usize> {
        let start = self.pixels.iter().map(|tap| tap.source.start).min().unwrap_or(0);
        start..self.pixels.iter().map(|tap| tap.source.end).max().unwrap_or(0)
    }
}

/// The cubic that is 1 at 0 and 0 at 1 and 2, with slope -1/2 at 1.
fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// Pixels whose rows are padded to a multiple of [`STRETCH`] bytes.
pub(crate) struct Padded {
    stride: usize,
    bytes: Vec<u8>,
}

/// Resizes every row of `row` bytes, three a pixel.
pub(crate) fn rows(image: &[u8], row: usize, taps: &Taps) -> Padded {
    let stride = (taps.pixels.len() * 3).next_multiple_of(STRETCH);
    let mut out = vec![0; image.len() / row * stride];
    let reach = taps.reach();
    // The same pixel of as many rows side by side; one pixel more, for sums of an odd number.
    let mut group = vec![[[0; STRETCH]; 3]; reach.len() + 1];
    for (image, out) in image.chunks(STRETCH * row).zip(out.chunks_mut(STRETCH * stride)) {
        for (lane, row) in image.chunks_exact(row).enumerate() {
            let pixels = &row.as_chunks::<3>().0[reach.clone()];
            for (group, pixel) in group.iter_mut().zip(pixels) {
                group.as_flattened_mut()[lane * 3..lane * 3 + 3].copy_from_slice(pixel);
            }
        }
        for (at, tap) in taps.pixels.iter().enumerate() {
            let neighbours = &group[tap.source.start - reach.start..];
            let mut levels = [[0; STRETCH]; 3];
            for (part, levels) in levels.iter_mut().enumerate() {
                let mut sums = Sums::new();
                for (&weights, pair) in tap.weights.iter().zip(neighbours.as_chunks::<2>().0) {
                    sums.add(weights, pair[0][part], pair[1][part]);
                }
                *levels = sums.levels();
            }
            for (pixel, out) in levels.as_flattened().as_chunks::<3>().0.iter().zip(out.chunks_exact_mut(stride)) {
                out[at * 3..at * 3 + 3].copy_from_slice(pixel);
            }
        }
    }
    Padded { stride, bytes: out }
}

/// Resizes every column of rows, the first of which is row `top` of the axis; `row` bytes of each are wanted.
pub(crate) fn columns(image: &Padded, row: usize, top: usize, taps: &Taps) -> Vec<u8> {
    let lines: Vec<&[[u8; STRETCH]]> = image.bytes.chunks_exact(image.stride).map(|line| line.as_chunks().0).collect();
    let mut out = Vec::with_capacity(taps.pixels.len() * row);
    let mut wide = vec![[0; STRETCH]; image.stride / STRETCH];
    for tap in &taps.pixels {
        let neighbours = &lines[tap.source.start - top..tap.source.end - top];
        for (at, levels) in wide.iter_mut().enumerate() {
            let mut sums = Sums::new();
            for (&weights, pair) in tap.weights.iter().zip(neighbours.chunks(2)) {
                // A row that is missing has weight zero: any will do.
                sums.add(weights, pair[0][at], pair[pair.len() - 1][at]);
            }
            *levels = sums.levels();
        }
        out.extend_from_slice(&wide.as_flattened()[..row]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same sums, one after the other, in 64 bits.
    fn plainly(values: &[u8], from: usize, to: u64, first: u64, count: usize) -> Vec<u8> {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let pixel = |at: u64| {
            let centre = (at as f64 + 0.5) * scale;
            let start = (centre - 2.0 * stretch + 0.5).max(0.0) as usize;
            let end = ((centre + 2.0 * stretch + 0.5) as usize).min(from);
            let weights: Vec<f64> =
                (start..end).map(|x| bicubic((x as f64 - centre + 0.5) * (1.0 / stretch))).collect();
            let whole: f64 = weights.iter().sum();
            let sum: i64 = weights
                .iter()
                .zip(&values[start..end])
                .map(|(weight, &value)| (weight / whole * 4_194_304.0).round() as i64 * i64::from(value))
                .sum();
            ((sum + (1 << 21)) >> 22).clamp(0, 255) as u8
        };
        (first..first + count as u64).map(pixel).collect()
    }

    fn noise(count: usize, seed: u32) -> Vec<u8> {
        // Mostly black and white: where sums overshoot.
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let byte = (state >> 24) as u8;
            if state & 0x70_0000 == 0 { byte } else { 0_u8.wrapping_sub(byte & 1) }
        };
        (0..count).map(|_| next()).collect()
    }

    #[track_caller]
    fn check(from: u32, to: u64, first: u64, count: usize, other: usize, seed: u32) {
        let taps = Taps::new(Interpolation::Bicubic, from, to, first, count);
        let from = from as usize;
        let image = noise(from * other * 3, seed);
        let line =
            |start: usize, step: usize| image[start..].iter().step_by(step).copied().take(from).collect::<Vec<u8>>();
        // As rows of pixels, and as columns of the transposed image.
        let resized = rows(&image, from * 3, &taps);
        for (y, row) in resized.bytes.chunks(resized.stride).enumerate() {
            for c in 0..3 {
                let ours: Vec<u8> = row[c..].iter().step_by(3).copied().take(count).collect();
                assert_eq!(ours, plainly(&line(y * from * 3 + c, 3), from, to, first, count), "row {y}, colour {c}");
            }
        }
        let row = other * 3;
        let stride = row.next_multiple_of(STRETCH);
        let read = taps.reach();
        let bytes: Vec<u8> = image.chunks(row).skip(read.start).take(read.len()).fold(Vec::new(), |mut all, row| {
            all.extend_from_slice(row);
            all.resize(all.len().next_multiple_of(STRETCH), 77);
            all
        });
        let resized = columns(&Padded { stride, bytes }, row, read.start, &taps);
        assert_eq!(resized.len(), count * row);
        for x in 0..row {
            let ours: Vec<u8> = resized[x..].iter().step_by(row).copied().collect();
            assert_eq!(ours, plainly(&line(x, row), from, to, first, count), "column {x}");
        }
    }

    #[test]
    fn a_sum_over_thousands_of_neighbours_does_not_overflow() {
        for seed in 0..4 {
            check(20_000, 1, 0, 1, 1, seed);
            check(9_999, 2, 1, 1, 2, seed);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn the_sums_are_those_that_are_computed_plainly(
            from in 1u32..90,
            to in 1u64..120,
            part in (0.0..1.0, 0.0..1.0),
            other in 1usize..21,
            seed in any::<u32>(),
        ) {
            let first = (to as f64 * part.0) as u64;
            let count = 1 + ((to - first - 1) as f64 * part.1) as usize;
            check(from, to, first, count, other, seed);
        }
    }
}
