//! PNG, by the `image` crate.

use std::io::Cursor;

use image::{ImageDecoder, codecs::png::PngDecoder};

use super::pure::rgb;
use super::{Error, Limits, RgbImage};
use crate::orientation::Orientation;

/// Most memory for what is not pixels: a colour profile is compressed, and can be a bomb.
const MAX_METADATA: u64 = 32 << 20;

pub(super) fn decode(bytes: &[u8], limits: Limits) -> Result<(RgbImage, Option<Orientation>), Error> {
    let mut metadata = image::Limits::no_limits();
    metadata.max_alloc = Some(MAX_METADATA);
    let mut decoder = PngDecoder::with_limits(Cursor::new(bytes), metadata).map_err(Error::Decode)?;
    let (width, height) = decoder.dimensions();
    limits.check(width, height)?;
    // A chunk that cannot be read is no reason to refuse the pixels, which are checked on their own.
    let exif = decoder.exif_metadata().ok().flatten();
    let image = RgbImage::new(width, height, rgb(decoder)?)?;
    Ok((image, exif.as_deref().and_then(Orientation::from_exif)))
}
