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
