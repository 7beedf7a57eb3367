//! Optimizers and schedules against what the published code computes.
//!
//! Tolerances: a step is a few float32 operations, so that weights agree within 1e-5 of the largest one (gradients of the
//! small network differ in their last bits by the order of summation); schedules are float64 formulas and agree within
//! 1e-12 of the base rate.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use bossnas_model::graph::{Activation, Graph, GraphBuilder, NormParams, Op, Param, Role};
use bossnas_testkit::fixtures::{Case, Fixtures, Source};
use bossnas_testkit::recipe::{self, Kind, RecipeWeights};
use bossnas_trainer::optim::schedule::{EpochRate, StageRate, target_momentum};
use bossnas_trainer::optim::{AdamW, Average, Lars, LossScaler, Treatment, decays};
use bossnas_trainer::torch::{Mode, Module, Params, Placement, from_f32, to_f32};
use serde::Deserialize;
use tch::{Device, Tensor};

const WEIGHTS: f64 = 1e-5;
const SCHEDULE: f64 = 1e-12;

/// The full fixtures; `None` (said once by the kit) in a clone without them.
fn fixtures() -> Option<Fixtures> {
    let fixtures = Fixtures::open().unwrap();
    (fixtures.source() == Source::Full).then_some(fixtures)
}

/// The small network of these cases: a convolution, a norm, an activation, a pointwise convolution, a norm, the mean over
/// the map, a linear layer.
fn tiny() -> Graph {
    let mut graph = GraphBuilder::default();
    let norm = |graph: &mut GraphBuilder, name: &str, channels: usize| {
        let mut param = |part: &str, role| graph.param(format!("{name}.{part}"), &[channels], role);
        let params = NormParams {
            weight: param("weight", Role::NormWeight),
            bias: param("bias", Role::NormBias),
            mean: param("running_mean", Role::RunningMean),
            var: param("running_var", Role::RunningVar),
        };
        graph.param(format!("{name}.num_batches_tracked"), &[], Role::BatchCount);
        Op::BatchNorm { params, eps: 1e-5 }
    };
    let image = graph.input("image", 3);
    let weight = graph.param("conv1.weight", &[4, 3, 3, 3], Role::ConvWeight);
    let bias = Some(graph.param("conv1.bias", &[4], Role::ConvBias));
    let map = graph.node("conv1", Op::Conv2d { weight, bias, stride: 1, padding: 0, groups: 1 }, &[image]);
    let op = norm(&mut graph, "bn1", 4);
    let map = graph.node("bn1", op, &[map]);
    let map = graph.node("relu", Op::Activation(Activation::Relu), &[map]);
    let weight = graph.param("net.0.weight", &[6, 4, 1, 1], Role::ConvWeight);
    let map = graph.node("net.0", Op::Conv2d { weight, bias: None, stride: 1, padding: 0, groups: 1 }, &[map]);
    let op = norm(&mut graph, "net.1", 6);
    let map = graph.node("net.1", op, &[map]);
    let pooled = graph.node("pool", Op::GlobalAvgPool, &[map]);
    let flat = graph.node("flatten", Op::Flatten, &[pooled]);
    let weight = graph.param("fc.weight", &[5, 6], Role::LinearWeight);
    let bias = Some(graph.param("fc.bias", &[5], Role::LinearBias));
    let out = graph.node("fc", Op::Linear { weight, bias }, &[flat]);
    graph.finish(&[out])
}

/// The network with the recipe's weights, its input and its target.
struct Tiny {
    module: Module,
    input: Tensor,
    target: Tensor,
}

