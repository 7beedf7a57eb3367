//! PNG, by the `image` crate.

use std::io::Cursor;

use image::{ImageDecoder, codecs::png::PngDecoder};

use super::pure::rgb;
use super::{Error, Limits, RgbImage};
use crate::orientation::Orientation;

pub(super) fn decode(bytes: &[u8], limits: Limits) -> Result<(RgbImage, Option<Orientation>), Error> {
    let mut decoder = PngDecoder::new(Cursor::new(bytes)).map_err(Error::Decode)?;
    let (width, height) = decoder.dimensions();
    limits.check(width, height)?;
    // A chunk that cannot be read is no reason to refuse the pixels, which are checked on their own.
    let exif = decoder.exif_metadata().ok().flatten();
    let image = RgbImage::new(width, height, rgb(decoder)?)?;
    Ok((image, exif.as_deref().and_then(Orientation::from_exif)))
}
