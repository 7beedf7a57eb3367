//! Pillow's `ImageEnhance.Sharpness`: each level moves away from its smoothed neighbourhood or towards it.

use super::colour::blend;
use super::planes::Planes;

/// The middle counts so often in a neighbourhood of nine, whose other members count once.
const MIDDLE: u16 = 5;

/// What the members of a neighbourhood count together.
const WHOLE: u16 = 13;

/// Away from the smoothed view (above 1) or towards it, by a factor.
pub(crate) fn sharpen(view: &mut Planes, factor: f64) {
    let mut smooth = view.clone();
    for (levels, smooth) in view.levels().into_iter().zip(smooth.levels_mut()) {
        smoothed(levels, view.width, smooth);
    }
    blend(view.stretches_mut(), smooth.stretches_mut().iter().copied(), factor);
}

/// Pillow's filter `SMOOTH`. What lies at the border stays, so that of a view which is all border nothing changes.
fn smoothed(levels: &[u8], width: usize, smooth: &mut [u8]) {
    let rows: Vec<&[u8]> = levels.chunks_exact(width).collect();
    if width < 3 {
        return;
    }
    let mut sums = vec![0_u16; width];
    for (three, out) in rows.windows(3).zip(smooth.chunks_exact_mut(width).skip(1)) {
        let [above, middle, below] = [three[0], three[1], three[2]].map(|row| &row[..width]);
        for (x, sum) in sums.iter_mut().enumerate() {
            *sum = u16::from(above[x]) + u16::from(middle[x]) + u16::from(below[x]);
        }
        let columns = sums.windows(3).zip(&middle[1..]);
        for ((sums, &middle), out) in columns.zip(&mut out[1..]) {
            let sum = sums[0] + sums[1] + sums[2] + (MIDDLE - 1) * u16::from(middle);
            // Rounded to the nearest; there are no ties, since the divisor is odd. Pillow's floats give the same.
            *out = ((2 * sum + WHOLE) / (2 * WHOLE)) as u8;
        }
    }
}
