//! How a module runs: smaller number formats, stochastic depth, and statistics that are estimated and used again.
//!
//! Tolerances, as the length of a difference in units of the length of what float32 gives. bfloat16 keeps 8 bits, so an
//! element is off by up to 4e-3, and some dozens of layers by a per cent: outputs with running statistics 2 %; float16
//! keeps three bits more, and is off by an eighth. Statistics of a small batch divide by small deviations, which
//! enlarges what is off ten times. Gradients of smooth functions are off like maps: 2 % in float16, eight times that in
//! bfloat16. ReLU has a kink: a share of its inputs as large as maps are off falls on the other side, and each changes
//! the gradient by all of its part: the root of that share, of each layer. Shares of draws: five standard deviations of
//! the binomial. Statistics in float64: 1e-12, the order of summation.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod small;

use bossnas_model::arch::BossNet;
use bossnas_model::graph::{Graph, GraphBuilder, Op, drop_path_rate};
use bossnas_model::space::Space;
use bossnas_trainer::optim::LossScaler;
use bossnas_trainer::search::siamese::StagePaths;
use bossnas_trainer::torch::{DropPath, Mode, Module, Norm, Placement, Precision, Statistics};
use small::{EXACT, conv_norm, far, input, module, numbers};
use tch::{Kind, Tensor};

const OUTPUTS: f64 = 0.02;
const GRADIENTS: f64 = 0.02;

/// A path of the first stage up to its map or to its projection, in one graph.
fn network(space: &Space, path: &[u8], projected: bool) -> Graph {
    let stage = StagePaths::new(space, Vec::new()).unwrap();
    let parts = stage.body(path).into_iter().chain(projected.then(|| stage.projection(path)));
    parts.map(|part| part.graph(space)).reduce(Graph::then).unwrap()
}

/// The length of the difference in units of that of `theirs`.
fn apart(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    length(&mut ours.iter().zip(theirs).map(|(a, b)| a - b)) / length(&mut theirs.iter().copied())
}

/// Outputs and gradients of one training step, and how often the scaler found gradients that overflowed.
struct Step {
    output: Vec<f64>,
    gradients: Vec<f64>,
    overflows: usize,
}

/// Runs a network on a batch in a number format; all parameters and gradients are float32 before and after.
fn step(graph: &Graph, side: usize, precision: Precision) -> Step {
    let module = module(graph, Placement::TRAINED);
    let image = input("image", &[8, 3, side, side], Kind::Float);
    let mut scaler = LossScaler::default();
    let mut overflows = 0;
    loop {
        let mut kept = Statistics::default();
        let mut mode = Mode { precision, ..Mode::with(Norm::Estimate(&mut kept)) };
        let output = module.forward_one(&image, &mut mode).unwrap();
        let shape: Vec<usize> = output.size().iter().map(|&extent| extent as usize).collect();
        let direction = input("direction", &shape, Kind::Float);
        let loss = (output.to_kind(Kind::Float) * direction).mean(Kind::Float);
        let is_scaled = precision == Precision::Fp16;
        let loss = if is_scaled { scaler.scaled(&loss).unwrap() } else { loss };
        loss.backward();
        let gradients: Vec<Tensor> = module.trained().map(|(_, tensor)| tensor.grad()).collect();
        assert!(gradients.iter().chain(module.trained().map(|(_, tensor)| tensor)).all(|t| t.kind() == Kind::Float));
        if is_scaled && !scaler.unscale(&gradients).unwrap() {
            overflows += 1;
            assert!(overflows < 17, "even a factor of 1 overflows");
            module.trained().for_each(|(_, tensor)| tensor.shallow_clone().zero_grad());
            continue;
        }
        let gradients = gradients.iter().flat_map(numbers).collect();
        return Step { output: numbers(&output), gradients, overflows };
    }
}

/// A path with attention and ReLU, one with squeeze-and-excitation and SiLU, one with slices and ReLU; each with the
/// side of its images.
fn small_networks(projected: bool) -> [(Graph, usize); 3] {
    [
        (network(&small::hytra(), &[4, 2, 0, 0], projected), 64),
        (network(&small::mbconv(), &[0, 3], projected), 32),
        (network(&small::nats(), &[2, 5], projected), 16),
    ]
}

#[test]
fn smaller_formats_are_near_float32_and_other_formats() {
    for (graph, side) in small_networks(true) {
        let module = module(&graph, Placement::FIXED);
        let image = input("image", &[2, 3, side, side], Kind::Float);
        let run = |precision| {
            let output = module.forward_one(&image, &mut Mode { precision, ..Mode::eval() }).unwrap();
            (output.kind(), numbers(&output))
        };
        let (full, bf16, fp16) = (run(Precision::Full), run(Precision::Bf16), run(Precision::Fp16));
        assert_eq!([full.0, bf16.0, fp16.0], [Kind::Float, Kind::BFloat16, Kind::Half]);
        let [bf16, fp16] = [apart(&bf16.1, &full.1), apart(&fp16.1, &full.1)];
        println!("outputs: bfloat16 {bf16:.1e} off, float16 {fp16:.1e} off");
        assert!(bf16 > 1e-4 && bf16 < OUTPUTS, "bfloat16: {bf16:.1e} off");
        assert!(fp16 > 1e-5 && fp16 < OUTPUTS / 8.0, "float16 has three bits more: {fp16:.1e} off");
    }
}

