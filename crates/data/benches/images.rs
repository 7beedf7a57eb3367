//! From a JPEG file in memory to a network's input: images in a second, on one thread and on two.
//!
//! `cargo bench -p bossnas-data --bench images -- FILE...` prints the median of rounds. `tests/peers/torchvision_images.py`
//! measures the same with Pillow and torchvision; run them in turn.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::hint::black_box;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use bossnas_data::{Limits, decode, jpeg_decoder, transform};
use bossnas_model::preprocess::Preprocessing;

/// Rounds of which the median counts.
const ROUNDS: usize = 9;

/// The shortest round.
const ROUND: Duration = Duration::from_millis(500);

fn prepare(bytes: &[u8], how: &Preprocessing) {
    let image = decode(black_box(bytes), Limits::default()).unwrap();
    black_box(transform::evaluation_input(&image, how).unwrap());
}

/// How often `work` runs in a second on so many threads: the median of the rounds.
fn rate(threads: usize, work: impl Fn() + Sync) -> f64 {
    let round = || {
        let begun = Instant::now();
        let runs: usize = thread::scope(|scope| {
            let run = || {
                let mut runs = 0;
                while begun.elapsed() < ROUND {
                    work();
                    runs += 1;
                }
                runs
            };
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        runs as f64 / begun.elapsed().as_secs_f64()
    };
    let mut rates: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    rates.sort_by(f64::total_cmp);
    rates[ROUNDS / 2]
}

fn main() {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).filter(|arg| arg != "--bench").map(PathBuf::from).collect();
    if paths.is_empty() {
        println!("name JPEG or PNG files after `--`");
        return;
    }
    let how = Preprocessing::published([224, 224]);
    let files: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    println!("{}", jpeg_decoder().sentence());
    for (path, bytes) in paths.iter().zip(&files) {
        let image = decode(bytes, Limits::default()).unwrap();
        let decoding = 1e3 / rate(1, || drop(black_box(decode(bytes, Limits::default()).unwrap())));
        let transforming = 1e3 / rate(1, || drop(black_box(transform::evaluation_input(&image, &how).unwrap())));
        println!("{}: decoded in {decoding:.2} ms, transformed in {transforming:.2} ms", path.display());
    }
    for threads in [1, 2] {
        let all = rate(threads, || files.iter().for_each(|bytes| prepare(bytes, &how)));
        println!("{threads} threads: {:.0} images/s", all * files.len() as f64);
    }
}
