//! The handwritten digits that are compiled in (`assets/README.md`): a data set for tests and first tries.

use crate::RgbImage;

/// Pixels on each side of a digit.
const SIDE: usize = 8;

/// The largest ink.
const INK: u16 = 16;

/// Pixels and label of each digit, which the build script has checked.
static DIGITS: &[u8; (SIDE * SIDE + 1) * 1797] = include_bytes!(concat!(env!("OUT_DIR"), "/digits.bin"));

fn digits() -> &'static [[u8; SIDE * SIDE + 1]] {
    DIGITS.as_chunks().0
}

/// Number of digits.
pub(super) fn len() -> usize {
    digits().len()
}

/// Which digit it is.
pub(super) fn label(index: usize) -> Option<u32> {
    digits().get(index).map(|digit| u32::from(digit[SIDE * SIDE]))
}

/// White ink on black: the ink, from 0 to 16, scaled to bytes and rounded.
pub(super) fn image(index: usize) -> Option<RgbImage> {
    let (pixels, _) = digits().get(index)?.split_at(SIDE * SIDE);
    let level = |ink: u8| ((u16::from(ink) * 255 + INK / 2) / INK) as u8;
    let pixels = pixels.iter().flat_map(|&ink| [level(ink); 3]).collect();
    RgbImage::new(SIDE as u32, SIDE as u32, pixels).ok()
}
