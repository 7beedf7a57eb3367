//! Writing images, for those who want to look at what a data set holds.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::{Error, RgbImage};

/// The image as a PNG file, which decodes to the same pixels.
pub fn encode_png(image: &RgbImage) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(image.pixels(), image.width(), image.height(), ExtendedColorType::Rgb8)
        .map_err(Error::Encode)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, decode};

    #[test]
    fn an_image_comes_back_pixel_for_pixel() {
        let pixels = (0..7 * 5 * 3).map(|i| (i * 37 % 256) as u8).collect();
        let image = RgbImage::new(7, 5, pixels).unwrap();
        assert_eq!(decode(&encode_png(&image).unwrap(), Limits::default()).unwrap(), image);
    }
}