#[test]
fn gradients_of_mixed_precision_are_near_those_of_float32() {
    for ((graph, side), has_kinks) in small_networks(false).into_iter().zip([true, false, true]) {
        let full = step(&graph, side, Precision::Full);
        for (precision, finer) in [(Precision::Bf16, 1.0), (Precision::Fp16, 8.0)] {
            let mixed = step(&graph, side, precision);
            let (output, off) = (apart(&mixed.output, &full.output), apart(&mixed.gradients, &full.gradients));
            println!("{precision:?}: maps {output:.1e} off, gradients {off:.1e} off, {} overflows", mixed.overflows);
            let allowed = if has_kinks { 3.0 * output.sqrt() } else { 8.0 * GRADIENTS / finer };
            assert!(off > 1e-4 && off < allowed, "{precision:?}: gradients are {off:.1e} off, {allowed:.1e} allowed");
        }
    }
}

#[test]
fn a_format_ends_with_the_run() {
    let map = input("map", &[1, 4, 3, 3], Kind::Float);
    let product = || map.conv2d(&input("weight", &[2, 4, 1, 1], Kind::Float), None::<&Tensor>, 1, 0, 1, 1);
    let module = module(&conv_norm(4, 2, false), Placement::FIXED);
    let mut mode = Mode { precision: Precision::Bf16, ..Mode::eval() };
    assert_eq!(module.forward_one(&map, &mut mode).unwrap().kind(), Kind::BFloat16);
    assert_eq!(product().kind(), Kind::Float);
    // Also where the run fails: these are features, which a convolution cannot read.
    assert!(module.forward_one(&input("map", &[1, 4], Kind::Float), &mut mode).is_err());
    assert_eq!(product().kind(), Kind::Float);
}

/// A branch that is dropped or not, and nothing else.
fn dropped(block: usize) -> Module {
    let mut graph = GraphBuilder::default();
    let map = graph.input("map", 2);
    let branch = graph.node("branch", Op::DropPath { block }, &[map]);
    module(&graph.finish(&[branch]), Placement::FIXED)
}

/// Which samples are kept, where each is 0 as a whole or scaled up as a whole.
fn kept(block: usize, samples: usize, drop_path: DropPath) -> Vec<bool> {
    let map = input("map", &[samples, 2, 2, 1], Kind::Float);
    let mut mode = Mode { drop_path: Some(drop_path), ..Mode::train() };
    let out = numbers(&dropped(block).forward_one(&map, &mut mode).unwrap());
    let keep = 1.0 - drop_path_rate(drop_path.rate, block);
    let pairs = out.chunks(4).zip(numbers(&map).chunks(4).map(<[f64]>::to_vec).collect::<Vec<_>>());
    pairs
        .map(|(out, before)| {
            let is_kept = out.iter().any(|&value| value != 0.0);
            let scaled: Vec<f64> = before.iter().map(|value| if is_kept { value / keep } else { 0.0 }).collect();
            assert!(out.iter().zip(&scaled).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs()), "{out:?}, not {scaled:?}");
            is_kept
        })
        .collect()
}

#[test]
fn branches_are_dropped_at_the_rate_of_their_block() {
    const SAMPLES: usize = 20_000;
    for (rate, block) in [(0.1, 15), (0.3, 5), (0.5, 12)] {
        let share = drop_path_rate(rate, block);
        let kept = kept(block, SAMPLES, DropPath { rate, key: 11 });
        let dropped = kept.iter().filter(|&&kept| !kept).count() as f64;
        let deviation = (SAMPLES as f64 * share * (1.0 - share)).sqrt();
        let expected = SAMPLES as f64 * share;
        assert!((dropped - expected).abs() < 5.0 * deviation, "{dropped} dropped, {expected} expected");
        // Draws of neighbours have nothing to do with each other: both are dropped in that share of the share.
        let both = kept.windows(2).filter(|pair| !pair[0] && !pair[1]).count() as f64;
        let share = share * share;
        // Pairs overlap, which at most doubles the variance and more.
        let deviation = (3.0 * SAMPLES as f64 * share).sqrt();
        assert!((both - SAMPLES as f64 * share).abs() < 5.0 * deviation, "{both} pairs dropped");
    }
}

#[test]
fn the_same_key_draws_the_same_and_blocks_draw_on_their_own() {
    let draws = |block, key| kept(block, 200, DropPath { rate: 0.5, key });
    assert_eq!(draws(14, 3), draws(14, 3));
    assert_ne!(draws(14, 3), draws(14, 4));
    // Two blocks that are dropped as often, under nominal rates that make it so.
    let (late, early) = (DropPath { rate: 0.25, key: 3 }, DropPath { rate: 0.5, key: 3 });
    assert_eq!(drop_path_rate(late.rate, 14), drop_path_rate(early.rate, 7));
    assert_ne!(kept(14, 200, late), kept(7, 200, early));
    // The first block is never dropped.
    assert!(draws(0, 3).iter().all(|&kept| kept));
}

