//! What the `image` crate decoded, brought to eight bits of red, green and blue; and its JPEG decoder, where libjpeg was
//! not built in.

use image::{DynamicImage, ImageDecoder};

use super::Error;

/// JPEG, by the `image` crate.
#[cfg(not(feature = "libjpeg"))]
pub(super) fn decode_jpeg(bytes: &[u8], checks: super::jpeg::Checks) -> Result<super::RgbImage, Error> {
    let decoder = image::codecs::jpeg::JpegDecoder::new(std::io::Cursor::new(bytes)).map_err(Error::Decode)?;
    let (width, height) = decoder.dimensions();
    checks.check(width, height)?;
    super::RgbImage::new(width, height, rgb(decoder)?)
}

/// Decodes, and drops what is not red, green or blue. Of 16 bits a channel the upper eight stay, as in Pillow, which does
/// not round.
pub(super) fn rgb(decoder: impl ImageDecoder) -> Result<Vec<u8>, Error> {
    Ok(match DynamicImage::from_decoder(decoder).map_err(Error::Decode)? {
        DynamicImage::ImageRgb8(rgb) => rgb.into_raw(),
        DynamicImage::ImageLuma8(grey) => grey.pixels().flat_map(|p| [p.0[0]; 3]).collect(),
        DynamicImage::ImageLumaA8(grey) => grey.pixels().flat_map(|p| [p.0[0]; 3]).collect(),
        DynamicImage::ImageRgba8(rgba) => rgba.pixels().flat_map(|p| [p.0[0], p.0[1], p.0[2]]).collect(),
        DynamicImage::ImageLuma16(grey) => grey.pixels().flat_map(|p| [upper(p.0[0]); 3]).collect(),
        DynamicImage::ImageLumaA16(grey) => grey.pixels().flat_map(|p| [upper(p.0[0]); 3]).collect(),
        DynamicImage::ImageRgb16(rgb) => rgb.into_raw().into_iter().map(upper).collect(),
        DynamicImage::ImageRgba16(rgba) => rgba.pixels().flat_map(|p| [p.0[0], p.0[1], p.0[2]].map(upper)).collect(),
        // Neither JPEG nor PNG holds floating-point pixels; the library's enum is open, though.
        other => other.into_rgb8().into_raw(),
    })
}

fn upper(value: u16) -> u8 {
    (value >> 8) as u8
}
