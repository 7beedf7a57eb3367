//! A decoded image.

use crate::Error;

/// An image of at least one pixel, three bytes (red, green, blue) a pixel, row by row from the top left.
#[derive(Clone, PartialEq, Eq)]
pub struct RgbImage {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl RgbImage {
    /// An image from its bytes.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self, Error> {
        if width == 0 || height == 0 {
            return Err(Error::Empty { width, height });
        }
        if u128::from(width) * u128::from(height) * 3 != pixels.len() as u128 {
            return Err(Error::WrongLength { width, height, bytes: pixels.len() });
        }
        Ok(Self { width, height, pixels })
    }

    /// Pixels in a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Number of rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All pixels, `[height, width, 3]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

impl std::fmt::Debug for RgbImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RgbImage({} x {})", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_three_bytes_a_pixel_and_at_least_one_pixel() {
        assert!(RgbImage::new(2, 1, vec![0; 6]).is_ok());
        assert!(matches!(RgbImage::new(2, 1, vec![0; 8]), Err(Error::WrongLength { bytes: 8, .. })));
        assert!(matches!(RgbImage::new(u32::MAX, u32::MAX, vec![]), Err(Error::WrongLength { .. })));
        assert!(matches!(RgbImage::new(0, 5, vec![]), Err(Error::Empty { .. })));
    }
}
