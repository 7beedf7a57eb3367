//! Resizing along one axis, equal to Pillow's.
//!
//! Pillow computes each axis with 22-bit weights and rounds to bytes after it. The library's own byte path keeps fewer
//! bits of the weights and is off by a level or two when an image grows; its float path, rounded here, is exact but for
//! ties.

use fast_image_resize::images::TypedImage;
use fast_image_resize::pixels::F32x3;
use fast_image_resize::{ResizeOptions, Resizer};

use crate::Error;

/// Rows that are widened to floats at a time: what bounds the memory for an image of many megapixels.
const BAND: u32 = 64;

/// Part of an axis, in source pixels: where it starts and how long it is.
pub(crate) type Window = (f64, f64);

/// Bytes of an image, three a pixel.
#[derive(Clone, Copy)]
pub(crate) struct Pixels<'a> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bytes: &'a [u8],
}

/// Resizes every row: the part `window` of it becomes `width` pixels.
pub(crate) fn rows(image: Pixels<'_>, window: Window, width: u32, how: &ResizeOptions) -> Result<Vec<u8>, Error> {
    let mut resizer = Resizer::new();
    let mut out = Vec::with_capacity(width as usize * image.height as usize * 3);
    for band in image.bytes.chunks(BAND as usize * image.width as usize * 3) {
        let height = (band.len() / 3) as u32 / image.width;
        let mut wide = TypedImage::new(width, height);
        let how = how.crop(window.0, 0.0, window.1, f64::from(height));
        resizer.resize_typed(&widen(image.width, height, band), &mut wide, &how)?;
        round(&wide, &mut out);
    }
    Ok(out)
}

/// Resizes every column: the part `window` of it becomes `height` pixels.
pub(crate) fn columns(image: Pixels<'_>, window: Window, height: u32, how: &ResizeOptions) -> Result<Vec<u8>, Error> {
    let mut tall = TypedImage::new(image.width, height);
    let how = how.crop(0.0, window.0, f64::from(image.width), window.1);
    Resizer::new().resize_typed(&widen(image.width, image.height, image.bytes), &mut tall, &how)?;
    let mut out = Vec::with_capacity(image.width as usize * height as usize * 3);
    round(&tall, &mut out);
    Ok(out)
}

fn widen(width: u32, height: u32, bytes: &[u8]) -> TypedImage<'static, F32x3> {
    let mut image = TypedImage::new(width, height);
    for (pixel, bytes) in image.pixels_mut().iter_mut().zip(bytes.as_chunks().0) {
        *pixel = F32x3::new(<[u8; 3]>::map(*bytes, f32::from));
    }
    image
}

fn round(image: &TypedImage<'_, F32x3>, out: &mut Vec<u8>) {
    // The cast saturates and cuts off: negative overshoots become 0, those above 255 become 255.
    out.extend(image.pixels().iter().flat_map(|pixel| pixel.0.map(|value| (value + 0.5) as u8)));
}
