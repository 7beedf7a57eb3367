//! Random paths through the supernets, exported with weights of the whole supernet, compute in tract what they compute in
//! float64.
//!
//! Tolerance: 1e-5 of the largest element. tract computes in float32 and is off by up to 7e-7; a wrong operator is off by
//! the size of the value.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use bossnas_converter::onnx::{Batch, DEFAULT_OPSET, Metadata, OnnxModel, Options, Source};
use bossnas_files::npy::Array;
use bossnas_model::arch::SearchNet;
use bossnas_model::evaluate::{Tensor, evaluate};
use bossnas_model::graph::Param;
use bossnas_model::pass::Pass;
use bossnas_model::preprocess::Preprocessing;
use bossnas_model::random::splitmix64;
use bossnas_model::space::Space;
use bossnas_model::weights::{Cut, SharedWeights};
use bossnas_testkit::recipe::{self, RecipeWeights};
use bossnas_zoo::export::{Job, export};
use bossnas_zoo::runtime::Tract;

const TOLERANCE: f64 = 1e-5;
/// Random paths of each space.
const PATHS: u64 = 6;

/// The random numbers of a case.
struct Draws {
    seed: u64,
    drawn: u64,
}

impl Draws {
    fn below(&mut self, count: usize) -> usize {
        self.drawn += 1;
        (splitmix64(self.seed, self.drawn) % count as u64) as usize
    }
}

/// A path of a narrow supernet.
fn random_net(space: Space, draws: &mut Draws) -> SearchNet {
    let mut before = None;
    let mut stages = Vec::new();
    for stage in 0..space.stages() {
        let mut paths = space.paths(stage, before);
        paths.retain(|ops| ops.last().is_some_and(|&op| space.goes_on(stage, op)));
        let ops = &paths[draws.below(paths.len())];
        before = ops.last().copied();
        stages.push(ops.iter().map(u8::to_string).collect::<String>());
    }
    format!("{space}:{}+base=8", stages.join("/")).parse().unwrap()
}

#[test]
fn random_paths_compute_in_tract_what_they_compute_in_float64() {
    for (number, space) in (0..).zip(Space::PUBLISHED) {
        for path in 0..PATHS {
            let mut draws = Draws { seed: 100 * number + path, drawn: 0 };
            let net = random_net(space, &mut draws);
            let size = [32, 32].map(|side| side * (1 + draws.below(3)));
            let passes = if path % 2 == 0 { Pass::INFERENCE.to_vec() } else { vec![Pass::StripDropPath] };
            check(&net, size, passes);
        }
    }
}

fn check(net: &SearchNet, size: [usize; 2], passes: Vec<Pass>) {
    let supernet = net.supernet().unwrap();
    let params: Vec<Param> = supernet.parameters().into_iter().map(Param::from).collect();
    let weights: SharedWeights = Arc::new(RecipeWeights::new(&params, recipe::RELU_GAIN, 0));
    let metadata = Metadata {
        architecture: net.clone().into(),
        model: None,
        passes,
        source: Source::StateDict("recipe".to_owned()),
        preprocessing: Preprocessing::published(size),
        labels: Vec::new(),
        licence: None,
    };
    let options = Options { opset: DEFAULT_OPSET, batch: Batch::Dynamic, size };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("path.onnx");
    export(&Job { weights: weights.clone(), metadata: &metadata, options, verify: false }, &file).unwrap();

    let shape = [2, 3, size[0], size[1]];
    let input = Array { shape: shape.to_vec(), values: recipe::input("image", &shape) };
    let image = Tensor::new(shape, input.values.iter().copied().map(f64::from).collect()).unwrap();
    let graph = supernet.features(&net.path);
    let expected = evaluate(&graph, &Cut::new(weights, &graph), vec![image]).unwrap().remove(0);
    let (name, got) = Tract::load(&file, &[("image", &input.shape)]).unwrap().run(&[&input]).unwrap().remove(0);
    assert_eq!((name.as_str(), got.shape.as_slice()), ("features", expected.shape()), "{net}");
    let error = got.values.iter().zip(expected.data()).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max);
    println!("{net} at {size:?}: {:.1e} of the largest", error / expected.max_abs());
    assert!(error <= TOLERANCE * expected.max_abs(), "{net}: off by {error:.1e} of {:.1e}", expected.max_abs());
    assert_eq!(OnnxModel::open(&file).unwrap().metadata, metadata, "{net}");
}
