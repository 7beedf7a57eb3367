//! What commands that read images have in common.

use bossnas_data::{DecodeOptions, JpegDecoder, jpeg_decoder};
use bossnas_report::Console;

/// How images are decoded.
pub(crate) fn options(exif: bool) -> DecodeOptions {
    DecodeOptions { exif, ..DecodeOptions::default() }
}

/// Says so where JPEG files are not decoded as the reference does it.
pub(crate) fn note_decoder(console: Console) {
    if jpeg_decoder() == JpegDecoder::PureRust {
        console.warn(format_args!("JPEG files: {}", jpeg_decoder().sentence()));
    }
}
