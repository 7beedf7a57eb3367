//! Pillow's `GaussianBlur`: three box blurs in each direction, whose ends count in part, rounded to bytes after each
//! (Gwosdek, Grewenig, Bruhn, Weickert: Theoretical Foundations of Gaussian Convolution by Extended Box Filtering, 2011).

use super::planes::Planes;
use crate::sums::{Pair, STRETCH, Sums};

/// Box blurs that make one Gaussian.
const PASSES: usize = 3;

/// Bits after the point of a weight.
const POINT: u32 = 24;

/// Blurs all colours. Beyond the border a view goes on as it ends.
pub(crate) fn gaussian(view: &mut Planes, sigma: f64) {
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

/// A box: the neighbours from `-reach` to `reach` have the weight `middle`, but for those at both ends.
struct BoxBlur {
    reach: usize,
    middle: i32,
    end: i32,
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
        Self { reach: inside as usize + 1, middle: middle as i32, end: end as i32 }
    }

    /// The weights of the neighbours from `-reach` to `reach`, two by two.
    fn pairs(&self) -> Vec<Pair<POINT>> {
        let mut weights = vec![self.middle; 2 * self.reach + 1];
        weights[0] = self.end;
        weights[2 * self.reach] = self.end;
        let pair = |pair: &[i32]| Pair::new(pair[0], pair.get(1).copied().unwrap_or(0));
        weights.chunks(2).map(pair).collect()
    }

    /// Every byte becomes the sum over its neighbours, which are `step` bytes apart. Of the first and the last bytes, which
    /// have not all neighbours, nothing useful becomes.
    fn apply(&self, from: &[u8], to: &mut [u8], step: usize) {
        let weights = self.pairs();
        let margin = self.reach * step;
        let count = (from.len() - 2 * margin) / STRETCH;
        let lines: Vec<&[[u8; STRETCH]]> =
            (0..=2 * self.reach).map(|k| &from[k * step..].as_chunks().0[..count]).collect();
        let (out, _) = to[margin..].as_chunks_mut();
        for (at, out) in out[..count].iter_mut().enumerate() {
            let mut sums = Sums::new();
            for (&weights, pair) in weights.iter().zip(lines.chunks(2)) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RgbImage;
    use proptest::prelude::*;

    /// One box blur of one line, weight by weight.
    fn plainly(line: &[u8], sigma: f32) -> Vec<u8> {
        let blur = BoxBlur::new(sigma);
        let (middle, end) = (i64::from(blur.middle), i64::from(blur.end));
        let at = |x: isize| i64::from(line[x.clamp(0, line.len() as isize - 1) as usize]);
        let reach = blur.reach as isize;
        let sum = |x: isize| {
            let inside: i64 = (x - reach + 1..x + reach).map(at).sum();
            inside * middle + (at(x - reach) + at(x + reach)) * end
        };
        (0..line.len() as isize).map(|x| ((sum(x) + (1 << 23)) >> 24) as u8).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn the_sums_are_those_that_are_computed_plainly(
            width in 1usize..40,
            height in 1usize..40,
            sigma in prop_oneof![0.05..2.5, 2.5..40.0],
            noise in prop::collection::vec(any::<u8>(), 3 * 40 * 40),
        ) {
            let pixels = noise[..3 * width * height].to_vec();
            let image = RgbImage::new(width as u32, height as u32, pixels).unwrap();
            let mut view = Planes::from_pixels(image.pixels(), [height, width], false);
            let before = view.levels().map(<[u8]>::to_vec);
            gaussian(&mut view, sigma);
            for (mut plane, ours) in before.into_iter().zip(view.levels()) {
                for _ in 0..PASSES {
                    plane = plane.chunks(width).flat_map(|row| plainly(row, sigma as f32)).collect();
                }
                for _ in 0..PASSES {
                    let column = |x: usize| plane[x..].iter().step_by(width).copied().collect::<Vec<u8>>();
                    let columns: Vec<Vec<u8>> = (0..width).map(|x| plainly(&column(x), sigma as f32)).collect();
                    plane = (0..height).flat_map(|y| columns.iter().map(move |column| column[y])).collect();
                }
                prop_assert_eq!(&plane, ours);
            }
        }
    }
}
