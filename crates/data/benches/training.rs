//! Inputs of a training in a second on one core: DeiT's recipe from JPEG files in memory, and at CIFAR's size from pixels in
//! memory.
//!
//! `cargo bench -p bossnas-data --bench training -- FILE...` prints the median of rounds. `tests/peers/torchvision_training.py`
//! measures the same with Pillow, torchvision and timm; `cargo xtask bench training-images` runs both in turn.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bossnas_data::training::{Key, Recipe, input, input_from};
use bossnas_data::{DecodeOptions, RgbImage};

/// Rounds of which the median counts.
const ROUNDS: usize = 9;

/// The shortest round: some inputs cost many times as much as others.
const ROUND: Duration = Duration::from_secs(1);

/// Images of CIFAR's size that inputs are made of.
const SMALL: u64 = 64;

/// Inputs in a second, of which `epoch` makes so many: the median of the rounds.
fn rate(per_epoch: usize, mut epoch: impl FnMut(u64)) -> f64 {
    let mut epochs = 0;
    let mut round = || {
        let (begun, first) = (Instant::now(), epochs);
        while begun.elapsed() < ROUND {
            epoch(epochs);
            epochs += 1;
        }
        (epochs - first) as f64 * per_epoch as f64 / begun.elapsed().as_secs_f64()
    };
    let mut rates: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    rates.sort_by(f64::total_cmp);
    rates[ROUNDS / 2]
}

fn main() {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).filter(|arg| arg != "--bench").map(PathBuf::from).collect();
    if paths.is_empty() {
        println!("no files to measure with: cargo bench -p bossnas-data --bench training -- FILE...");
        return;
    }
    let files: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let recipe = Recipe::deit(224);
    let mut out = vec![0.0; recipe.numbers()];
    let images = rate(files.len(), |epoch| {
        for (image, bytes) in (0..).zip(&files) {
            let key = Key { seed: 1, epoch, image, occurrence: 0 };
            input_from(black_box(bytes), DecodeOptions::default(), &recipe, key, &mut out).unwrap();
            black_box(&mut out);
        }
    });
    println!("deit, 224 px: {images:.0} inputs/s");

    let recipe = Recipe::deit(32);
    let mut out = vec![0.0; recipe.numbers()];
    // Any pixels will do: what is done to them does not depend on them.
    let small =
        |number: u64| RgbImage::new(32, 32, (0..3072).map(|at| (at * (number + 3) % 251) as u8).collect()).unwrap();
    let images: Vec<RgbImage> = (0..SMALL).map(small).collect();
    let small = rate(images.len(), |epoch| {
        for (number, image) in (0..).zip(&images) {
            input(image, &recipe, Key { seed: 1, epoch, image: number, occurrence: 0 }, &mut out).unwrap();
            black_box(&mut out);
        }
    });
    println!("deit, 32 px: {small:.0} inputs/s");
}
