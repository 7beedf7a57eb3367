//! The evaluation transform against Pillow and torchvision: every image of the fixtures at every published size,
//! and the decoded pixels.

#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests fail as tests do")]

use std::path::Path;

use bossnas_data::{DecodeOptions, JpegDecoder, Limits, RgbImage, decode, decode_with, jpeg_decoder, transform};
use bossnas_model::preprocess::Preprocessing;
use bossnas_testkit::fixtures::{Case, Fixtures, Source};

/// The fixtures, `None` (said aloud) where only the committed core is there, which holds no images.
fn fixtures() -> Option<Fixtures> {
    let fixtures = Fixtures::open().unwrap();
    if fixtures.source() == Source::Core {
        eprintln!("skipped: the committed core of the fixtures holds no images");
        return None;
    }
    Some(fixtures)
}

fn image(fixtures: &Fixtures, path: &str) -> RgbImage {
    decode(&std::fs::read(fixtures.path(path)).unwrap(), Limits::default()).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The pixels that the transform starts from. Without libjpeg they are those Pillow decoded, where the file is a JPEG.
fn source(fixtures: &Fixtures, case: &Case) -> RgbImage {
    let file = case.params["image"].as_str().unwrap();
    let decoded = file.strip_suffix(".jpg").map(|stem| stem.replace("preproc/", "preproc/decoded_") + ".png");
    match jpeg_decoder() {
        JpegDecoder::LibJpeg => image(fixtures, file),
        JpegDecoder::PureRust => image(fixtures, decoded.as_deref().unwrap_or(file)),
    }
}

fn evaluation_cases(fixtures: &Fixtures) -> impl Iterator<Item = (&Case, Preprocessing)> {
    fixtures.group("preproc").filter(|case| case.name().starts_with("eval")).map(|case| {
        let side = case.params["size"].as_u64().unwrap() as usize;
        (case, Preprocessing::published([side, side]))
    })
}

/// Largest and mean difference, in grey levels.
fn difference(a: &RgbImage, b: &RgbImage) -> (u8, f64) {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    let levels = || a.pixels().iter().zip(b.pixels()).map(|(a, b)| a.abs_diff(*b));
    let sum: u64 = levels().map(u64::from).sum();
    (levels().max().unwrap(), sum as f64 / a.pixels().len() as f64)
}

#[test]
fn every_crop_is_pillows_byte_for_byte() {
    let Some(fixtures) = fixtures() else { return };
    let mut seen = 0;
    for (case, how) in evaluation_cases(&fixtures) {
        let Some(crop) = case.params["crop_png"].as_str() else { continue };
        let ours = transform::resize_and_crop(&source(&fixtures, case), &how).unwrap();
        let (worst, mean) = difference(&ours, &image(&fixtures, crop));
        assert!(worst == 0, "{}: {worst} at most, {mean} on average", case.id);
        seen += 1;
    }
    assert!(seen >= 12, "only {seen} crops");
}

#[test]
fn every_input_tensor_is_torchvisions() {
    let Some(fixtures) = fixtures() else { return };
    let mut seen = 0;
    for (case, how) in evaluation_cases(&fixtures) {
        let ours = transform::evaluation_input(&source(&fixtures, case), &how).unwrap();
        let tensors = fixtures.tensors(case).unwrap();
        // The bytes are equal and so are the operations on them. The fixtures hold six digits or so; one grey level is 0.017.
        let level = 2e-6;
        for (k, expected) in tensors.get("tensor.first64").unwrap().values.iter().enumerate() {
            assert!((f64::from(ours[k]) - expected).abs() < level, "{} at {k}", case.id);
        }
        for (k, expected) in tensors.get("tensor.strided64").unwrap().values.iter().enumerate() {
            let at = k * ours.len() / 64;
            assert!((f64::from(ours[at]) - expected).abs() < level, "{} at {at}", case.id);
        }
        let mean = ours.iter().copied().map(f64::from).sum::<f64>() / ours.len() as f64;
        let expected = &case.summaries["tensor"];
        assert_eq!(expected.shape.iter().product::<usize>(), ours.len());
        assert!((mean - expected.mean).abs() < level, "{}: mean {mean}, not {}", case.id, expected.mean);
        seen += 1;
    }
    assert!(seen >= 36, "only {seen} cases");
}

#[test]
fn png_files_decode_to_the_bytes_that_pillow_sees() {
    let Some(fixtures) = fixtures() else { return };
    let images: serde_json::Value = fixtures.json("preproc/images.json").unwrap();
    for (name, about) in images["images"].as_object().unwrap() {
        if Path::new(name).extension().is_none_or(|extension| extension != "png") {
            continue;
        }
        let image = image(&fixtures, &format!("preproc/{name}"));
        assert_eq!(about["size"], serde_json::json!([image.width(), image.height()]));
        for channel in 0..3 {
            let values = image.pixels()[channel..].iter().step_by(3).map(|&v| u64::from(v));
            let mean = values.sum::<u64>() as f64 / (image.pixels().len() / 3) as f64;
            let expected = about["mean_rgb"][channel].as_f64().unwrap();
            assert!((mean - expected).abs() < 1e-9, "{name} channel {channel}: mean {mean}, not {expected}");
        }
    }
}

#[test]
fn jpeg_files_decode_to_the_bytes_that_pillow_sees_and_ignore_orientation() {
    let Some(fixtures) = fixtures() else { return };
    for name in ["photo_420", "photo_444", "photo_prog_422", "gray", "exif_rot6", "cmyk"] {
        let ours = image(&fixtures, &format!("preproc/{name}.jpg"));
        let (worst, mean) = difference(&ours, &image(&fixtures, &format!("preproc/decoded_{name}.png")));
        match jpeg_decoder() {
            JpegDecoder::LibJpeg => assert!(worst == 0, "{name}: {worst} grey levels at most, {mean} on average"),
            JpegDecoder::PureRust => assert!(mean < 1.0, "{name}: {mean} on average"),
        }
    }
}

#[test]
fn an_orientation_is_honoured_where_that_is_asked_for() {
    let Some(fixtures) = fixtures() else { return };
    let bytes = std::fs::read(fixtures.path("preproc/exif_rot6.jpg")).unwrap();
    let stored = decode(&bytes, Limits::default()).unwrap();
    let upright = decode_with(&bytes, DecodeOptions { exif: true, ..DecodeOptions::default() }).unwrap();
    assert_eq!((upright.width(), upright.height()), (stored.height(), stored.width()));
    // Clockwise by a quarter: the first column, from below, is the first row.
    let row = stored.width() as usize * 3;
    let column: Vec<u8> = stored.pixels().chunks(row).rev().flat_map(|row| row[..3].to_vec()).collect();
    assert_eq!(upright.pixels()[..column.len()], column);
}
