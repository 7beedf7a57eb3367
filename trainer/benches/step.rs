//! Times the search's training step, as the programs of `tests/peers` do, and by their protocol: it prints one line that
//! says what it is, and answers every line `N` on stdin with the milliseconds of N runs.
//!
//!     step --space hytra|mbconv|nats-c10|nats-c100 --part step|lars|momentum|rate-shared|rate-plain --threads N [--images 8]
//!
//! `step` is one batch with one update; `lars` is the optimizer alone, of the gradients that a batch left, and `momentum` the
//! target's move towards the online network alone.
//! `rate-shared` and `rate-plain` rate all paths of the stage that `cargo xtask bench search` names, or `--share`th of them.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a program that is run by hand and by xtask")]

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::BufRead as _;
use std::time::Instant;

use bossnas_model::graph::Orientation;
use bossnas_model::space::Space;
use bossnas_model::weights::{DType, Problem, TensorInfo, Weights, WeightsError, little_endian};
use bossnas_trainer::search::rate::{Job, Need, plain, shared};
use bossnas_trainer::search::siamese::{Batch, Extent, Learner, Siamese, Side, StagePaths};
use bossnas_trainer::search::{Rules, World};
use bossnas_trainer::torch::Placement;
use tch::{Device, Kind, Tensor};

#[global_allocator]
static ALLOCATOR: bossnas_torch_shim::Allocator = bossnas_torch_shim::Allocator;

/// The published warm-up's first rate, so that weights stay where they are.
const RATE: f64 = 4.8e-4;
/// Of the target, as at the published start.
const MOMENTUM: f64 = 0.99;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let told = |name: &str, default: &str| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)).cloned().unwrap_or_else(|| default.to_owned())
    };
    let number = |name: &str, default: &str| told(name, default).parse::<i64>().expect("a number");
    if arguments.is_empty() {
        println!("nothing to time without arguments: `cargo xtask bench search` gives them");
        return;
    }
    bossnas_torch_shim::keep_memory();
    tch::set_num_threads(number("--threads", "1") as i32);
    tch::manual_seed(0);
    let space: Space = told("--space", "nats-c10").parse().expect("a space");
    let space = space.with_orientation(Orientation::Transposed);
    let (part, images) = (told("--part", "step"), number("--images", "8"));
    match part.as_str() {
        "step" | "lars" | "momentum" => steps(space, &part, images),
        _ => ratings(space, &part, number("--share", "1") as usize),
    }
}

/// Answers lines with the times of runs.
fn serve(what: &str, mut run: impl FnMut() -> f64) {
    run();
    println!("{{\"runtime\": \"bossnas-train\", \"part\": \"{what}\"}}");
    for line in std::io::stdin().lock().lines() {
        let runs: usize = line.ok().and_then(|line| line.trim().parse().ok()).unwrap_or(0);
        let times: Vec<String> = (0..runs).map(|_| format!("{:.6}", run())).collect();
        println!("[{}]", times.join(", "));
    }
}

fn milliseconds(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64() * 1e3
}

fn steps(space: Space, part: &str, images: i64) {
    let layers = space.layers(0) as u8;
    // Those of the peers' programs.
    let paths: Vec<Vec<u8>> = match space {
        Space::Hytra(_) => vec![vec![4, 2, 0, 1], vec![5, 4, 3, 2], vec![5, 5, 5, 4], vec![4, 4, 3, 0]],
        Space::Mbconv(_) => (0..4).map(|row| (0..layers).map(|layer| (row + 3 * (1 - layer)) % 4).collect()).collect(),
        Space::Nats(_) => (0..8).map(|row| (0..layers).map(|layer| (row + 7 * layer) % 8).collect()).collect(),
    };
    let stage = StagePaths::new(&space, Vec::new()).and_then(|stage| stage.only(&space, paths.clone()));
    let stage = stage.expect("these paths are allowed");
    let siamese = Siamese::load(space, &stage.parts(), Extent::Whole, &Cheap::of(&space), Placement::TRAINED);
    let siamese = siamese.expect("weights of the space");
    let mut learner = Learner::new(siamese, stage, Rules::published(), World::alone()).expect("a learner");
    let (size, views) = (space.image_size() as i64, if matches!(space, Space::Nats(_)) { 2 } else { 8 });
    let images = Tensor::randn([images, views, 3, size, size], (Kind::Float, Device::Cpu));
    let gradients = |learner: &mut Learner| {
        learner.accumulate(Batch { images: &images, paths: &paths, accumulate: 8 }).expect("a batch");
    };
    let mut touched = false;
    serve(part, || match part {
        "step" => milliseconds(|| {
            gradients(&mut learner);
            learner.update(RATE, MOMENTUM).expect("an update");
        }),
        "lars" => {
            gradients(&mut learner);
            milliseconds(|| {
                learner.optimize(RATE).expect("a step of the optimizer");
            })
        }
        _ => {
            // Only weights that paths have touched part, so that they must be touched once.
            if !std::mem::replace(&mut touched, true) {
                gradients(&mut learner);
                learner.optimize(RATE).expect("a step of the optimizer");
            }
            milliseconds(|| learner.follow(MOMENTUM).expect("a move"))
        }
    });
}