impl Tiny {
    fn new() -> Self {
        let graph = tiny();
        let weights = RecipeWeights::new(graph.params(), 3.0, 0);
        let mut params = Params::default();
        let named = graph.params().iter().map(|param| (param.name.clone(), param.clone()));
        params.load(named, &weights, Placement::TRAINED).unwrap();
        let module = Module::bind(graph, &params, str::to_owned).unwrap();
        let input = from_f32(&recipe::input("input", &[4, 3, 8, 8]), &[4, 3, 8, 8], Device::Cpu).unwrap();
        let target = recipe::values("target", &[4, 5], Kind::Symmetric, 1.0, 0);
        Self { module, input, target: from_f32(&target, &[4, 5], Device::Cpu).unwrap() }
    }

    /// Goes backward from `factor * sum((y - t)^2)`, and returns that.
    fn backward(&self, factor: f64) -> f64 {
        let outputs = self.module.forward(&[self.input.shallow_clone()], &mut Mode::train()).unwrap();
        let difference = &outputs[0] - &self.target;
        let loss = (&difference * &difference).sum(tch::Kind::Float) * factor;
        loss.backward();
        loss.double_value(&[])
    }

    /// `noise` is what a bias in front of a norm may be off by: its gradient is 0 and noise, which `AdamW` brings to the size of
    /// the learning rate.
    fn agrees(&self, fixtures: &Fixtures, case: &Case, step: usize, noise: f64) {
        let expected = fixtures.tensors(case).unwrap();
        for (name, tensor) in self.module.trained() {
            let ours: Vec<f64> = to_f32(tensor).unwrap().into_iter().map(f64::from).collect();
            let theirs = expected.get(&format!("step{step}.{name}")).unwrap();
            let error = theirs.relative_error(&ours);
            let is_noise = name == "conv1.bias" && error * theirs.absmax() <= noise;
            assert!(is_noise || error <= WEIGHTS, "{}: {name} after step {step}: {error:.1e}", case.id);
        }
    }
}

fn losses_agree(case: &Case, losses: &[f64]) {
    let expected: Vec<f64> = serde_json::from_value(case.values["losses"].clone()).unwrap();
    assert_eq!(expected.len(), losses.len());
    for (ours, theirs) in losses.iter().zip(&expected) {
        assert!((ours - theirs).abs() <= WEIGHTS * theirs.abs(), "{}: loss {ours}, not {theirs}", case.id);
    }
}

#[test]
fn three_steps_of_adamw() {
    let Some(fixtures) = fixtures() else { return };
    let case = fixtures.case("optim/adamw_3steps").unwrap();
    let tiny = Tiny::new();
    let mut optimizer = AdamW::new(0.05);
    let mut losses = Vec::new();
    for step in 1..=3 {
        losses.push(tiny.backward(0.5));
        optimizer.step(tiny.module.trained(), 0.005).unwrap();
        tiny.agrees(&fixtures, case, step, 2.0 * 0.005 * step as f64);
    }
    losses_agree(case, &losses);
    let expected = fixtures.tensors(case).unwrap();
    for (name, moments) in optimizer.state() {
        for (kind, tensor) in [("exp_avg", &moments.mean), ("exp_avg_sq", &moments.square)] {
            let ours: Vec<f64> = to_f32(tensor).unwrap().into_iter().map(f64::from).collect();
            let expected = expected.get(&format!("{kind}.{name}")).unwrap();
            // In front of a norm a bias has the gradient 0 and noise.
            let noise = name == "conv1.bias" && expected.absmax() < 1e-5;
            assert!(noise || expected.relative_error(&ours) < 1e-4, "{kind}.{name}");
        }
    }
}

#[test]
fn parameters_that_decay_are_the_published_ones() {
    let Some(fixtures) = fixtures() else { return };
    let groups: BTreeMap<String, serde_json::Value> = fixtures.json("optim/adamw_groups_T0.json").unwrap();
    let names = |group: &str| -> Vec<String> { serde_json::from_value(groups[group].clone()).unwrap() };
    let net: bossnas_model::arch::BossNet = "bossnet:1/1/11101/000100000+silu+se".parse().unwrap();
    let graph = net.graph();
    let trained = graph.params().iter().filter(|param| !param.role.is_buffer());
    let decays = |param: &&Param| decays(&param.name, &vec![1; param.shape.len()]);
    let (decaying, fixed): (Vec<&Param>, Vec<&Param>) = trained.partition(decays);
    let of = |params: Vec<&Param>| params.into_iter().map(|param| param.name.clone()).collect::<Vec<_>>();
    assert_eq!(of(decaying), names("decay"));
    assert_eq!(of(fixed), names("no_decay"));
}

