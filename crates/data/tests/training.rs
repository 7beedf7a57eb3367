//! The inputs of a training against Pillow and timm: each operation for itself, level by level.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use bossnas_data::RgbImage;
use bossnas_data::training::{Choices, Crop, Erasing, Key, Operation, OperationKind, Recipe, Window, input};
use bossnas_testkit::fixtures::{Fixtures, Source, Tensor, Tensors};
use proptest::prelude::*;
use serde::Deserialize;

/// The fixtures, `None` (said aloud) where only the committed core is there, which holds no images.
fn fixtures() -> Option<Fixtures> {
    let fixtures = Fixtures::open().unwrap();
    if fixtures.source() == Source::Core {
        eprintln!("skipped: the committed core of the fixtures holds no images");
        return None;
    }
    Some(fixtures)
}

fn tensors(fixtures: &Fixtures, case: &str) -> Tensors {
    fixtures.tensors(fixtures.case(case).unwrap()).unwrap()
}

fn image(tensor: &Tensor) -> RgbImage {
    let [height, width, 3] = tensor.shape[..] else { unreachable!("{:?} is no image", tensor.shape) };
    RgbImage::new(width as u32, height as u32, tensor.values.iter().map(|&level| level as u8).collect()).unwrap()
}

/// The whole image with these operations.
fn operated(image: &RgbImage, operations: Vec<Operation>) -> RgbImage {
    let window = Window::Resized { top: 0, left: 0, height: image.height(), width: image.width() };
    let choices = Choices { window, flip: false, adjustments: vec![], operations, fill: [124, 116, 104], erased: None };
    choices.apply(image, [image.height() as usize, image.width() as usize]).unwrap()
}

#[derive(Deserialize)]
struct Values {
    ops: BTreeMap<String, Case>,
    level_to_arg: BTreeMap<String, BTreeMap<String, Signs>>,
    rand_transforms: Vec<String>,
    rand_transforms_inc: Vec<String>,
}