fn ratings(space: Space, part: &str, share: usize) {
    let (best, batches, images) = match space {
        Space::Mbconv(_) => (vec![vec![0, 0]], 4, 8),
        Space::Hytra(_) => (Vec::new(), 2, 4),
        Space::Nats(_) => (Vec::new(), 8, 64),
    };
    let stage = StagePaths::new(&space, best).expect("a stage");
    let some = stage.candidates().iter().step_by(share).cloned().collect();
    let stage = stage.only(&space, some).expect("these paths are allowed");
    let siamese = Siamese::load(space, &stage.parts(), Extent::Parts, &Cheap::of(&space), Placement::FIXED);
    let siamese = siamese.expect("weights of the space");
    let size = space.image_size() as i64;
    let new = || Tensor::randn([images, 2, 3, size, size], (Kind::Float, Device::Cpu));
    let (all, bn_images): (Vec<Tensor>, Tensor) = ((0..batches).map(|_| new()).collect(), new());
    let job = Job { siamese: &siamese, stage: &stage, rules: Rules::published(), images: &all, bn_images: &bn_images };
    let need = Need::of(&job).expect("an estimate");
    let limit = need.default_limit(images as u64);
    let time = milliseconds(|| {
        let rated =
            if part == "rate-plain" { plain(&job, &mut |_, _| ()) } else { shared(&job, limit, &mut |_, _| ()) };
        rated.expect("ratings");
    });
    let paths = stage.candidates().len();
    println!("{{\"part\": \"{part}\", \"paths\": {paths}, \"ms\": {time:.1}, \"peak_kb\": {}}}", peak());
}

/// The most memory that this process had, in kilobytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Weights that cost nothing to make, of the right size, and the same on both sides.
struct Cheap {
    infos: HashMap<String, TensorInfo>,
}

impl Cheap {
    fn of(space: &Space) -> Self {
        let info = |shape: &[usize], name: &str| {
            let dtype = if name.ends_with("num_batches_tracked") { DType::I64 } else { DType::F32 };
            TensorInfo { dtype, shape: shape.to_vec() }
        };
        let sides = [Side::Online, Side::Target];
        let all = space.parameters().into_iter();
        let named = all.flat_map(|param| sides.map(|side| (side.name(&param.name), info(&param.shape, &param.name))));
        Self { infos: named.collect() }
    }
}

impl Weights for Cheap {
    fn names(&self) -> Vec<&str> {
        self.infos.keys().map(String::as_str).collect()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.infos.get(name)
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError> {
        let info = self.info(name).ok_or_else(|| WeightsError::new(name, Problem::Missing))?;
        let elements = info.elements().unwrap_or(0);
        if info.dtype == DType::I64 {
            return Ok(vec![0; 8 * elements].into());
        }
        let fan_in: usize = info.shape.iter().skip(1).product();
        let spread = (3.0 / fan_in.max(1) as f32).sqrt();
        let value = |index: usize| {
            let hash = (index as u32).wrapping_mul(2_654_435_761) >> 8;
            let unit = hash as f32 / 16_777_216.0;
            if info.shape.len() > 1 { (2.0 * unit - 1.0) * spread } else { 0.5 + unit }
        };
        Ok(little_endian(&(0..elements).map(value).collect::<Vec<_>>()).into())
    }
}
