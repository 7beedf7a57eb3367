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
    Ok(decode_top(bytes, options, |[height, _]| height)?.image)
}

/// The upper part of an image, as far down as somebody looks, or more of it.
#[derive(Debug)]
pub(crate) struct Top {
    pub(crate) image: RgbImage,
    /// Height and width of all of the image.
    pub(crate) size: [u32; 2],
}

impl Top {
    /// Of an image that is there already.
    pub(crate) fn all(image: RgbImage) -> Self {
        Self { size: [image.height(), image.width()], image }
    }
}

/// Decodes so many rows as `rows` says, which is told height and width. Half of the work on a photograph is reading codes one
/// after the other, so what is below a crop costs much and is worth nothing. What is damaged there is not noticed.
///
/// Only JPEG files that are not turned end early.
pub(crate) fn decode_top(
    bytes: &[u8],
    options: DecodeOptions,
    rows: impl FnOnce([u32; 2]) -> u32,
) -> Result<Top, Error> {
    let (image, orientation) = if bytes.starts_with(b"\xff\xd8\xff") {
        match jpeg::orientation(bytes) {
            Some(orientation) if options.exif => {
                (jpeg::decode(bytes, options.limits, |[height, _]| height)?.image, Some(orientation))
            }
            _ => return jpeg::decode(bytes, options.limits, rows),
        }
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        png::decode(bytes, options.limits)?
    } else {
        return Err(Error::UnknownFormat);
    };
    Ok(Top::all(match orientation {
        Some(orientation) if options.exif => turned(image, orientation)?,
        _ => image,
    }))
}

#[cfg(test)]
mod tests;
