//! The evaluation transform: an image of any size becomes `[3, height, width]` normalised float32 numbers.
//!
//! Resizing equals Pillow's antialiased bicubic: first every row is resized and rounded to bytes, then every column
//! (keeping the fractions in between differs by several grey levels). Only the part that the centre crop keeps is
//! computed, so that an image a thousand times as long as wide costs no more than any other.

use bossnas_model::preprocess::Preprocessing;

use crate::resample::{self, Taps};
use crate::{Error, RgbImage};

/// One network input: `[1, 3, height, width]` numbers, ready to be fed to a network.
pub fn evaluation_input(image: &RgbImage, how: &Preprocessing) -> Result<Vec<f32>, Error> {
    Ok(normalise(&resize_and_crop(image, how)?, how))
}

/// The pixels a network would see: resized to cover `how.resize`, the centre `how.size` cut out.
pub fn resize_and_crop(image: &RgbImage, how: &Preprocessing) -> Result<RgbImage, Error> {
    let covering = covering_size([image.height(), image.width()], how)?;
    let [vertical, horizontal] = [0, 1].map(|axis| {
        let first = centre_offset(covering[axis], how.size[axis] as u64);
        let from = [image.height(), image.width()][axis];
        Taps::new(how.interpolation, from, covering[axis], first, how.size[axis])
    });
    // The first step resizes only the rows that the second one reads.
    let read = vertical.reach();
    let row = image.width() as usize * 3;
    let rows = resample::rows(&image.pixels()[read.start * row..read.end * row], row, &horizontal);
    let pixels = resample::columns(&rows, how.size[1] * 3, read.start, &vertical);
    RgbImage::new(how.size[1] as u32, how.size[0] as u32, pixels)
}

/// Scales bytes to `[0, 1]` and normalises them, in float32 and in the order of torchvision's `ToTensor` and `Normalize`.
/// Colours move outside: `[3, height, width]`.
pub fn normalise(image: &RgbImage, how: &Preprocessing) -> Vec<f32> {
    let mut out = Vec::with_capacity(image.pixels().len());
    for (channel, (&mean, &std)) in how.mean.iter().zip(&how.std).enumerate() {
        let table: [f32; 256] = std::array::from_fn(|byte| (byte as f32 / 255.0 - mean as f32) / std as f32);
        out.extend(image.pixels()[channel..].iter().step_by(3).map(|&byte| table[usize::from(byte)]));
    }
    out
}

/// Height and width of the smallest image of the same proportions that covers `how.resize`; fractions are cut off as in
/// torchvision's `Resize`.
fn covering_size(image: [u32; 2], how: &Preprocessing) -> Result<[u64; 2], Error> {
    let [image_h, image_w] = image.map(u64::from);
    let [box_h, box_w] = how.resize.map(|side| side as u64);
    let refuse = || Error::Geometry { size: how.size, resize: how.resize };
    let fits = |size: usize, resize: usize| 0 < size && size <= resize && u32::try_from(resize).is_ok();
    if !(0..2).all(|axis| fits(how.size[axis], how.resize[axis])) {
        return Err(refuse());
    }
    // Both products are below 2^64: a side of an image and one of the box are 32 bits each.
    Ok(if box_h * image_w >= box_w * image_h {
        [box_h, box_h * image_w / image_h]
    } else {
        [box_w * image_h / image_w, box_w]
    })
}

/// Where a centre crop begins: half the difference, by Python's `round`, which takes a tie to the even neighbour.
fn centre_offset(whole: u64, part: u64) -> u64 {
    let difference = whole.saturating_sub(part);
    let half = difference / 2;
    half + (difference % 2) * (half % 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(side: usize) -> Preprocessing {
        Preprocessing::published([side, side])
    }

    #[test]
    fn a_crop_offset_rounds_ties_to_even() {
        let offsets: Vec<u64> = [0, 1, 2, 3, 4, 5, 7].map(|d| centre_offset(100 + d, 100)).to_vec();
        assert_eq!(offsets, [0, 0, 1, 2, 2, 2, 4]);
    }

    #[test]
    fn the_short_side_becomes_the_resize_side_and_the_long_one_is_cut_off() {
        assert_eq!(covering_size([375, 500], &published(224)).unwrap(), [256, 341]);
        assert_eq!(covering_size([500, 375], &published(288)).unwrap(), [438, 329]);
    }

    #[test]
    fn an_input_that_is_not_square_is_covered_on_both_axes() {
        let how = Preprocessing::published([224, 448]);
        for image in [[300, 300], [200, 900], [900, 200], [1, 1]] {
            let [h, w] = covering_size(image, &how).unwrap();
            assert!(h >= 256 && w >= 512 && (h == 256 || w == 512), "{image:?} -> {h} x {w}");
        }
        let image = RgbImage::new(40, 30, vec![90; 3600]).unwrap();
        let cropped = resize_and_crop(&image, &how).unwrap();
        assert_eq!((cropped.height(), cropped.width()), (224, 448));
        assert!(cropped.pixels().iter().all(|&p| p == 90));
    }

    #[test]
    fn an_image_of_the_right_size_is_only_cropped() {
        let pixels: Vec<u8> = (0..256 * 256 * 3).map(|i| (i * 7 % 251) as u8).collect();
        let image = RgbImage::new(256, 256, pixels).unwrap();
        let cropped = resize_and_crop(&image, &published(224)).unwrap();
        let first = (16 * 256 + 16) * 3;
        assert_eq!(cropped.pixels()[..672], image.pixels()[first..first + 672]);
    }

    #[test]
    fn a_very_long_image_costs_no_more_than_another() {
        // Resized as a whole this would be 256 x 8,388,608 pixels, 6 GB.
        for (width, height) in [(32_768, 1), (1, 32_768)] {
            let image = RgbImage::new(width, height, vec![200; 3 * 32_768]).unwrap();
            let cropped = resize_and_crop(&image, &published(224)).unwrap();
            assert!(cropped.pixels().iter().all(|&p| p == 200));
        }
    }

    #[test]
    fn a_crop_larger_than_the_resized_image_is_refused() {
        let image = RgbImage::new(4, 4, vec![0; 48]).unwrap();
        for (size, resize) in [([8, 8], [7, 8]), ([0, 8], [8, 8]), ([1, 1], [1, usize::MAX])] {
            let how = Preprocessing { size, resize, ..published(224) };
            assert!(matches!(resize_and_crop(&image, &how), Err(Error::Geometry { .. })), "{size:?} {resize:?}");
        }
    }

    #[test]
    fn normalising_moves_colours_outside() {
        let image = RgbImage::new(2, 1, vec![0, 255, 51, 102, 0, 0]).unwrap();
        let how = Preprocessing { mean: [0.5, 0.0, 0.2], std: [0.5, 1.0, 0.1], ..published(224) };
        let expected = [-1.0, -0.2, 1.0, 0.0, 0.0, -2.0];
        for (x, y) in normalise(&image, &how).iter().zip(expected) {
            assert!((x - y).abs() < 1e-6, "{x} {y}");
        }
    }
}