#[derive(Deserialize)]
struct Case {
    op: String,
    args: Vec<f64>,
    src: String,
    /// Bilinear interpolation, which no recipe asks for.
    resample: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Signs {
    neg: f64,
    pos: f64,
}

fn values(fixtures: &Fixtures) -> Values {
    fixtures.json("preproc/randaugment_ops.values.json").unwrap()
}

/// timm's names.
fn kind(name: &str) -> OperationKind {
    match name.strip_suffix("Increasing").unwrap_or(name) {
        "AutoContrast" => OperationKind::AutoContrast,
        "Equalize" => OperationKind::Equalise,
        "Invert" => OperationKind::Invert,
        "Rotate" => OperationKind::Rotate,
        "Posterize" => OperationKind::Posterise,
        "Solarize" => OperationKind::Solarise,
        "SolarizeAdd" => OperationKind::SolariseAdd,
        "Color" => OperationKind::Colour,
        "Contrast" => OperationKind::Contrast,
        "Brightness" => OperationKind::Brightness,
        "Sharpness" => OperationKind::Sharpness,
        "ShearX" => OperationKind::ShearX,
        "ShearY" => OperationKind::ShearY,
        "TranslateXRel" => OperationKind::TranslateX,
        "TranslateYRel" => OperationKind::TranslateY,
        other => unreachable!("`{other}` is no operation that is known"),
    }
}

/// The operation with this argument, and the argument.
fn operation(kind: OperationKind, argument: f64) -> Operation {
    match kind {
        OperationKind::AutoContrast => Operation::AutoContrast,
        OperationKind::Equalise => Operation::Equalise,
        OperationKind::Invert => Operation::Invert,
        OperationKind::Rotate => Operation::Rotate(argument),
        OperationKind::Posterise => Operation::Posterise(argument as u8),
        OperationKind::Solarise => Operation::Solarise(argument as u16),
        OperationKind::SolariseAdd => Operation::SolariseAdd(argument as u8),
        OperationKind::Colour => Operation::Colour(argument),
        OperationKind::Contrast => Operation::Contrast(argument),
        OperationKind::Brightness => Operation::Brightness(argument),
        OperationKind::Sharpness => Operation::Sharpness(argument),
        OperationKind::ShearX => Operation::ShearX(argument),
        OperationKind::ShearY => Operation::ShearY(argument),
        OperationKind::TranslateX => Operation::TranslateX(argument),
        OperationKind::TranslateY => Operation::TranslateY(argument),
    }
}

#[test]
fn every_operation_gives_pillows_bytes() {
    let Some(fixtures) = fixtures() else { return };
    let (values, tensors) = (values(&fixtures), tensors(&fixtures, "preproc/randaugment_ops"));
    let mut seen = BTreeMap::new();
    for (name, case) in values.ops.iter().filter(|(_, case)| case.resample.is_none()) {
        let source = image(tensors.get(&case.src).unwrap());
        let operation = operation(kind(&case.op), case.args.first().copied().unwrap_or_default());
        let ours = operated(&source, vec![operation]);
        if operation == Operation::Posterise(0) {
            // Pillow 13 refuses it; before, it was black.
            assert!(ours.pixels().iter().all(|&level| level == 0));
            continue;
        }
        let expected = image(tensors.get(name).unwrap());
        let differ = ours.pixels().iter().zip(expected.pixels()).filter(|(a, b)| a != b).count();
        assert_eq!(differ, 0, "{name}: levels that differ");
        *seen.entry(&case.op).or_insert(0) += 1;
    }
    assert_eq!((seen.len(), seen.values().sum::<i32>()), (15, 79), "{seen:?}");
}

#[test]
fn magnitudes_become_timms_arguments() {
    let Some(fixtures) = fixtures() else { return };
    let values = values(&fixtures);
    let mut seen = 0;
    for (name, levels) in &values.level_to_arg {
        let kind = kind(name);
        // Only operations of which there are two kinds depend on it.
        let increasing = name.ends_with("Increasing");
        for (level, signs) in levels {
            let level = level.parse().unwrap();
            for (negative, expected) in [(true, signs.neg), (false, signs.pos)] {
                assert_eq!(kind.at(level, increasing, negative), operation(kind, expected), "{name} at {level}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 18 * 5 * 2);
    for names in [&values.rand_transforms, &values.rand_transforms_inc] {
        let kinds: Vec<OperationKind> = names.iter().map(|name| kind(name)).collect();
        assert_eq!(kinds, OperationKind::ALL);
    }
}

#[test]
fn colour_jitter_is_pillows_byte_for_byte() {
    use bossnas_data::training::Adjustment;
    let Some(fixtures) = fixtures() else { return };
    let tensors = tensors(&fixtures, "preproc/color_blur");
    let source = image(tensors.get("src").unwrap());
    let mut seen = 0;
    for name in tensors.names() {
        let Some((kind, factor)) = name.split_once('_') else { continue };
        let adjustment = match (kind, factor.parse()) {
            ("brightness", Ok(factor)) => Adjustment::Brightness(factor),
            ("contrast", Ok(factor)) => Adjustment::Contrast(factor),
            ("saturation", Ok(factor)) => Adjustment::Saturation(factor),
            ("hue", Ok(part)) => Adjustment::Hue(part),
            _ => continue,
        };
        let window = Window::Resized { top: 0, left: 0, height: source.height(), width: source.width() };
        let choices = Choices {
            window,
            flip: false,
            adjustments: vec![adjustment],
            operations: vec![],
            fill: [0; 3],
            erased: None,
        };
        let ours = choices.apply(&source, [source.height() as usize, source.width() as usize]).unwrap();
        assert!(ours == image(tensors.get(name).unwrap()), "{name}");
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

/// A recipe of nothing but a crop.
fn cropped(size: usize, crop: Crop) -> Recipe {
    Recipe { size, crop, flip: 0.0, rand_augment: None, erasing: None, ..Recipe::deit(size) }
}

fn key(image: u64) -> Key {
    Key { seed: 1, epoch: 2, image, occurrence: 0 }
}

#[test]
fn padded_crops_of_cifar_are_torchvisions() {
    let Some(fixtures) = fixtures() else { return };
    let tensors = tensors(&fixtures, "preproc/cifar_crop");
    let source = image(tensors.get("src").unwrap());
    let recipe = Recipe {
        mean: [0.4914, 0.4822, 0.4465],
        std: [0.2023, 0.1994, 0.201],
        ..cropped(32, Crop::Padded { padding: 4 })
    };
    let mut ours = vec![0.0; recipe.numbers()];
    for name in tensors.names().filter(|name| *name != "src") {
        let (top, left) = name.strip_prefix('t').unwrap().split_once("_l").unwrap();
        let window = Window::Padded { padding: 4, top: top.parse().unwrap(), left: left.parse().unwrap() };
        // One in 81 is this crop.
        let found = (0..10_000).map(key).find(|&key| Choices::draw(&recipe, [32, 32], key).window == window);
        input(&source, &recipe, found.unwrap(), &mut ours).unwrap();
        assert!(ours.iter().zip(&tensors.get(name).unwrap().values).all(|(&a, &b)| f64::from(a) == b), "{name}");
    }
}

/// A picture with all colours and edges in it.
fn picture(width: u32, height: u32) -> RgbImage {
    let pixel = |(x, y): (u32, u32)| [(x * 5 % 256) as u8, (y * 7 % 256) as u8, ((x / 9 + y / 7) % 2 * 200) as u8];
    let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel((x, y)))).collect();
    RgbImage::new(width, height, pixels).unwrap()
}

#[test]
fn for_a_padded_crop_any_image_is_resized_first() {
    let recipe = cropped(24, Crop::Padded { padding: 3 });
    let whole = cropped(24, Crop::Whole);
    let source = picture(8, 9);
    let resized = Choices::draw(&whole, [9, 8], key(0)).apply(&source, [24, 24]).unwrap();
    for number in 0..20 {
        let choices = Choices::draw(&recipe, [9, 8], key(number));
        assert_eq!(choices, Choices::draw(&recipe, [24, 24], key(number)));
        let ours = choices.apply(&source, [24, 24]).unwrap();
        assert!(ours == choices.apply(&resized, [24, 24]).unwrap());
    }
}

#[test]
fn an_input_is_what_was_drawn_for_it_normalised_with_a_part_erased() {
    let (source, recipe) = (picture(70, 50), Recipe::deit(40));
    let (mut erased, mut operated) = (0, 0);
    let mut ours = vec![0.0; recipe.numbers()];
    for number in 0..200 {
        input(&source, &recipe, key(number), &mut ours).unwrap();
        let choices = Choices::draw(&recipe, [50, 70], key(number));
        let expected = choices.apply(&source, [40, 40]).unwrap();
        operated += usize::from(!choices.operations.is_empty());
        erased += usize::from(choices.erased.is_some());
        let part = choices.erased.as_ref().map(|erased| erased.rectangle);
        let mut noise = Vec::new();
        for (channel, ours) in ours.chunks(1600).enumerate() {
            let (mean, std) = (recipe.mean[channel] as f32, recipe.std[channel] as f32);
            let levels = expected.pixels()[channel..].iter().step_by(3);
            for (at, (&level, &ours)) in levels.zip(ours).enumerate() {
                let (y, x) = (at / 40, at % 40);
                let is_erased = part.is_some_and(|part| {
                    (part.top..part.top + part.height).contains(&y) && (part.left..part.left + part.width).contains(&x)
                });
                if is_erased {
                    noise.push(f64::from(ours));
                } else {
                    assert_eq!(ours, (f32::from(level) / 255.0 - mean) / std, "{number}");
                }
            }
        }
        if !noise.is_empty() {
            let count = noise.len() as f64;
            let mean = noise.iter().sum::<f64>() / count;
            let spread = noise.iter().map(|value| value * value).sum::<f64>() / count;
            assert!(mean.abs() < 6.0 / count.sqrt() && (spread - 1.0).abs() < 6.0 * (2.0 / count).sqrt());
        }
    }
    // A quarter of 200, and three quarters: six standard deviations.
    assert!((14..=86).contains(&erased) && (114..=186).contains(&operated), "{erased} {operated}");
}

#[test]
fn a_recipe_with_jitter_changes_colours_instead_of_operations() {
    use bossnas_data::training::Jitter;
    let recipe = Recipe { rand_augment: None, jitter: Some(Jitter::even(0.4)), ..Recipe::deit(32) };
    recipe.check().unwrap();
    let choices = Choices::draw(&recipe, [50, 70], key(3));
    assert!(choices.operations.is_empty() && choices.adjustments.len() == 3);
}

#[test]
fn the_mild_recipe_moves_a_digit_and_never_mirrors_it_or_changes_its_colours() {
    let recipe = Recipe::small(32);
    recipe.check().unwrap();
    let mut kinds = [0; 3];
    for number in 0..2000 {
        let choices = Choices::draw(&recipe, [8, 8], key(number));
        assert!(!choices.flip && choices.adjustments.is_empty() && choices.erased.is_none());
        assert!(matches!(choices.window, Window::Padded { padding: 4, .. }));
        assert_eq!(choices.fill, [0; 3]);
        for operation in choices.operations {
            match operation {
                Operation::Rotate(degrees) if degrees.abs() <= 30.0 => kinds[0] += 1,
                Operation::ShearX(by) if by.abs() <= 0.3 => kinds[1] += 1,
                Operation::ShearY(by) if by.abs() <= 0.3 => kinds[2] += 1,
                other => unreachable!("{other:?}"),
            }
        }
    }
    // A third of 2000 each: six standard deviations.
    assert!(kinds.iter().all(|count| (530..800).contains(count)), "{kinds:?}");
}

#[test]
fn the_evaluation_of_a_recipe_shows_as_much_as_its_crop() {
    let resize = |recipe: Recipe| recipe.evaluation().resize;
    assert_eq!(resize(Recipe::deit(224)), [256; 2]);
    assert_eq!((resize(Recipe::deit(32)), resize(Recipe::small(40))), ([32; 2], [40; 2]));
    let how = Recipe::small(40).evaluation();
    assert_eq!((how.size, how.mean, how.std), ([40; 2], [0.3053; 3], [0.3759; 3]));
}

#[test]
fn rooms_of_another_length_and_recipes_that_cannot_be_are_refused() {
    let source = picture(8, 8);
    let recipe = Recipe::deit(16);
    let error = input(&source, &recipe, key(0), &mut [0.0; 7]).unwrap_err().to_string();
    assert!(error.contains("7 numbers") && error.contains("3 x 16 x 16"), "{error}");
    let bent = Recipe { erasing: Some(Erasing { tries: 0, ..Erasing::published() }), ..recipe };
    let error = input(&source, &bent, key(0), &mut [0.0; 768]).unwrap_err().to_string();
    assert!(error.contains("erasing.tries 0"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn an_input_of_any_image_in_any_size_is_made(
        width in 1u32..50,
        height in 1u32..50,
        size in 1usize..40,
        crop in 0usize..3,
        number in any::<u64>(),
    ) {
        let crop = [Crop::PUBLISHED, Crop::Padded { padding: size.min(5) }, Crop::Whole][crop];
        let mut recipe = Recipe { crop, ..Recipe::deit(size) };
        let augment = recipe.rand_augment.as_mut().unwrap();
        (augment.operations, augment.probability) = (4, 1.0);
        let mut ours = vec![f32::NAN; recipe.numbers()];
        input(&picture(width, height), &recipe, key(number), &mut ours).unwrap();
        prop_assert!(ours.iter().all(|value| value.is_finite()));
    }

    #[test]
    fn what_moves_by_nothing_stays_and_what_leaves_is_filled(width in 1u32..40, height in 1u32..40) {
        let source = picture(width, height);
        for still in [
            Operation::Rotate(0.0), Operation::ShearX(0.0), Operation::ShearY(0.0), Operation::TranslateX(0.0),
            Operation::TranslateY(0.0), Operation::Colour(1.0), Operation::Contrast(1.0), Operation::Brightness(1.0),
            Operation::Sharpness(1.0), Operation::Solarise(256), Operation::SolariseAdd(0), Operation::Posterise(8),
        ] {
            prop_assert!(operated(&source, vec![still]) == source, "{:?}", still);
        }
        for gone in [Operation::TranslateX(1.0), Operation::TranslateY(-1.0)] {
            let filled = operated(&source, vec![gone]);
            prop_assert!(filled.pixels().chunks(3).all(|pixel| pixel == [124, 116, 104]));
        }
        let twice = operated(&source, vec![Operation::Rotate(180.0), Operation::Rotate(-180.0)]);
        prop_assert!(twice == source);
        let inverted = operated(&source, vec![Operation::Invert, Operation::Invert]);
        prop_assert!(inverted == source);
    }
}
