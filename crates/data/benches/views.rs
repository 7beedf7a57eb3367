//! Views in a second on one core: HyTra's recipe from a JPEG file in memory (decoded once for its 8 views), and that of
//! NATS-Bench from pixels in memory.
//!
//! `cargo bench -p bossnas-data --bench views -- FILE...` prints the median of rounds. `tests/peers/torchvision_views.py`
//! measures the same with Pillow and torchvision; `cargo xtask bench views` runs both in turn.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bossnas_data::views::{Draw, Recipe, view};
use bossnas_data::{Limits, RgbImage, decode};

/// Rounds of which the median counts.
const ROUNDS: usize = 9;

/// The shortest round.
const ROUND: Duration = Duration::from_millis(500);

/// Images of CIFAR's size that views are made of.
const SMALL: u64 = 64;

/// Makes all views of an image, in the epoch `epoch`.
fn views(image: &RgbImage, recipe: &Recipe, epoch: u64, number: u64, out: &mut [f32]) {
    for (at, out) in out.chunks_exact_mut(recipe.numbers()).enumerate() {
        let draw = Draw { seed: 1, epoch, image: number, view: at as u64 };
        view(image, recipe, draw, out).unwrap();
    }
    black_box(out);
}

/// Views in a second, of which `epoch` makes so many: the median of the rounds.
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
        println!("no files to measure with: cargo bench -p bossnas-data --bench views -- FILE...");
        return;
    }
    let files: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let recipe = Recipe::byol(224, 4);
    let mut out = vec![0.0; recipe.views() * recipe.numbers()];
    let images = rate(recipe.views() * files.len(), |epoch| {
        for (number, bytes) in files.iter().enumerate() {
            let image = decode(black_box(bytes), Limits::default()).unwrap();
            views(&image, &recipe, epoch, number as u64, &mut out);
        }
    });
    println!("byol, 224 px: {images:.0} views/s");

    let recipe = Recipe::nats();
    let mut out = vec![0.0; recipe.views() * recipe.numbers()];
    // Any pixels will do: what is done to them does not depend on them.
    let small =
        |number: u64| RgbImage::new(32, 32, (0..3072).map(|at| (at * (number + 3) % 251) as u8).collect()).unwrap();
    let images: Vec<RgbImage> = (0..SMALL).map(small).collect();
    let small = rate(recipe.views() * images.len(), |epoch| {
        for (number, image) in (0..).zip(&images) {
            views(image, &recipe, epoch, number, &mut out);
        }
    });
    println!("nats, 32 px: {small:.0} views/s");
}
