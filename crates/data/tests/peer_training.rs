//! Whole inputs of a training, with everything that was drawn for them, against Pillow and timm where they are installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use bossnas_data::training::{Choices, Key, Operation, Recipe, Window};
use bossnas_data::{Limits, RgbImage, decode};
use serde_json::{Value, json};

/// Names the interpreter of the environment that `cargo xtask setup --peers` makes; `cargo xtask test` sets it.
const PYTHON_VARIABLE: &str = "BOSSNAS_PEERS_PYTHON";

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// timm's name, and its argument.
fn operation(one: &Operation) -> Value {
    match one {
        Operation::AutoContrast => json!(["AutoContrast"]),
        Operation::Equalise => json!(["Equalize"]),
        Operation::Invert => json!(["Invert"]),
        Operation::Rotate(degrees) => json!(["Rotate", degrees]),
        Operation::Posterise(bits) => json!(["Posterize", bits]),
        Operation::Solarise(threshold) => json!(["Solarize", threshold]),
        Operation::SolariseAdd(add) => json!(["SolarizeAdd", add]),
        Operation::Colour(factor) => json!(["Color", factor]),
        Operation::Contrast(factor) => json!(["Contrast", factor]),
        Operation::Brightness(factor) => json!(["Brightness", factor]),
        Operation::Sharpness(factor) => json!(["Sharpness", factor]),
        Operation::ShearX(by) => json!(["ShearX", by]),
        Operation::ShearY(by) => json!(["ShearY", by]),
        Operation::TranslateX(part) => json!(["TranslateXRel", part]),
        Operation::TranslateY(part) => json!(["TranslateYRel", part]),
    }
}

#[test]
fn whole_inputs_are_pillows_and_timms_byte_for_byte() {
    let Some(python) = std::env::var_os(PYTHON_VARIABLE) else {
        eprintln!("SKIPPED: there is no Python with Pillow and timm (`cargo xtask setup --peers` makes one)");
        return;
    };
    let photograph = fs::read(Path::new(ROOT).join("zoo/assets/flower.jpg")).unwrap();
    let image: RgbImage = decode(&photograph, Limits::default()).unwrap();
    let seen = [image.height(), image.width()];
    // As published, at an odd size with an operation after the other, and at all strengths both ways.
    let published = Recipe::deit(224);
    let mut many = Recipe::deit(97);
    let mut wide = Recipe { size: 64, ..published.clone() };
    for (recipe, operations, magnitude, std, increasing) in
        [(&mut many, 4, 9.0, 0.5, true), (&mut wide, 2, 5.0, 4.0, false)]
    {
        let augment = recipe.rand_augment.as_mut().unwrap();
        (augment.operations, augment.probability) = (operations, 1.0);
        (augment.magnitude, augment.std, augment.increasing) = (magnitude, std, increasing);
    }
    let (mut inputs, mut bytes) = (Vec::new(), Vec::new());
    for recipe in [published, many, wide] {
        for number in 0..150 {
            let key = Key { seed: 1, epoch: 0, image: number, occurrence: 0 };
            let choices = Choices::draw(&recipe, seen, key);
            let Window::Resized { top, left, height, width } = choices.window else { unreachable!("it is resized") };
            inputs.push(json!({
                "size": recipe.size,
                "window": [left, top, left + width, top + height],
                "flip": choices.flip,
                "operations": choices.operations.iter().map(operation).collect::<Vec<_>>(),
                "fill": choices.fill,
            }));
            bytes.extend_from_slice(choices.apply(&image, [recipe.size; 2]).unwrap().pixels());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let about = json!({ "width": image.width(), "height": image.height(), "inputs": inputs });
    fs::write(folder.path().join("about.json"), about.to_string()).unwrap();
    fs::write(folder.path().join("image"), image.pixels()).unwrap();
    fs::write(folder.path().join("inputs"), bytes).unwrap();
    let script = Path::new(ROOT).join("tests/peers/check_training.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "check_training.py: {}\n{printed}\n{errors}", output.status);
    assert_eq!(printed.lines().last(), Some("450 inputs compared, 0 differ"), "{printed}");
}