#[test]
fn a_rate_of_zero_changes_nothing_and_another_does() {
    let net: BossNet = "bossnet:1/1/11101/000100000+silu+se".parse().unwrap();
    let module = module(&net.graph(), Placement::FIXED);
    let image = input("image", &[2, 3, 64, 64], Kind::Float);
    let run = |drop_path| {
        let mut mode = Mode { drop_path, ..Mode::eval() };
        numbers(&tch::no_grad(|| module.forward_one(&image, &mut mode)).unwrap())
    };
    assert_eq!(run(Some(DropPath { rate: 0.0, key: 1 })), run(None));
    assert_ne!(run(Some(DropPath { rate: 0.9, key: 1 })), run(None));
}

/// The tensors of the norms' statistics and counts.
fn buffers(module: &Module) -> Vec<f64> {
    let buffers = module.graph().params().iter().enumerate().filter(|(_, param)| param.role.is_buffer());
    buffers.flat_map(|(index, _)| numbers(module.tensor(index))).collect()
}

fn forward(module: &Module, map: &Tensor, norm: Norm<'_>) -> Tensor {
    tch::no_grad(|| module.forward_one(map, &mut Mode::with(norm))).unwrap()
}

#[test]
fn given_statistics_are_those_of_the_batch_with_the_unbiased_variance() {
    // With the mean over the map behind the norm, the second goes the way of covariances.
    for is_pooled in [false, true] {
        let graph = conv_norm(3, 24, is_pooled);
        let module = module(&graph, EXACT);
        let map = input("map", &[4, 3, 5, 3], Kind::Double);
        let before = buffers(&module);
        let mut kept = Statistics::default();
        let estimated = forward(&module, &map, Norm::Estimate(&mut kept));
        let given = forward(&module, &map, Norm::Given(&kept));
        assert_eq!(buffers(&module), before, "running statistics stay as they are");

        let named = |name: &str| {
            let index = graph.params().iter().position(|param| param.name == name).unwrap();
            module.tensor(index).detach()
        };
        let convolved = map.conv2d(&named("0.weight"), None::<&Tensor>, 1, 0, 1, 1);
        let var = convolved.var_dim([0, 2, 3].as_slice(), false, true);
        let pixels = 4.0 * 5.0 * 3.0;
        let factor = ((&var + 1e-5) / (&var * (pixels / (pixels - 1.0)) + 1e-5)).sqrt();
        let bias = named("1.bias").view([1, -1, 1, 1]);
        let expected = (&estimated - &bias) * factor + &bias;
        assert!(far(&numbers(&given), &numbers(&expected)) <= 1e-12);
        let unlike = far(&numbers(&given), &numbers(&estimated));
        assert!(unlike > 1e-3, "biased and unbiased are told apart: {unlike:.1e}");
    }
}

#[test]
fn a_whole_network_keeps_what_running_statistics_would_become() {
    for (graph, side) in small_networks(true) {
        let module = module(&graph, EXACT);
        let image = input("image", &[4, 3, side, side], Kind::Double);
        let before = buffers(&module);
        let mut kept = Statistics::default();
        let estimated = numbers(&forward(&module, &image, Norm::Estimate(&mut kept)));
        let given = numbers(&forward(&module, &image, Norm::Given(&kept)));
        assert_eq!(buffers(&module), before, "running statistics stay as they are");
        // With a momentum of 1, running statistics are those of the last batch.
        let trained = numbers(&forward(&module, &image, Norm::Train { momentum: 1.0, batches: 5 }));
        assert_ne!(buffers(&module), before);
        assert!(far(&estimated, &trained) <= 1e-12);
        let evaluated = numbers(&forward(&module, &image, Norm::Eval));
        assert!(far(&given, &evaluated) <= 1e-12);
        let counts = graph.params().iter().enumerate().filter(|(_, param)| param.name.ends_with("num_batches_tracked"));
        let counts: Vec<f64> = counts.flat_map(|(index, _)| numbers(module.tensor(index))).collect();
        assert!(!counts.is_empty() && counts.iter().all(|&count| count == 5.0), "{counts:?}");
    }
}

#[test]
fn reset_statistics_are_mean_0_and_variance_1() {
    let graph = conv_norm(3, 4, false);
    let module = module(&graph, EXACT);
    let map = input("map", &[2, 3, 5, 3], Kind::Double);
    let reset = Statistics::reset(&module).unwrap();
    let found = forward(&module, &map, Norm::Given(&reset));
    let tensor = |index: usize| module.tensor(index).detach();
    let convolved = map.conv2d(&tensor(0), None::<&Tensor>, 1, 0, 1, 1);
    let (weight, bias) = (tensor(1).view([1, -1, 1, 1]), tensor(2).view([1, -1, 1, 1]));
    let expected = convolved / 1.000_01_f64.sqrt() * weight + bias;
    assert!(far(&numbers(&found), &numbers(&expected)) <= 1e-12);
}
