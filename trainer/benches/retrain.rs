//! The retraining's step, as `tests/peers/retrain.py` has it: weights of the recipe, four batches in turn, smoothed labels, AdamW
//! and the average.
//!
//!     retrain --threads N [--images 8] [--size 224]      answers lines `N` on stdin with the milliseconds of N steps
//!     retrain --curve --steps 100 --threads N            prints the losses of the first steps

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a program that is run by hand and by xtask")]

#[path = "../tests/peer/mod.rs"]
mod peer;

use std::io::BufRead as _;
use std::time::Instant;

use peer::Retraining;

#[global_allocator]
static ALLOCATOR: bossnas_torch_shim::Allocator = bossnas_torch_shim::Allocator;

/// What a step that is timed changes weights by: nothing to speak of, however many are timed.
const TIMED_RATE: f64 = 1e-9;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |name: &str, default: usize| {
        let at = arguments.iter().position(|argument| argument == name);
        let text = at.and_then(|at| arguments.get(at + 1));
        text.map_or(default, |text| text.parse().expect("a number"))
    };
    if arguments.is_empty() {
        println!("nothing to time without arguments: `cargo xtask bench retrain` gives them");
        return;
    }
    bossnas_torch_shim::keep_memory();
    tch::set_num_threads(number("--threads", 1) as i32);
    if arguments.iter().any(|argument| argument == "--curve") {
        let mut training = Retraining::new(64, 8);
        let losses: Vec<f64> = (0..number("--steps", 100)).map(|step| training.step(step, peer::RATE)).collect();
        println!("{{\"losses\": {losses:?}}}");
        return;
    }
    let (size, images) = (number("--size", 224), number("--images", 8));
    let mut training = Retraining::new(size, images);
    let mut run = || {
        let start = Instant::now();
        training.step(0, TIMED_RATE);
        start.elapsed().as_secs_f64() * 1e3
    };
    run();
    println!("{{\"runtime\": \"bossnas-train\", \"size\": {size}, \"batch\": {images}}}");
    for line in std::io::stdin().lock().lines() {
        let runs: usize = line.ok().and_then(|line| line.trim().parse().ok()).unwrap_or(0);
        let times: Vec<String> = (0..runs).map(|_| format!("{:.6}", run())).collect();
        println!("[{}]", times.join(", "));
    }
}
