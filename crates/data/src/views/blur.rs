//! Pillow's `GaussianBlur`: three box blurs in each direction, whose ends count in part, rounded to bytes after each
//! (Gwosdek, Grewenig, Bruhn, Weickert: Theoretical Foundations of Gaussian Convolution by Extended Box Filtering, 2011).

use super::planes::Planes;
use crate::sums::{Pair, STRETCH, Sums};

/// Box blurs that make one Gaussian.
const PASSES: usize = 3;

/// Bits after the point of a weight.
const POINT: u32 = 24;

/// Blurs all colours. Beyond the border a view goes on as it ends.
pub(super) fn gaussian(view: &mut Planes, sigma: f64) {
    if sigma <= 0.0 {
        return;
    }
    let blur = BoxBlur::new(sigma as f32);
    let mut field = Field::new(view, blur.reach);
    let mut made = field.bytes.clone();
    for _ in 0..PASSES {
        field.widen_rows();
        blur.apply(&field.bytes, &mut made, 1);
        std::mem::swap(&mut field.bytes, &mut made);
    }
    for _ in 0..PASSES {
        field.widen_columns();
        blur.apply(&field.bytes, &mut made, field.stride);
        std::mem::swap(&mut field.bytes, &mut made);
    }
    field.read(view);
}

/// A box: the weights of the neighbours from `-reach` to `reach`, two by two.
struct BoxBlur {
    reach: usize,
    weights: Vec<Pair<POINT>>,
}

impl BoxBlur {
    /// The box whose blur, so often, has this standard deviation. All of it is Pillow's arithmetic in float32; square root
    /// and floor are of float64.
    fn new(sigma: f32) -> Self {
        let variance = sigma * sigma / PASSES as f32;
        let length = (12.0 * f64::from(variance) + 1.0).sqrt() as f32;
        let whole = ((f64::from(length) - 1.0) / 2.0).floor() as f32;
        let part = (2.0 * whole + 1.0) * (whole * (whole + 1.0) - 3.0 * variance);
        let part = part / (6.0 * (variance - (whole + 1.0) * (whole + 1.0)));
        let radius = whole + part;

        let inside = radius as u32;
        let middle = ((1_u32 << POINT) as f32 / (radius * 2.0 + 1.0)) as u32;
        let end = ((1 << POINT) - (inside * 2 + 1) * middle) / 2;
        let reach = inside as usize + 1;
        let mut weights = vec![middle as i32; 2 * reach + 1];
        weights[0] = end as i32;
        weights[2 * reach] = end as i32;
        let pair = |pair: &[i32]| Pair::new(pair[0], pair.get(1).copied().unwrap_or(0));
        Self { reach, weights: weights.chunks(2).map(pair).collect() }
    }

    /// Every byte becomes the sum over its neighbours, which are `step` bytes apart. Of the first and the last bytes, which
    /// have not all neighbours, nothing useful becomes.
    fn apply(&self, from: &[u8], to: &mut [u8], step: usize) {
        let margin = self.reach * step;
        let count = (from.len() - 2 * margin) / STRETCH;
        let lines: Vec<&[[u8; STRETCH]]> =
            (0..=2 * self.reach).map(|k| &from[k * step..].as_chunks().0[..count]).collect();
        let (out, _) = to[margin..].as_chunks_mut();
        for (at, out) in out[..count].iter_mut().enumerate() {
            let mut sums = Sums::new();
            for (&weights, pair) in self.weights.iter().zip(lines.chunks(2)) {
                // The second neighbour of the last pair has weight zero: any will do.
                sums.add(weights, pair[0][at], pair[pair.len() - 1][at]);
            }
            *out = sums.bytes();
        }
    }
}

/// The three colours one below the other, with a margin of `reach` bytes around each: no neighbour is of another row or
/// colour, and to go over the rows is to go over all bytes.
struct Field {
    height: usize,
    width: usize,
    reach: usize,
    /// From a row to the next.
    stride: usize,
    bytes: Vec<u8>,
}

impl Field {
    fn new(view: &Planes, reach: usize) -> Self {
        let (height, width) = (view.height, view.width);
        let stride = width + 2 * reach;
        // The last stretch may go beyond the last row.
        let bytes = vec![0; 3 * (height + 2 * reach) * stride + STRETCH];
        let mut field = Self { height, width, reach, stride, bytes };
        for (colour, levels) in view.levels().into_iter().enumerate() {
            for (y, levels) in levels.chunks_exact(width).enumerate() {
                let row = field.row(colour, y);
                field.bytes[row + reach..][..width].copy_from_slice(levels);
            }
        }
        field
    }

    /// Where a row begins, with its margin.
    fn row(&self, colour: usize, y: usize) -> usize {
        (colour * (self.height + 2 * self.reach) + self.reach + y) * self.stride
    }

    /// Continues each row to the left and to the right.
    fn widen_rows(&mut self) {
        let (reach, width) = (self.reach, self.width);
        for (colour, y) in (0..3).flat_map(|colour| (0..self.height).map(move |y| (colour, y))) {
            let row = self.row(colour, y);
            let row = &mut self.bytes[row..row + self.stride];
            let (first, last) = (row[reach], row[reach + width - 1]);
            row[..reach].fill(first);
            row[reach + width..].fill(last);
        }
    }

    /// Continues each column upwards and downwards.
    fn widen_columns(&mut self) {
        for colour in 0..3 {
            let (first, last) = (self.row(colour, 0), self.row(colour, self.height - 1));
            for by in (1..=self.reach).map(|rows| rows * self.stride) {
                self.bytes.copy_within(first..first + self.stride, first - by);
                self.bytes.copy_within(last..last + self.stride, last + by);
            }
        }
    }

    fn read(&self, view: &mut Planes) {
        let width = self.width;
        for (colour, levels) in view.levels_mut().into_iter().enumerate() {
            for (y, levels) in levels.chunks_exact_mut(width).enumerate() {
                levels.copy_from_slice(&self.bytes[self.row(colour, y) + self.reach..][..width]);
            }
        }
    }
}
