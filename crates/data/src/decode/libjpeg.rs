//! JPEG through libjpeg: mozjpeg, linked statically.
//!
//! What is asked of it is what Pillow asks: the colour space by the number of components, the slow exact transform, smooth
//! upsampling of colours. Four components are taken for Adobe's inverted inks, always, and mixed to RGB by Pillow's formula.
//!
//! Damage is judged as Pillow judges it. A file that ends before its last row is decoded is truncated, an error, and what
//! libjpeg calls an error is one. What it only warns about (a wrong Huffman code, rubbish between segments) is passed
//! over in silence: some files of ImageNet are like that, and the published accuracies count the pixels that come out.
//! libjpeg reports a fatal error by unwinding to here; it neither prints nor ends the process.

#[cfg(panic = "abort")]
compile_error!("libjpeg reports errors by unwinding: build with `panic = \"unwind\"` or without the feature `libjpeg`");

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::panic::{self, AssertUnwindSafe};

use mozjpeg::Decompress;

use super::jpeg::Checks;
use super::{Error, RgbImage, Top};

/// How the wrapper's messages begin; any other panic is a mistake and goes on as one.
const FATAL: &str = "libjpeg fatal error: ";

/// Decodes so many rows as `rows` says of an image of this height and width.
pub(super) fn decode(bytes: &[u8], checks: Checks, rows: impl FnOnce([u32; 2]) -> u32) -> Result<Top, Error> {
    let source = Source { rest: bytes, ended: &Cell::new(false) };
    let ended = source.ended;
    match panic::catch_unwind(AssertUnwindSafe(|| decompress(source, checks, rows))) {
        Ok(result) => result,
        Err(payload) => match payload.downcast_ref::<String>().and_then(|message| message.strip_prefix(FATAL)) {
            Some(_) if ended.get() => Err(Error::Truncated),
            Some(message) => Err(Error::Jpeg { reason: message.to_owned() }),
            None => panic::resume_unwind(payload),
        },
    }
}

fn decompress(source: Source<'_>, checks: Checks, rows: impl FnOnce([u32; 2]) -> u32) -> Result<Top, Error> {
    let ended = source.ended;
    let failed = |error: io::Error| {
        if ended.get() { Error::Truncated } else { Error::Jpeg { reason: error.to_string() } }
    };
    let decompress = Decompress::builder().from_reader(source).map_err(failed)?;
    // Sides of a JPEG have 16 bits.
    let (width, height) = (decompress.width() as u32, decompress.height() as u32);
    checks.check(width, height)?;
    let components = decompress.components().len();
    let mut started = match components {
        1 => decompress.grayscale(),
        3 => decompress.rgb(),
        4 => decompress.to_colorspace(mozjpeg::ColorSpace::JCS_CMYK),
        _ => return Err(Error::Jpeg { reason: format!("it has {components} components") }),
    }
    .map_err(failed)?;
    let rows = rows([height, width]).clamp(1, height);
    let decoded: Vec<u8> = if rows < height {
        let mut decoded = vec![0; rows as usize * width as usize * components];
        started.read_scanlines_into(&mut decoded).map_err(failed)?;
        decoded
    } else {
        let decoded = started.read_scanlines().map_err(failed)?;
        // The rest of the file, up to the marker that ends it. That one may be missing.
        match panic::catch_unwind(AssertUnwindSafe(|| started.finish())) {
            Err(payload) if !ended.get() => panic::resume_unwind(payload),
            _ => {}
        }
        decoded
    };
    let pixels = match components {
        1 => decoded.iter().flat_map(|&grey| [grey; 3]).collect(),
        3 => decoded,
        _ => decoded.as_chunks().0.iter().flat_map(|&inks| mixed(inks)).collect(),
    };
    Ok(Top { image: RgbImage::new(width, rows, pixels)?, size: [height, width] })
}

/// Pillow's mixture of inks. They are stored inverted: 255 is none of it.
fn mixed([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let light = u32::from(black);
    // Rounded division of a product by 255.
    let over_255 = |product: u32| (((product + 128) >> 8) + product + 128) >> 8;
    [cyan, magenta, yellow].map(|ink| light.saturating_sub(over_255((255 - u32::from(ink)) * light)) as u8)
}

/// The bytes of a file, all at once. It notes when more is asked for, and fails: by itself the wrapper would pretend that
/// the image was complete.
struct Source<'a> {
    rest: &'a [u8],
    ended: &'a Cell<bool>,
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.rest.is_empty() {
            self.ended.set(true);
            return Err(io::Error::other("the file ends"));
        }
        Ok(self.rest)
    }

    fn consume(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.rest.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inks_mix_as_in_pillow() {
        // Image.new("CMYK", (1, 1), inks).convert("RGB"), with the inks inverted.
        assert_eq!(mixed([255, 255, 255, 255]), [255, 255, 255]);
        assert_eq!(mixed([0, 255, 255, 255]), [0, 255, 255]);
        assert_eq!(mixed([255, 255, 255, 0]), [0, 0, 0]);
        assert_eq!(mixed([200, 100, 50, 180]), [141, 71, 35]);
    }
}
