//! The torch reader against what the published code computes for the retrained networks, and against float64.
//!
//! Tolerances: logits within 1e-5 of the largest (float32, some 150 roundings deep; 1e-6 is seen). Gradients within 2e-3 of
//! the largest element of each tensor: batch norms over 16 values amplify the last bits, the reference itself is off by
//! 4e-4 against float64. Biases in front of a norm have the gradient 0, of which float32 leaves noise: below 1e-3.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use bossnas_model::arch::BossNet;
use bossnas_testkit::fixtures::{Fixtures, Source};
use bossnas_testkit::recipe::{self, RecipeWeights};
use bossnas_trainer::torch::{Mode, Module, Params, Placement, from_f32, to_f32};
use tch::{Device, Kind, Tensor};

const LOGITS: f64 = 1e-5;
const GRADIENTS: f64 = 2e-3;
const NOISE: f64 = 1e-3;

fn bound(text: &str, gain: f64, seed: u64) -> Module {
    let graph = text.parse::<BossNet>().unwrap_or_else(|e| panic!("{text}: {e}")).graph();
    let weights = RecipeWeights::new(graph.params(), gain, seed);
    let mut params = Params::default();
    let named = graph.params().iter().map(|param| (param.name.clone(), param.clone()));
    params.load(named, &weights, Placement::TRAINED).unwrap();
    Module::bind(graph, &params, str::to_owned).unwrap()
}

fn f64s(tensor: &Tensor) -> Vec<f64> {
    to_f32(tensor).unwrap().into_iter().map(f64::from).collect()
}

#[test]
fn every_network_gives_the_published_logits() {
    let fixtures = Fixtures::open().unwrap();
    for (case, params) in fixtures.model_cases() {
        let module = bound(&params.architecture, params.gain, params.seed);
        let image = from_f32(&params.input(), &params.input_shape(), Device::Cpu).unwrap();
        let expected = fixtures.tensors(case).unwrap();
        for channels_last in [true, false] {
            let mut mode = Mode { channels_last, ..Mode::eval() };
            let logits = tch::no_grad(|| module.forward(&[image.shallow_clone()], &mut mode)).unwrap();
            let error = expected.get("logits_f64").unwrap().relative_error(&f64s(&logits[0]));
            assert!(error <= LOGITS, "{}: {error:.1e} of the largest logit", case.id);
        }
    }
}

#[test]
fn one_training_step_gives_the_published_gradients_and_statistics() {
    let fixtures = Fixtures::open().unwrap();
    if fixtures.source() != Source::Full {
        return;
    }
    for (id, text) in [
        ("models/train_T0_64", "bossnet:1/1/11101/000100000+silu+se"),
        ("models/train_T0nose_64", "bossnet:1/1/11101/000100000+relu"),
    ] {
        let case = fixtures.case(id).unwrap();
        let values: serde_json::Value = fixtures.json(&format!("{id}.values.json")).unwrap();
        let tensors = fixtures.tensors(case).unwrap();
        let module = bound(text, case.params["gain"].as_f64().unwrap(), 0);
        let shape = [4, 3, 64, 64];
        let image = from_f32(&recipe::input("input", &shape), &shape, Device::Cpu).unwrap();
        let logits = &module.forward(&[image], &mut Mode::train()).unwrap()[0];
        let labels: Vec<i64> = serde_json::from_value(case.params["labels"].clone()).unwrap();
        let loss = soft_target_loss(logits, &labels, 0.7, 0.1);
        let (ours, theirs) = (loss.double_value(&[]), values["loss_f64"].as_f64().unwrap());
        assert!((ours - theirs).abs() <= 1e-4 * theirs, "{id}: loss {ours}, not {theirs}");
        loss.backward();
        let mut compared = 0;
        for (name, tensor) in module.trained() {
            let gradient = f64s(&tensor.grad());
            let norm = gradient.iter().map(|x| x * x).sum::<f64>().sqrt();
            let expected = values["grad_norm_f64"][name].as_f64().unwrap();
            let allowed = GRADIENTS * expected + NOISE;
            assert!((norm - expected).abs() <= allowed, "{id}: gradient of {name}: norm {norm}, not {expected}");
            if let Ok(sample) = tensors.get(&format!("grad.{name}.strided64")) {
                let strided: Vec<f64> = (0..64).map(|k| gradient[k * gradient.len() / 64]).collect();
                let largest = case.summaries[&format!("grad.{name}")].absmax;
                let off = sample.values.iter().zip(&strided).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(off <= GRADIENTS * largest + NOISE, "{id}: gradient of {name}: {off:.1e} of {largest:.1e}");
                compared += 1;
            }
        }
        assert!(compared > 20, "{id}: {compared} gradients");
        let mut statistics = 0;
        for (name, summary) in values["running_stats"].as_object().unwrap() {
            let index = module.graph().params().iter().position(|param| param.name == *name).unwrap();
            let ours = f64s(module.tensor(index));
            let norm = ours.iter().map(|x| x * x).sum::<f64>().sqrt();
            let expected = summary["l2"].as_f64().unwrap();
            assert!((norm - expected).abs() <= 1e-4 * expected, "{id}: {name}: {norm}, not {expected}");
            statistics += 1;
        }
        assert!(statistics > 50, "{id}: {statistics} running statistics");
    }
}

/// timm's cross entropy with soft targets: mixed labels `lam * y + (1 - lam) * flipped y`, each smoothed.
fn soft_target_loss(logits: &Tensor, labels: &[i64], lam: f64, smoothing: f64) -> Tensor {
    let classes = logits.size()[1];
    let (off, on) = (smoothing / classes as f64, 1.0 - smoothing + smoothing / classes as f64);
    let one_hot = |labels: &[i64]| Tensor::from_slice(labels).one_hot(classes).to_kind(Kind::Float) * (on - off) + off;
    let flipped: Vec<i64> = labels.iter().rev().copied().collect();
    let target = one_hot(labels) * lam + one_hot(&flipped) * (1.0 - lam);
    -(target * logits.log_softmax(-1, Kind::Float))
        .sum_dim_intlist([-1].as_slice(), false, Kind::Float)
        .mean(Kind::Float)
}
