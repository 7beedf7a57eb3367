//! The orientation that a camera noted in EXIF data, and turning an image by it.
//!
//! The published weights never saw it honoured: torchvision's folders of images ignore it. It is honoured only where that
//! is asked for.

use image::metadata::Orientation as Metadata;

use crate::{Error, RgbImage};

/// How a stored image must be turned to stand upright; the numbers are EXIF's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Orientation {
    /// As it is.
    Upright = 1,
    /// Left and right change places.
    Mirrored = 2,
    /// Turned by half.
    HalfTurn = 3,
    /// Top and bottom change places.
    UpsideDown = 4,
    /// Rows become columns.
    Transposed = 5,
    /// Turned clockwise by a quarter.
    Clockwise = 6,
    /// Rows become columns, from the other corner.
    Transversed = 7,
    /// Turned counter-clockwise by a quarter.
    Counterclockwise = 8,
}

impl Orientation {
    /// From the TIFF structure that EXIF data is. `None` where it says nothing, nothing valid, or is malformed.
    pub fn from_exif(tiff: &[u8]) -> Option<Self> {
        Metadata::from_exif_chunk(tiff).map(|found| match found {
            Metadata::NoTransforms => Self::Upright,
            Metadata::FlipHorizontal => Self::Mirrored,
            Metadata::Rotate180 => Self::HalfTurn,
            Metadata::FlipVertical => Self::UpsideDown,
            Metadata::Rotate90FlipH => Self::Transposed,
            Metadata::Rotate90 => Self::Clockwise,
            Metadata::Rotate270FlipH => Self::Transversed,
            Metadata::Rotate270 => Self::Counterclockwise,
        })
    }

    /// Whether width and height change places.
    const fn swaps_axes(self) -> bool {
        self as u8 > 4
    }

    /// Where the pixel at row `y`, column `x` of a stored image of `height` x `width` pixels stands once it is turned.
    const fn place(self, [y, x]: [usize; 2], [height, width]: [usize; 2]) -> [usize; 2] {
        let (up, left) = (height - 1 - y, width - 1 - x);
        match self {
            Self::Upright => [y, x],
            Self::Mirrored => [y, left],
            Self::HalfTurn => [up, left],
            Self::UpsideDown => [up, x],
            Self::Transposed => [x, y],
            Self::Clockwise => [x, up],
            Self::Transversed => [left, up],
            Self::Counterclockwise => [left, y],
        }
    }
}

/// The image, upright.
pub(crate) fn turned(image: RgbImage, orientation: Orientation) -> Result<RgbImage, Error> {
    if orientation == Orientation::Upright {
        return Ok(image);
    }
    let stored = [image.height() as usize, image.width() as usize];
    let [height, width] = if orientation.swaps_axes() { [stored[1], stored[0]] } else { stored };
    let mut pixels = vec![[0; 3]; height * width];
    for (at, pixel) in image.pixels().as_chunks().0.iter().enumerate() {
        let [y, x] = orientation.place([at / stored[1], at % stored[1]], stored);
        pixels[y * width + x] = *pixel;
    }
    RgbImage::new(width as u32, height as u32, pixels.into_flattened())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Orientation; 8] = [
        Orientation::Upright,
        Orientation::Mirrored,
        Orientation::HalfTurn,
        Orientation::UpsideDown,
        Orientation::Transposed,
        Orientation::Clockwise,
        Orientation::Transversed,
        Orientation::Counterclockwise,
    ];

    /// EXIF data with one entry, in both byte orders.
    fn exif(big: bool, tag: u16, kind: u16, count: u32, value: u16) -> Vec<u8> {
        let two = |x: u16| if big { x.to_be_bytes() } else { x.to_le_bytes() };
        let four = |x: u32| if big { x.to_be_bytes() } else { x.to_le_bytes() };
        let mut bytes = if big { b"MM".to_vec() } else { b"II".to_vec() };
        bytes.extend(two(42));
        bytes.extend(four(8));
        bytes.extend(two(1));
        bytes.extend([two(tag), two(kind)].concat());
        bytes.extend(four(count));
        bytes.extend([two(value), two(0)].concat());
        bytes
    }

    #[test]
    fn the_eight_values_are_read_in_both_byte_orders() {
        for (orientation, value) in ALL.into_iter().zip(1..) {
            assert_eq!(orientation as u16, value);
            for big in [false, true] {
                assert_eq!(Orientation::from_exif(&exif(big, 0x112, 3, 1, value)), Some(orientation));
            }
        }
    }

    #[test]
    fn what_is_malformed_says_nothing() {
        let good = exif(false, 0x112, 3, 1, 6);
        for cut in 0..good.len() {
            assert_eq!(Orientation::from_exif(&good[..cut]), None, "cut at {cut}");
        }
        let bad = [(0x112, 3, 1, 0), (0x112, 3, 1, 9), (0x112, 3, 2, 6), (0x112, 4, 1, 6), (0x111, 3, 1, 6)];
        for (tag, kind, count, value) in bad {
            assert_eq!(Orientation::from_exif(&exif(true, tag, kind, count, value)), None);
        }
        let mut far = good;
        far[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Orientation::from_exif(&far), None);
    }

    #[test]
    fn an_image_is_turned_as_pillow_does_it() {
        // ImageOps.exif_transpose of a row of three pixels over another.
        let image = RgbImage::new(3, 2, (1..=6).flat_map(|v| [v; 3]).collect()).unwrap();
        let expected: [(u32, [u8; 6]); 8] = [
            (3, [1, 2, 3, 4, 5, 6]),
            (3, [3, 2, 1, 6, 5, 4]),
            (3, [6, 5, 4, 3, 2, 1]),
            (3, [4, 5, 6, 1, 2, 3]),
            (2, [1, 4, 2, 5, 3, 6]),
            (2, [4, 1, 5, 2, 6, 3]),
            (2, [6, 3, 5, 2, 4, 1]),
            (2, [3, 6, 2, 5, 1, 4]),
        ];
        for (orientation, (width, values)) in ALL.into_iter().zip(expected) {
            let turned = turned(image.clone(), orientation).unwrap();
            assert_eq!((turned.width(), turned.height()), (width, 6 / width));
            let seen: Vec<u8> = turned.pixels().iter().step_by(3).copied().collect();
            assert_eq!(seen, values, "{orientation:?}");
        }
    }
}
