//! Views of images against Pillow and torchvision: each step for itself, byte for byte.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bossnas_data::RgbImage;
use bossnas_data::views::{Adjustment, Choices, Draw, Recipe, Window, view};
use bossnas_testkit::fixtures::{Fixtures, Source, Tensor, Tensors};

/// A case of the fixtures, `None` (said aloud) where only the committed core is there, which holds no images.
fn tensors(case: &str) -> Option<Tensors> {
    let fixtures = Fixtures::open().unwrap();
    if fixtures.source() == Source::Core {
        eprintln!("skipped: the committed core of the fixtures holds no images");
        return None;
    }
    Some(fixtures.tensors(fixtures.case(case).unwrap()).unwrap())
}

fn image(tensor: &Tensor) -> RgbImage {
    let [height, width, 3] = tensor.shape[..] else { unreachable!("{:?} is no image", tensor.shape) };
    RgbImage::new(width as u32, height as u32, tensor.values.iter().map(|&level| level as u8).collect()).unwrap()
}

/// The whole image, with nothing done to it.
fn untouched(image: &RgbImage) -> Choices {
    let window = Window::Resized { top: 0, left: 0, height: image.height(), width: image.width() };
    Choices { window, flip: false, adjustments: vec![], grey: false, blur: None, solarise: false }
}

fn sides(image: &RgbImage) -> [usize; 2] {
    [image.height() as usize, image.width() as usize]
}

/// Insists on the very bytes.
#[track_caller]
fn check(name: &str, choices: &Choices, source: &RgbImage, expected: &RgbImage) {
    let ours = choices.apply(source, sides(expected)).unwrap();
    let worst = ours.pixels().iter().zip(expected.pixels()).map(|(a, b)| a.abs_diff(*b)).max();
    assert_eq!(worst, Some(0), "{name}: grey levels off");
}

#[test]
fn colours_and_blur_are_pillows_byte_for_byte() {
    let Some(tensors) = tensors("preproc/color_blur") else { return };
    let source = image(tensors.get("src").unwrap());
    let mut seen = 0;
    for name in tensors.names().filter(|name| !["src", "L", "hsv"].contains(name)) {
        let mut choices = untouched(&source);
        let (kind, value) = name.split_once('_').unwrap_or((name, ""));
        let value = || value.parse::<f64>().unwrap();
        match kind {
            "brightness" => choices.adjustments = vec![Adjustment::Brightness(value())],
            "contrast" => choices.adjustments = vec![Adjustment::Contrast(value())],
            "saturation" => choices.adjustments = vec![Adjustment::Saturation(value())],
            "hue" => choices.adjustments = vec![Adjustment::Hue(value())],
            "gauss" => choices.blur = Some(value()),
            "grayscale3" => choices.grey = true,
            "solarization" => choices.solarise = true,
            other => unreachable!("`{other}` is no step that is known"),
        }
        check(name, &choices, &source, &image(tensors.get(name).unwrap()));
        seen += 1;
    }
    assert_eq!(seen, 31);
}

#[test]
fn windows_are_cut_out_and_resized_as_pillow_does_it() {
    let Some(tensors) = tensors("preproc/resize_u8") else { return };
    let source = image(tensors.get("src").unwrap());
    // `params.rrc_boxes_top_left_h_w` of the manifest.
    let boxes = [[5, 7, 40, 60], [0, 0, 71, 97], [10, 20, 1, 1], [33, 11, 25, 49]];
    for (at, [top, left, height, width]) in boxes.into_iter().enumerate() {
        let name = format!("rrc{at}_32_bicubic");
        let choices = Choices { window: Window::Resized { top, left, height, width }, ..untouched(&source) };
        check(&name, &choices, &source, &image(tensors.get(&name).unwrap()));
    }
    let sizes: Vec<&str> =
        tensors.names().filter(|name| name.ends_with("_bicubic") && !name.starts_with("rrc")).collect();
    assert_eq!(sizes.len(), 7);
    for name in sizes {
        check(name, &untouched(&source), &source, &image(tensors.get(name).unwrap()));
    }
    let flipped = Choices { flip: true, ..untouched(&source) };
    check("hflip", &flipped, &source, &image(tensors.get("hflip").unwrap()));
}

