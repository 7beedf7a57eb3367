//! Whole views, with everything that was drawn for them, against Pillow and torchvision where they are installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use bossnas_data::views::{Adjustment, Choices, Draw, Recipe, Window};
use bossnas_data::{Limits, RgbImage, decode};
use serde_json::{Value, json};

/// Names the interpreter of the environment that `cargo xtask setup --peers` makes; `cargo xtask test` sets it.
const PYTHON_VARIABLE: &str = "BOSSNAS_PEERS_PYTHON";

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The choices as the script reads them.
fn described(choices: &Choices, size: usize) -> Value {
    let Window::Resized { top, left, height, width } = choices.window else { unreachable!("it is resized") };
    let adjustments: Vec<Value> = choices.adjustments.iter().map(adjustment).collect();
    json!({
        "size": size,
        "window": [left, top, left + width, top + height],
        "flip": choices.flip,
        "adjustments": adjustments,
        "grey": choices.grey,
        "blur": choices.blur,
        "solarise": choices.solarise,
    })
}

fn adjustment(one: &Adjustment) -> Value {
    match one {
        Adjustment::Brightness(factor) => json!(["brightness", factor]),
        Adjustment::Contrast(factor) => json!(["contrast", factor]),
        Adjustment::Saturation(factor) => json!(["saturation", factor]),
        Adjustment::Hue(part) => json!(["hue", part]),
    }
}

/// Beyond what is published: stronger changes and wider blurs.
fn stronger(mut recipe: Recipe) -> Recipe {
    for half in &mut recipe.halves {
        if let Some(jitter) = &mut half.jitter {
            (jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue) = (2.0, 2.0, 3.0, 0.5);
        }
        if let Some(blur) = &mut half.blur {
            blur.sigma = [0.0, 15.0];
        }
    }
    recipe
}

#[test]
fn whole_views_are_pillows_byte_for_byte() {
    let Some(python) = std::env::var_os(PYTHON_VARIABLE) else {
        eprintln!("SKIPPED: there is no Python with Pillow and torchvision (`cargo xtask setup --peers` makes one)");
        return;
    };
    let photograph = fs::read(Path::new(ROOT).join("zoo/assets/flower.jpg")).unwrap();
    let image: RgbImage = decode(&photograph, Limits::default()).unwrap();
    let (mut views, mut bytes) = (Vec::new(), Vec::new());
    for recipe in [Recipe::byol(224, 4), Recipe::byol(37, 4), stronger(Recipe::byol(96, 4))] {
        for (epoch, number) in (0..6).flat_map(|epoch| (0..8).map(move |view| (epoch, view))) {
            let draw = Draw { seed: 1, epoch, image: 0, view: number };
            let seen = [image.height(), image.width()];
            let choices = Choices::draw(recipe.pipeline(number), recipe.size, seen, draw);
            views.push(described(&choices, recipe.size));
            bytes.extend_from_slice(choices.apply(&image, [recipe.size; 2]).unwrap().pixels());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let about = json!({ "width": image.width(), "height": image.height(), "views": views });
    fs::write(folder.path().join("about.json"), about.to_string()).unwrap();
    fs::write(folder.path().join("image"), image.pixels()).unwrap();
    fs::write(folder.path().join("views"), bytes).unwrap();
    let script = Path::new(ROOT).join("tests/peers/check_views.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "check_views.py: {}\n{printed}\n{errors}", output.status);
    assert_eq!(printed.lines().last(), Some("144 views compared, 0 differ"), "{printed}");
}
