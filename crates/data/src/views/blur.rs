//! Pillow's `GaussianBlur`: three box blurs in each direction, whose ends count in part, rounded to bytes after each
//! (Gwosdek, Grewenig, Bruhn, Weickert: Theoretical Foundations of Gaussian Convolution by Extended Box Filtering, 2011).

use super::planes::Planes;
use crate::sums::{Pair, STRETCH, Sums};

/// Box blurs that make one Gaussian.
const PASSES: usize = 3;

/// Bits after the point of a weight.
const POINT: u32 = 24;

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

    /// The sums over neighbours, of which `line(k)` are those at distance `k - reach`, for as many bytes as `out` has.
    #[inline]
    fn blur<'a>(&self, line: impl Fn(usize) -> &'a [u8], out: &mut [u8]) {
        for (at, out) in out.chunks_mut(STRETCH).enumerate() {
            let at = at * STRETCH;
            let sixteen = |k: usize| {
                let bytes = &line(k)[at..];
                bytes
                    .first_chunk()
                    .copied()
                    .unwrap_or_else(|| std::array::from_fn(|i| bytes.get(i).copied().unwrap_or(0)))
            };
            let mut sums = Sums::new();
            for (pair, &weights) in self.weights.iter().enumerate() {
                // The second neighbour of the last pair has weight zero: any will do.
                sums.add(weights, sixteen(2 * pair), sixteen((2 * pair + 1).min(2 * self.reach)));
            }
            out.copy_from_slice(&sums.bytes()[..out.len()]);
        }
    }
}

/// Blurs all colours. Beyond the border a view goes on as it ends.
pub(super) fn gaussian(view: &mut Planes, sigma: f64) {
    if sigma <= 0.0 {
        return;
    }
    let blur = BoxBlur::new(sigma as f32);
    let (height, width) = (view.height, view.width);
    let mut row = vec![0; width + 2 * blur.reach];
    let mut other = vec![0; height * width];
    for plane in view.colours_mut() {
        for line in plane.chunks_exact_mut(width) {
            for _ in 0..PASSES {
                let (before, rest) = row.split_at_mut(blur.reach);
                let (middle, after) = rest.split_at_mut(width);
                before.fill(line[0]);
                middle.copy_from_slice(line);
                after.fill(line[width - 1]);
                blur.blur(|k| &row[k..k + width], line);
            }
        }
        for _ in 0..PASSES {
            other.copy_from_slice(plane);
            for (y, line) in plane.chunks_exact_mut(width).enumerate() {
                let neighbour = |k: usize| (y + k).saturating_sub(blur.reach).min(height - 1) * width;
                blur.blur(|k| &other[neighbour(k)..][..width], line);
            }
        }
    }
}
