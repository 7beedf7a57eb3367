//! Decodes a JPEG or PNG file, turns it as its orientation says, and makes an input of it.

use bossnas_data::{DecodeOptions, Limits, decode_with, transform};
use bossnas_model::preprocess::Preprocessing;

pub(crate) fn run(data: &[u8]) {
    let limits = Limits { max_side: 400, max_pixels: 40_000 };
    let Ok(image) = decode_with(data, DecodeOptions { limits, exif: true }) else { return };
    assert!(image.width() <= limits.max_side && image.height() <= limits.max_side);
    let how = Preprocessing::published([28, 21]);
    let input = transform::evaluation_input(&image, &how).expect("an image of any size is resized");
    assert!(input.len() == 3 * 28 * 21 && input.iter().all(|value| value.is_finite()));
}