#[test]
fn padded_crops_of_cifar_are_torchvisions() {
    let Some(tensors) = tensors("preproc/cifar_crop") else { return };
    let source = image(tensors.get("src").unwrap());
    let recipe = Recipe::nats();
    let mut seen = 0;
    for name in tensors.names().filter(|name| *name != "src") {
        let (top, left) = name.strip_prefix('t').unwrap().split_once("_l").unwrap();
        let window = Window::Padded { padding: 4, top: top.parse().unwrap(), left: left.parse().unwrap() };
        let ours = Choices { window, ..untouched(&source) }.apply(&source, [32; 2]).unwrap();
        let expected = tensors.get(name).unwrap();
        assert_eq!(expected.shape, [3, 32, 32]);
        for (channel, expected) in expected.values.chunks(32 * 32).enumerate() {
            let (mean, std) = (recipe.mean[channel] as f32, recipe.std[channel] as f32);
            for (level, &expected) in ours.pixels()[channel..].iter().step_by(3).zip(expected) {
                assert_eq!(f64::from((f32::from(*level) / 255.0 - mean) / std), expected, "{name}");
            }
        }
        seen += 1;
    }
    assert_eq!(seen, 4);
    // The whole way, through the view that happens to be one of the crops: the draws are searched for it.
    let found = (0..10_000).find_map(|number| {
        let draw = Draw { seed: number, epoch: 0, image: 0, view: 1 };
        let choices = Choices::draw(recipe.pipeline(1), 32, [32; 2], draw);
        (choices.window == Window::Padded { padding: 4, top: 3, left: 7 } && !choices.flip).then_some(draw)
    });
    let mut ours = vec![0.0; recipe.numbers()];
    view(&source, &recipe, found.unwrap(), &mut ours).unwrap();
    assert!(ours.iter().zip(&tensors.get("t3_l7").unwrap().values).all(|(&a, &b)| f64::from(a) == b));
}

/// A picture with all colours and edges in it.
fn picture() -> RgbImage {
    let pixel = |(x, y): (u32, u32)| [(x * 5 % 256) as u8, (y * 7 % 256) as u8, ((x / 9 + y / 7) % 2 * 200) as u8];
    RgbImage::new(70, 50, (0..50).flat_map(|y| (0..70).flat_map(move |x| pixel((x, y)))).collect()).unwrap()
}

#[test]
fn a_view_is_what_was_drawn_for_it_normalised() {
    let (source, recipe) = (picture(), Recipe::byol(20, 3));
    let mut solarised = 0;
    let mut ours = vec![0.0; recipe.numbers()];
    for (image, number) in (0..30).flat_map(|image| (0..6).map(move |view| (image, view))) {
        let draw = Draw { seed: 1, epoch: 2, image, view: number };
        view(&source, &recipe, draw, &mut ours).unwrap();
        let half = &recipe.halves[usize::from(number >= 3)];
        let choices = Choices::draw(half, 20, [50, 70], draw);
        solarised += usize::from(choices.solarise);
        let expected = choices.apply(&source, [20, 20]).unwrap();
        for (channel, ours) in ours.chunks(400).enumerate() {
            let (mean, std) = (recipe.mean[channel] as f32, recipe.std[channel] as f32);
            let expected =
                expected.pixels()[channel..].iter().step_by(3).map(|&level| (f32::from(level) / 255.0 - mean) / std);
            assert!(ours.iter().copied().eq(expected), "{draw:?}");
        }
    }
    assert!(solarised > 5, "{solarised}");
}

#[test]
fn a_view_of_any_image_in_any_size_is_made() {
    for (width, height) in [(1, 1), (1, 300), (300, 1), (2, 3), (17, 16)] {
        let pixels = picture().pixels().iter().cycle().take(3 * width * height).copied().collect();
        let source = RgbImage::new(width as u32, height as u32, pixels).unwrap();
        for size in [1, 2, 15, 16, 17] {
            let recipe = Recipe::byol(size, 1);
            let mut ours = vec![f32::NAN; recipe.numbers()];
            for image in 0..20 {
                view(&source, &recipe, Draw { seed: 0, epoch: 0, image, view: 1 }, &mut ours).unwrap();
                assert!(ours.iter().all(|value| value.is_finite()));
            }
        }
    }
}

#[test]
fn a_wider_blur_leaves_less_of_a_spot_and_nothing_of_a_plain_image_changes() {
    let plain = RgbImage::new(40, 30, vec![200; 3600]).unwrap();
    let mut spot = vec![0; 3 * 101 * 101];
    spot[3 * (50 * 101 + 50)..][..3].copy_from_slice(&[255, 128, 0]);
    let spot = RgbImage::new(101, 101, spot).unwrap();
    let mut before = [255, 128, 0];
    for sigma in [0.0, 1e-6, 0.1, 0.3, 0.5, 1.0, 1.5, 2.0, 3.7, 10.0, 64.0] {
        let blurred =
            |image: &RgbImage| Choices { blur: Some(sigma), ..untouched(image) }.apply(image, sides(image)).unwrap();
        assert!(blurred(&plain) == plain, "{sigma}");
        let spot = blurred(&spot);
        let middle: [u8; 3] = spot.pixels()[3 * (50 * 101 + 50)..][..3].try_into().unwrap();
        assert!((0..3).all(|i| middle[i] <= before[i]), "{sigma}: {before:?}, then {middle:?}");
        assert!(sigma < 0.1 || before[0] == 0 || middle[0] < before[0], "{sigma}: {before:?}, then {middle:?}");
        // It spreads alike to all sides.
        let turned: Vec<u8> = spot.pixels().chunks(3).rev().flatten().copied().collect();
        assert_eq!(spot.pixels(), turned, "{sigma}");
        before = middle;
    }
}