#[derive(Deserialize)]
struct LarsParams {
    lr: f64,
    weight_decay: f64,
    momentum: f64,
    eta: f64,
    groups: Vec<LarsGroup>,
}

#[derive(Deserialize)]
struct LarsGroup {
    name: String,
    lars_exclude: bool,
}

fn three_steps_of_lars(id: &str) {
    let Some(fixtures) = fixtures() else { return };
    let case = fixtures.case(id).unwrap();
    let numbers: LarsParams = serde_json::from_value(case.params.clone()).unwrap();
    let treatment = |name: &str| {
        let group = numbers.groups.iter().find(|group| group.name == name).unwrap();
        if group.lars_exclude { Treatment::Excluded } else { Treatment::Adapted }
    };
    let tiny = Tiny::new();
    // A gradient of zeros: neither decay nor momentum.
    let idle = from_f32(&[1.0; 9], &[3, 3], Device::Cpu).unwrap().set_requires_grad(true);
    let mut optimizer = Lars::published();
    (optimizer.eta, optimizer.momentum, optimizer.weight_decay) = (numbers.eta, numbers.momentum, numbers.weight_decay);
    let mut losses = Vec::new();
    for step in 1..=3 {
        losses.push(tiny.backward(0.05));
        (&idle * 0.0).sum(tch::Kind::Float).backward();
        let params = tiny.module.trained().chain([("zerograd", &idle)]);
        let params = params.map(|(name, tensor)| (name, tensor, treatment(name)));
        let changed = optimizer.step(params, numbers.lr).unwrap();
        assert!(!changed.contains(&"zerograd") && changed.contains(&"fc.weight"));
        tiny.agrees(&fixtures, case, step, 0.0);
    }
    losses_agree(case, &losses);
    assert_eq!(to_f32(&idle).unwrap(), [1.0; 9]);
    assert!(!optimizer.state().contains_key("zerograd"));
}

#[test]
fn three_steps_of_lars_as_the_search_sets_it_up() {
    three_steps_of_lars("optim/lars_3steps_hytra_cfg");
}

#[test]
fn three_steps_of_lars_with_a_large_decay() {
    three_steps_of_lars("optim/lars_3steps_wd_big");
}

