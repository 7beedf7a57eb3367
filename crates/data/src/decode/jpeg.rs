//! JPEG: which decoder this program was built with, and what is checked before it runs.

use super::survey::survey;
use super::{Error, Limits, Top};
use crate::orientation::Orientation;

/// What decodes JPEG files, decided when the program is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JpegDecoder {
    /// libjpeg, in the form of mozjpeg: the pixels are Pillow's.
    LibJpeg,
    /// The `image` crate's, without C code.
    PureRust,
}

impl JpegDecoder {
    /// A short name for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LibJpeg => "libjpeg",
            Self::PureRust => "pure Rust",
        }
    }

    /// One sentence for reports: what its pixels are worth.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::LibJpeg => "JPEG files are decoded by libjpeg (mozjpeg): the pixels are Pillow's, byte for byte.",
            Self::PureRust => {
                "JPEG files are decoded by a decoder in pure Rust: pixels differ from Pillow's by up to 16 grey levels, \
                 inks (CMYK) by more, and files that are cut off are not noticed."
            }
        }
    }
}

/// The decoder of JPEG files that was built in.
pub const fn jpeg_decoder() -> JpegDecoder {
    if cfg!(feature = "libjpeg") { JpegDecoder::LibJpeg } else { JpegDecoder::PureRust }
}

/// Most passes over the whole image that are paid for, in pixels. A camera's progressive file has ten passes or so: that
/// many over an image of the largest size that is allowed are far below this. A file of a few kilobytes can ask for
/// thousands.
const MAX_SCANNED: u64 = 3_000_000_000;

/// Limits of one file: its own size, and the work that its number of scans makes of it.
#[derive(Clone, Copy)]
pub(super) struct Checks {
    limits: Limits,
    scans: u64,
}

impl Checks {
    /// Called with the size that the header states, before anything of that size is allocated.
    pub(super) fn check(self, width: u32, height: u32) -> Result<(), Error> {
        self.limits.check(width, height)?;
        let pixels = u64::from(width) * u64::from(height);
        if self.scans > 1 && self.scans.saturating_mul(pixels) > MAX_SCANNED {
            return Err(Error::Scans { width, height, scans: self.scans, limit: MAX_SCANNED / pixels });
        }
        Ok(())
    }
}

/// What the file says about its orientation.
pub(super) fn orientation(bytes: &[u8]) -> Option<Orientation> {
    survey(bytes).exif.and_then(Orientation::from_exif)
}

/// Decodes at least so many rows as `rows` says of an image of this height and width.
pub(super) fn decode(bytes: &[u8], limits: Limits, rows: impl FnOnce([u32; 2]) -> u32) -> Result<Top, Error> {
    let checks = Checks { limits, scans: survey(bytes).scans };
    #[cfg(feature = "libjpeg")]
    return super::libjpeg::decode(bytes, checks, rows);
    #[cfg(not(feature = "libjpeg"))]
    {
        let _ = rows;
        super::pure::decode_jpeg(bytes, checks).map(Top::all)
    }
}
