//! Small images of every kind against what Pillow makes of them, and files that are damaged on purpose.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::time::Instant;

use bossnas_data::{DecodeOptions, Error, JpegDecoder, Limits, RgbImage, decode, decode_with, jpeg_decoder};
use proptest::prelude::*;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images").join(name)).unwrap()
}

fn expected(name: &str) -> RgbImage {
    decode(&file(&format!("{name}.expected.png")), Limits::default()).unwrap()
}

/// Equal bytes, or close ones where the decoder is another than Pillow's.
#[track_caller]
fn is_pillows(image: &RgbImage, name: &str) {
    let expected = expected(name);
    assert_eq!((image.width(), image.height()), (expected.width(), expected.height()), "{name}");
    match jpeg_decoder() {
        JpegDecoder::LibJpeg => assert!(image == &expected, "{name}: the pixels differ"),
        JpegDecoder::PureRust => {
            let levels = image.pixels().iter().zip(expected.pixels()).map(|(a, b)| u32::from(a.abs_diff(*b)));
            assert!(levels.sum::<u32>() as usize <= 6 * image.pixels().len(), "{name}: the pixels differ");
        }
    }
}

#[test]
fn every_kind_of_jpeg_is_decoded_as_pillow_does_it() {
    for name in ["baseline_420", "progressive_422", "restarts_444", "grey", "cmyk", "ycck"] {
        // The other decoder does not invert the inks of Adobe's files.
        if jpeg_decoder() == JpegDecoder::LibJpeg || !matches!(name, "cmyk" | "ycck") {
            is_pillows(&decode(&file(&format!("{name}.jpg")), Limits::default()).unwrap(), name);
        }
    }
}

#[test]
fn every_orientation_is_honoured_where_that_is_asked_for_and_only_there() {
    let honoured = DecodeOptions { exif: true, ..DecodeOptions::default() };
    for orientation in 1..=8 {
        let bytes = file(&format!("orientation_{orientation}.jpg"));
        is_pillows(&decode_with(&bytes, honoured).unwrap(), &format!("orientation_{orientation}"));
        is_pillows(&decode(&bytes, Limits::default()).unwrap(), "orientation_1");
    }
    let bytes = file("orientation_png.png");
    assert_eq!(decode_with(&bytes, honoured).unwrap(), expected("orientation_png"));
    assert_eq!(decode(&bytes, Limits::default()).unwrap().width(), 41);
}

#[test]
fn a_jpeg_that_ends_too_early_is_truncated() {
    for name in ["baseline_420.jpg", "progressive_422.jpg", "restarts_444.jpg", "grey.jpg", "cmyk.jpg"] {
        let whole = file(name);
        for cut in 3..whole.len() {
            // Without libjpeg, the decoder makes up what is missing.
            let error = match (decode(&whole[..cut], Limits::default()), jpeg_decoder()) {
                (Err(error), JpegDecoder::LibJpeg) => error,
                (Ok(_), JpegDecoder::LibJpeg) => unreachable!("{name} cut at {cut} of {} is decoded", whole.len()),
                (_, JpegDecoder::PureRust) => continue,
            };
            assert!(matches!(error, Error::Truncated), "{name} cut at {cut}: {error}");
        }
        let longer = [whole.clone(), b"\xff\xd8 and more".to_vec()].concat();
        assert_eq!(decode(&longer, Limits::default()).unwrap(), decode(&whole, Limits::default()).unwrap());
    }
}

#[test]
fn what_libjpeg_refuses_is_an_error_with_its_reason() {
    if jpeg_decoder() != JpegDecoder::LibJpeg {
        return;
    }
    let mut bytes = file("baseline_420.jpg");
    let frame = bytes.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    // A precision of twelve bits.
    bytes[frame + 4] = 12;
    let error = decode(&bytes, Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "can't decode the JPEG file: Unsupported JPEG data precision 12");
    // Two components instead of three.
    let two = segment(0xc0, &[8, 0, 8, 0, 8, 2, 1, 0x11, 0, 2, 0x11, 0]);
    let bytes = [b"\xff\xd8".as_slice(), &two, &segment(0xda, &[2, 1, 0, 2, 0, 0, 63, 0]), b"\xff\xd9"].concat();
    assert!(matches!(decode(&bytes, Limits::default()), Err(Error::Jpeg { .. })));
    assert!(matches!(decode(b"\xff\xd8\xff\xd9", Limits::default()), Err(Error::Jpeg { .. } | Error::Truncated)));
}

fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    [&[0xff, marker], (content.len() as u16 + 2).to_be_bytes().as_slice(), content].concat()
}

/// A progressive file of `side` x `side` grey pixels with as many scans, all of them empty.
fn progressive(side: u16, scans: usize) -> Vec<u8> {
    let [high, low] = side.to_be_bytes();
    // One code of one bit.
    let codes = [&[1][..], &[0; 15], &[0]].concat();
    [
        b"\xff\xd8".to_vec(),
        segment(0xdb, &[&[0][..], &[1; 64]].concat()),
        segment(0xc2, &[8, high, low, high, low, 1, 1, 0x11, 0]),
        segment(0xc4, &[[&[0x00], codes.as_slice()].concat(), [&[0x10], codes.as_slice()].concat()].concat()),
        segment(0xda, &[1, 1, 0, 0, 0, 0]),
        segment(0xda, &[1, 1, 0, 1, 63, 0]).repeat(scans - 1),
        b"\xff\xd9".to_vec(),
    ]
    .concat()
}

#[test]
fn a_small_file_cannot_ask_for_thousands_of_passes_over_a_large_image() {
    let bomb = progressive(9000, 20_000);
    assert!(bomb.len() < 250_000);
    let begun = Instant::now();
    let error = decode(&bomb, Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Scans { width: 9000, scans: 20_000, limit: 37, .. }), "{error}");
    eprintln!("refused in {:?}", begun.elapsed());
    // The limit is one of work: a small image may have as many scans.
    let image = decode(&progressive(100, 1000), Limits::default());
    assert!(jpeg_decoder() == JpegDecoder::PureRust || image.unwrap().width() == 100);
}

#[test]
fn a_jpeg_over_the_limit_is_refused_by_its_header_alone() {
    for (bytes, limit) in [
        (progressive(60_000, 2), Limits::default()),
        (progressive(200, 2), Limits { max_side: 199, max_pixels: 1 << 40 }),
    ] {
        assert!(matches!(decode(&bytes, limit), Err(Error::TooLarge { .. })));
    }
    assert!(decode(&progressive(0, 1), Limits::default()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damage_never_does_worse_than_an_error(
        name in prop::sample::select(vec!["baseline_420.jpg", "progressive_422.jpg", "restarts_444.jpg", "cmyk.jpg", "orientation_7.jpg", "orientation_png.png"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = file(name);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let limits = Limits { max_side: 500, max_pixels: 100_000 };
        if let Ok(image) = decode_with(&bytes, DecodeOptions { limits, exif: true }) {
            assert!(u64::from(image.width()) * u64::from(image.height()) <= limits.max_pixels);
        }
    }
}