#[test]
fn the_searchs_schedules() {
    #[derive(Deserialize)]
    struct Published {
        lr_config: Config,
        base_lr: f64,
        epochs_per_stage: u64,
        iters_per_epoch: u64,
        lr_per_iter: Vec<f64>,
    }
    #[derive(Deserialize)]
    struct Config {
        warmup_iters: u64,
        warmup_ratio: f64,
    }
    let Some(fixtures) = fixtures() else { return };
    let all: BTreeMap<String, serde_json::Value> = fixtures.json("optim/mmcv_cosine_byol_momentum.json").unwrap();
    let mut compared = 0;
    for (name, published) in all {
        let Ok(published) = serde_json::from_value::<Published>(published) else { continue };
        let rate = StageRate {
            base: published.base_lr,
            epochs: published.epochs_per_stage,
            iterations: published.iters_per_epoch,
            warmup_epochs: published.lr_config.warmup_iters,
            warmup_ratio: published.lr_config.warmup_ratio,
        };
        for (iteration, &theirs) in published.lr_per_iter.iter().enumerate() {
            let ours = rate.at(iteration as u64);
            assert!((ours - theirs).abs() <= SCHEDULE * rate.base, "{name} at {iteration}: {ours}, not {theirs}");
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared}");
    // The momentum of two steps of the training cases.
    assert!((target_momentum(7, 1000) - 0.990_001_208_977_815_1).abs() < 1e-6);
}

#[test]
fn the_retrainings_schedule() {
    let Some(fixtures) = fixtures() else { return };
    let all: BTreeMap<String, serde_json::Value> = fixtures.json("optim/timm_cosine.json").unwrap();
    let mut compared = 0;
    for (name, published) in &all {
        let (Some(args), Some(rates)) = (published.get("args"), published.get("lr_after_step_epoch")) else { continue };
        let number = |key: &str| args[key].as_f64().unwrap();
        let rate = EpochRate {
            base: number("lr"),
            smallest: number("min_lr"),
            warmup: number("warmup_lr"),
            warmup_epochs: args["warmup_epochs"].as_u64().unwrap(),
            epochs: args["epochs"].as_u64().unwrap(),
        };
        for (epoch, theirs) in rates.as_array().unwrap().iter().enumerate() {
            let (ours, theirs) = (rate.at(epoch as u64), theirs.as_f64().unwrap());
            assert!((ours - theirs).abs() <= SCHEDULE * rate.base, "{name} at {epoch}: {ours}, not {theirs}");
            compared += 1;
        }
    }
    assert!(compared >= 300, "{compared}");
}

#[test]
fn two_updates_of_the_average() {
    let Some(fixtures) = fixtures() else { return };
    let case = fixtures.case("optim/ema_2updates").unwrap();
    let expected = fixtures.tensors(case).unwrap();
    let graph = tiny();
    let drawn = |prefix: &str| -> Vec<Tensor> {
        let tensor = |param: &Param| {
            if param.role == Role::BatchCount {
                return Tensor::from_slice(&[if prefix.is_empty() { 0_i64 } else { 7 }]);
            }
            let kind = Kind::of_parameter(&param.name, &param.shape).unwrap();
            let values = recipe::values(&format!("{prefix}{}", param.name), &param.shape, kind, 3.0, 0);
            from_f32(&values, &param.shape, Device::Cpu).unwrap()
        };
        graph.params().iter().map(tensor).collect()
    };
    let (averages, model) = (drawn(""), drawn("ema2."));
    for _ in 0..2 {
        Average { decay: 0.9 }.update(&averages, &model).unwrap();
    }
    for (param, average) in graph.params().iter().zip(&averages) {
        let ours: Vec<f64> = to_f32(average).unwrap().into_iter().map(f64::from).collect();
        let expected = expected.get(&param.name).unwrap();
        let off = ours.iter().zip(&expected.values).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off <= 1e-6 * expected.absmax(), "{}: {off:.1e}", param.name);
    }
}

#[test]
fn a_loss_that_overflows_halves_the_factor_and_the_step_is_left_out() {
    let mut scaler = LossScaler::default();
    let start = scaler.scale();
    let gradient = Tensor::from_slice(&[start as f32, 2.0 * start as f32]);
    assert!(scaler.unscale(&[gradient.shallow_clone()]).unwrap());
    assert_eq!(to_f32(&gradient).unwrap(), [1.0, 2.0]);
    assert!(!scaler.unscale(&[Tensor::from_slice(&[f32::INFINITY])]).unwrap());
    assert!(!scaler.unscale(&[Tensor::from_slice(&[f32::NAN, 1.0])]).unwrap());
    assert_eq!(scaler.scale(), start / 4.0);
    for _ in 0..2000 {
        assert!(scaler.unscale(&[Tensor::from_slice(&[1.0_f32])]).unwrap());
    }
    assert_eq!((scaler.scale(), scaler.good_steps()), (start / 2.0, 0));
    assert_eq!(LossScaler::restore(8.0, 3).scaled(&Tensor::from(2.0_f32)).unwrap().double_value(&[]), 16.0);
}
