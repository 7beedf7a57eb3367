//! JPEG and PNG bytes to RGB pixels, as the published weights saw them.
//!
//! The rules are those of Pillow's `convert("RGB")`: transparency is dropped and not composited, grey becomes three equal
//! channels, a palette is looked up, and the EXIF orientation is ignored unless it is asked for. The size is read from
//! the header and checked before anything of that size is allocated.

use crate::orientation::turned;
use crate::{Error, RgbImage};

mod jpeg;
#[cfg(feature = "libjpeg")]
mod libjpeg;
mod png;
mod pure;
mod survey;

pub use jpeg::{JpegDecoder, jpeg_decoder};

/// The largest image that is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most pixels in a row or column.
    pub max_side: u32,
    /// Most pixels in all.
    pub max_pixels: u64,
}

impl Default for Limits {
    /// 100 megapixels, no side over 32768: more than cameras make, 300 MB once decoded.
    fn default() -> Self {
        Self { max_side: 32_768, max_pixels: 100_000_000 }
    }
}

impl Limits {
    fn check(self, width: u32, height: u32) -> Result<(), Error> {
        let Self { max_side, max_pixels } = self;
        if width == 0 || height == 0 {
            return Err(Error::Empty { width, height });
        }
        if width > max_side || height > max_side || u64::from(width) * u64::from(height) > max_pixels {
            return Err(Error::TooLarge { width, height, max_side, max_pixels });
        }
        Ok(())
    }
}

/// How an image is decoded. The default is what the published weights saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeOptions {
    /// The largest image that is decoded.
    pub limits: Limits,
    /// Whether the image is turned as its EXIF orientation says. Files whose orientation is missing or malformed stay as
    /// they are.
    pub exif: bool,
}

/// Decodes the bytes of a JPEG or PNG file. The format is told by the content, never by a file name.
pub fn decode(bytes: &[u8], limits: Limits) -> Result<RgbImage, Error> {
    decode_with(bytes, DecodeOptions { limits, exif: false })
}

/// [`decode()`], with a say about the EXIF orientation.
pub fn decode_with(bytes: &[u8], options: DecodeOptions) -> Result<RgbImage, Error> {
    let (image, orientation) = if bytes.starts_with(b"\xff\xd8\xff") {
        jpeg::decode(bytes, options.limits)?
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        png::decode(bytes, options.limits)?
    } else {
        return Err(Error::UnknownFormat);
    };
    match orientation {
        Some(orientation) if options.exif => turned(image, orientation),
        _ => Ok(image),
    }
}

#[cfg(test)]
mod tests;
