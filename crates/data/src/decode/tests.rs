use super::*;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

fn png(pixels: &[u8], width: u32, height: u32, color: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes).write_image(pixels, width, height, color).unwrap();
    bytes
}

fn pixels(bytes: &[u8]) -> Vec<u8> {
    decode(bytes, Limits::default()).unwrap().pixels().to_vec()
}

#[test]
fn alpha_is_dropped_and_not_composited() {
    let bytes = png(&[10, 20, 30, 0, 40, 50, 60, 128], 2, 1, ExtendedColorType::Rgba8);
    assert_eq!(pixels(&bytes), [10, 20, 30, 40, 50, 60]);
    assert_eq!(pixels(&png(&[7, 0], 1, 1, ExtendedColorType::La8)), [7, 7, 7]);
}

#[test]
fn grey_becomes_three_equal_channels() {
    assert_eq!(pixels(&png(&[0, 255], 1, 2, ExtendedColorType::L8)), [0, 0, 0, 255, 255, 255]);
}

#[test]
fn of_sixteen_bits_the_upper_eight_stay() {
    let samples: Vec<u8> = [0x12ff_u16, 0x3400, 0x56ff].iter().flat_map(|x| x.to_ne_bytes()).collect();
    assert_eq!(pixels(&png(&samples, 1, 1, ExtendedColorType::Rgb16)), [0x12, 0x34, 0x56]);
}

#[test]
fn an_image_over_the_limit_is_refused_by_its_header_alone() {
    // Only the header of a PNG of 60000 x 60000: a decoder that believed it would take 10 GB.
    let mut bytes = png(&[0; 3], 1, 1, ExtendedColorType::Rgb8);
    bytes[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let crc = crc(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    let error = decode(&bytes, Limits::default()).unwrap_err();
    assert!(matches!(error, Error::TooLarge { width: 60_000, .. }), "{error}");
}

#[test]
fn few_pixels_on_a_long_side_are_refused_too() {
    let limits = Limits { max_side: 10, max_pixels: 1000 };
    let bytes = png(&[0; 33], 11, 1, ExtendedColorType::Rgb8);
    assert!(matches!(decode(&bytes, limits), Err(Error::TooLarge { width: 11, height: 1, .. })));
}

#[test]
fn other_formats_and_damaged_files_are_told_apart() {
    for bytes in [&b""[..], b"hello", b"GIF89a\x01\x00\x01\x00\x00\x00\x00", b"RIFF\x00\x00\x00\x00WEBP"] {
        assert!(matches!(decode(bytes, Limits::default()), Err(Error::UnknownFormat)), "{bytes:?}");
    }
    let mut cut = png(&[9; 300], 10, 10, ExtendedColorType::Rgb8);
    cut.truncate(cut.len() / 2);
    assert!(matches!(decode(&cut, Limits::default()), Err(Error::Decode(_))));
    let error = decode(b"\xff\xd8\xff\xe0\x00", Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Decode(_) | Error::Truncated), "{error}");
}

/// The checksum of a PNG chunk, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1)))
    })
}

/// A photograph of the repository.
#[cfg(feature = "libjpeg")]
const PHOTOGRAPH: &[u8] = include_bytes!("../../../../zoo/assets/flower.jpg");

#[cfg(feature = "libjpeg")]
#[test]
fn the_upper_rows_are_those_of_the_whole_image() {
    let whole = decode(PHOTOGRAPH, Limits::default()).unwrap();
    let row = whole.width() as usize * 3;
    for wanted in [0, 1, 7, 8, 9, 16, 17, 100, whole.height() - 1, whole.height(), u32::MAX] {
        let top = decode_top(PHOTOGRAPH, DecodeOptions::default(), |size| {
            assert_eq!(size, [whole.height(), whole.width()]);
            wanted
        });
        let Top { image, size } = top.unwrap();
        assert_eq!(size, [whole.height(), whole.width()]);
        assert_eq!(image.height(), wanted.clamp(1, whole.height()));
        assert!(image.pixels() == &whole.pixels()[..image.height() as usize * row]);
    }
}

#[cfg(feature = "libjpeg")]
#[test]
fn what_is_missing_below_the_rows_that_are_seen_is_not_noticed() {
    let cut = &PHOTOGRAPH[..PHOTOGRAPH.len() / 2];
    assert!(matches!(decode(cut, Limits::default()), Err(Error::Truncated)));
    let top = |rows| decode_top(cut, DecodeOptions::default(), |_| rows).map(|top| top.image);
    let whole = decode(PHOTOGRAPH, Limits::default()).unwrap();
    assert!(top(100).unwrap().pixels() == &whole.pixels()[..100 * whole.width() as usize * 3]);
    assert!(matches!(top(whole.height() - 1), Err(Error::Truncated)));
}

#[test]
fn of_what_cannot_end_early_all_is_decoded() {
    let bytes = png(&[9; 300], 10, 10, ExtendedColorType::Rgb8);
    let Top { image, size } = decode_top(&bytes, DecodeOptions::default(), |_| 2).unwrap();
    assert_eq!((image.height(), size), (10, [10, 10]));
}
