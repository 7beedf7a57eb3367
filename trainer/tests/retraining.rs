//! The retraining's step in its parts, against what the published code computes and against formulas.
//!
//! Tolerances: a loss over eleven classes is a few float32 operations, within 1e-6 of the published one, its gradients within 1e-6
//! of the largest; steps of optimizers likewise. Schedules are float64 formulas, within 1e-12 of the base rate.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod small;
mod support;

use bossnas_data::training::{Blend, Mixed, Share};
use bossnas_model::arch::BossNet;
use bossnas_model::graph::{Graph, GraphBuilder, Op, Role};
use bossnas_model::init::Initial;
use bossnas_testkit::recipe;
use bossnas_trainer::optim::{AdamW, Average, Optimizer, Sgd, clip, norm};
use bossnas_trainer::retrain::{Batch, Config, Learner, LrByEpoch, Preset, Regimen, Rules, Update, soft_cross_entropy};
use bossnas_trainer::torch::{Dropout, Mode, Module, Params, Precision, from_f32, to_f32};
use small::{far, numbers, one_thread};
use support::fixtures;
use tch::{Device, Kind, Tensor};

const LOSS: f64 = 1e-6;

/// Targets of labels whose own share is `lambda`.
fn targets(labels: &[u32], classes: usize, lambda: f64, smoothing: f64) -> Tensor {
    let shares = vec![Share { blend: Blend::Mixup, lambda }; labels.len()];
    let values = Mixed { shares, smoothing }.targets(labels, classes);
    from_f32(&values, &[labels.len(), classes], Device::Cpu).unwrap()
}

#[test]
fn losses_and_their_gradients_are_the_published_ones() {
    let Some(fixtures) = fixtures() else { return };
    let case = fixtures.case("optim/losses").unwrap();
    let expected = fixtures.tensors(case).unwrap();
    let labels: Vec<u32> = serde_json::from_value(case.params["labels"].clone()).unwrap();
    let shape = [labels.len(), 11];
    let mixed = targets(&labels, 11, 0.3, 0.1);
    assert!(far(&numbers(&mixed), &expected.get("mixup_target_lam0.3_s0.1").unwrap().values) < 1e-7);
    for (name, lambda, smoothing, gradient) in [
        ("ce", 1.0, 0.0, None),
        ("label_smoothing_ce", 1.0, 0.1, Some("grad_ls")),
        ("soft_target_ce", 0.3, 0.1, Some("grad_soft")),
    ] {
        let logits = from_f32(&recipe::input("loss.logits", &shape), &shape, Device::Cpu).unwrap();
        let logits = logits.set_requires_grad(true);
        let loss = soft_cross_entropy(&logits, &targets(&labels, 11, lambda, smoothing)).unwrap();
        let (ours, theirs) = (loss.double_value(&[]), case.values[name].as_f64().unwrap());
        assert!((ours - theirs).abs() <= LOSS * theirs, "{name}: {ours}, not {theirs}");
        if let Some(gradient) = gradient {
            loss.backward();
            let off = far(&numbers(&logits.grad()), &expected.get(gradient).unwrap().values);
            assert!(off <= LOSS, "{name}: {off:.1e}");
        }
    }
}

#[test]
fn each_epoch_trains_at_the_published_rate_or_at_its_own() {
    let Some(fixtures) = fixtures() else { return };
    let all: std::collections::BTreeMap<String, serde_json::Value> = fixtures.json("optim/timm_cosine.json").unwrap();
    let published = &all["default_300"];
    let base = published["args"]["lr"].as_f64().unwrap();
    let after: Vec<f64> = serde_json::from_value(published["lr_after_step_epoch"].clone()).unwrap();
    let before = published["lr_before_training"].as_f64().unwrap();
    let mut config = Preset::Deit.config(None);
    config.training.learning_rate = base * 512.0 / config.images_of_update() as f64;
    // The released code sets the rate of epoch e after epoch e.
    config.rules = Rules { lr_by_epoch: LrByEpoch::Published, ..Rules::corrected() };
    let late: Vec<f64> = std::iter::once(before).chain(after.iter().copied()).take(300).collect();
    let rates = |config: &Config| (0..config.epochs()).map(|epoch| config.rate(epoch)).collect::<Vec<_>>();
    let close = |ours: &[f64], theirs: &[f64]| {
        assert_eq!(ours.len(), theirs.len());
        for (epoch, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            assert!((ours - theirs).abs() <= 1e-12 * base, "epoch {epoch}: {ours}, not {theirs}");
        }
    };
    close(&rates(&config), &late);
    config.rules = Rules::corrected();
    assert_eq!(rates(&config).len() as u64, published["num_epochs_returned"].as_u64().unwrap());
    close(&rates(&config)[..after.len().min(310)], &after[..after.len().min(310)]);
}

#[test]
fn gradients_are_clipped_by_the_norm_of_all_together() {
    let gradients = [Tensor::from_slice(&[3.0_f32, 0.0]), Tensor::from_slice(&[4.0_f32])];
    assert!((norm(&gradients).unwrap() - 5.0).abs() < 1e-6);
    assert!((clip(&gradients, 6.0).unwrap() - 5.0).abs() < 1e-6);
    assert_eq!(to_f32(&gradients[0]).unwrap(), [3.0, 0.0], "shorter ones stay");
    assert!((clip(&gradients, 1.0).unwrap() - 5.0).abs() < 1e-6);
    assert!((norm(&gradients).unwrap() - 1.0).abs() < 1e-6);
    assert!((to_f32(&gradients[1]).unwrap()[0] - 0.8).abs() < 1e-6);
}

/// Weights that decay and a bias that does not, with gradients set by hand.
fn parameters() -> [(&'static str, Tensor); 2] {
    let weight = Tensor::from_slice(&[1.0_f32, -2.0, 0.5, 4.0]).view([2, 2]).set_requires_grad(true);
    [("a.weight", weight), ("a.bias", Tensor::from_slice(&[1.0_f32, -1.0]).set_requires_grad(true))]
}

fn give_gradients(parameters: &[(&'static str, Tensor); 2], step: usize) {
    for (place, (_, tensor)) in parameters.iter().enumerate() {
        let factors = Tensor::arange(tensor.numel() as i64, (Kind::Float, Device::Cpu)).view(tensor.size().as_slice());
        ((factors + 1.0 + step as f64 - 2.0 * place as f64) * tensor).sum(Kind::Float).backward();
    }
}

#[test]
fn steps_of_sgd_follow_the_formula() {
    let (rate, momentum, decay) = (0.1_f64, 0.9_f64, 0.01_f64);
    for nesterov in [false, true] {
        let parameters = parameters();
        let mut expected: Vec<Vec<f64>> = parameters.iter().map(|(_, tensor)| numbers(tensor)).collect();
        let mut buffers: Vec<Vec<f64>> = expected.iter().map(|values| vec![0.0; values.len()]).collect();
        let mut sgd = Sgd::new(momentum, decay);
        sgd.nesterov = nesterov;
        for step in 0..3 {
            give_gradients(&parameters, step);
            sgd.step(parameters.iter().map(|(name, tensor)| (*name, tensor)), rate).unwrap();
            for (place, (weights, buffers)) in expected.iter_mut().zip(&mut buffers).enumerate() {
                let decay = if place == 0 { decay } else { 0.0 };
                for (index, (weight, buffer)) in weights.iter_mut().zip(buffers).enumerate() {
                    let gradient = index as f64 + 1.0 + step as f64 - 2.0 * place as f64 + decay * *weight;
                    *buffer = momentum * *buffer + gradient;
                    *weight -= rate * if nesterov { gradient + momentum * *buffer } else { *buffer };
                }
            }
        }
        for ((name, tensor), expected) in parameters.iter().zip(&expected) {
            assert!(far(&numbers(tensor), expected) < 1e-6, "{name}, nesterov {nesterov}");
            assert!(!tensor.grad().defined(), "gradients are used up");
        }
    }
}

#[test]
fn an_optimizer_goes_on_from_what_was_written_down() {
    let optimizers = || [Optimizer::AdamW(AdamW::new(0.05)), Optimizer::Sgd(Sgd::new(0.9, 0.05))];
    for (mut whole, mut second) in optimizers().into_iter().zip(optimizers()) {
        let named = |parameters: &[(&'static str, Tensor); 2]| {
            parameters.iter().map(|(name, tensor)| (*name, tensor.shallow_clone())).collect::<Vec<_>>()
        };
        let parameters = parameters();
        let step = |optimizer: &mut Optimizer, parameters: &[(&'static str, Tensor); 2], step: usize| {
            give_gradients(parameters, step);
            let named = named(parameters);
            optimizer.step(named.iter().map(|(name, tensor)| (*name, tensor)), 0.01).unwrap();
        };
        step(&mut whole, &parameters, 0);
        step(&mut whole, &parameters, 1);
        let copies =
            parameters.each_ref().map(|(name, tensor)| (*name, tensor.detach().copy().set_requires_grad(true)));
        let written: Vec<(String, Tensor)> =
            whole.tensors().into_iter().map(|(name, tensor)| (name, tensor.copy())).collect();
        let read = |name: &str| -> Result<Option<Tensor>, tch::TchError> {
            Ok(written.iter().find(|(other, _)| other == name).map(|(_, tensor)| tensor.copy()))
        };
        second.restore(copies.iter().map(|(name, tensor)| (*name, tensor)), read).unwrap();
        assert_eq!(second.tensors().len(), written.len());
        step(&mut whole, &parameters, 2);
        step(&mut second, &copies, 2);
        for ((name, ours), (_, theirs)) in parameters.iter().zip(&copies) {
            assert_eq!(to_f32(ours).unwrap(), to_f32(theirs).unwrap(), "{name}");
        }
    }
}

fn network() -> Graph {
    "bossnet:1/0/1/1+silu+se+base=4+classes=5".parse::<BossNet>().unwrap().graph()
}

/// AdamW, and whatever a test asks for.
fn learner(regimen: Regimen) -> Learner {
    one_thread();
    let graph = network();
    // Branches that start at nothing would hide what is dropped in them.
    let weights = Initial::with_open_branches(&graph, 3);
    Learner::new(&graph, &weights, None, Optimizer::AdamW(AdamW::new(0.05)), regimen, Device::Cpu).unwrap()
}

const PLAIN: Regimen = Regimen {
    seed: 1,
    drop_path: 0.0,
    dropout: 0.0,
    clip: None,
    average: None,
    average_warms_up: false,
    precision: Precision::Full,
};

fn images() -> Tensor {
    small::input("image", &[6, 3, 32, 32], Kind::Float)
}

fn labels() -> Tensor {
    targets(&[0, 1, 2, 3, 4, 0], 5, 1.0, 0.1)
}

fn batch<'a>(images: &'a Tensor, targets: &'a Tensor, accumulate: u32, number: u64) -> Batch<'a> {
    Batch { images, targets, accumulate, number }
}

fn weights(learner: &Learner) -> Vec<f64> {
    learner.params().iter().filter(|(_, t)| t.requires_grad()).flat_map(|(_, tensor)| numbers(tensor)).collect()
}

#[test]
fn gradients_that_are_added_up_are_the_mean_of_their_batches() {
    let (images, targets) = (images(), labels());
    let (mut once, mut twice) = (learner(PLAIN), learner(PLAIN));
    let loss = once.accumulate(batch(&images, &targets, 1, 0)).unwrap();
    for number in 0..2 {
        let again = twice.accumulate(batch(&images, &targets, 2, number)).unwrap();
        assert!((loss - again).abs() < 1e-5, "{loss} and {again}");
    }
    let both = [&once, &twice].map(|learner| {
        let gradients = learner.params().iter().map(|(_, tensor)| tensor.grad()).filter(Tensor::defined);
        gradients.flat_map(|gradient| numbers(&gradient)).collect::<Vec<_>>()
    });
    assert!(far(&both[0], &both[1]) < 1e-5);
    assert_eq!(once.update(0.01, true).unwrap().changed, twice.update(0.01, true).unwrap().changed);
}

#[test]
fn a_training_lowers_the_loss_with_every_optimizer() {
    let (images, targets) = (images(), labels());
    for optimizer in [Optimizer::AdamW(AdamW::new(0.05)), Optimizer::Sgd(Sgd::new(0.9, 1e-4))] {
        one_thread();
        let graph = network();
        let regimen = Regimen { clip: Some(5.0), ..PLAIN };
        let mut learner =
            Learner::new(&graph, &Initial::new(&graph, 3), None, optimizer, regimen, Device::Cpu).unwrap();
        let mut losses = Vec::new();
        for number in 0..30 {
            losses.push(learner.accumulate(batch(&images, &targets, 1, number)).unwrap());
            let Update { norm, changed } = learner.update(0.01, false).unwrap();
            assert!(changed && norm.is_some_and(|norm| norm > 0.0));
        }
        assert!(losses[29] < 0.6 * losses[0], "{losses:?}");
    }
}

#[test]
fn the_average_follows_parameters_and_buffers() {
    let (images, targets) = (images(), labels());
    for warms_up in [false, true] {
        let decay = 0.9;
        let mut learner = learner(Regimen { average: Some(Average { decay }), average_warms_up: warms_up, ..PLAIN });
        let all = |learner: &Learner, averages: bool| -> Vec<f64> {
            let params = if averages { learner.average().unwrap().1 } else { learner.params() };
            let floats = params.iter().filter(|(_, tensor)| tensor.kind() == Kind::Float);
            floats.flat_map(|(_, tensor)| numbers(tensor)).collect()
        };
        let mut expected = all(&learner, false);
        assert_eq!(all(&learner, true), expected, "it begins where the network does");
        for number in 0..3 {
            learner.accumulate(batch(&images, &targets, 1, number)).unwrap();
            learner.update(0.01, false).unwrap();
            let update = number as f64 + 1.0;
            let decay = if warms_up { decay.min((1.0 + update) / (10.0 + update)) } else { decay };
            for (average, model) in expected.iter_mut().zip(all(&learner, false)) {
                *average = decay * *average + (1.0 - decay) * model;
            }
            assert!(far(&all(&learner, true), &expected) < 1e-6, "update {number}, warm-up {warms_up}");
        }
        assert_ne!(all(&learner, true), all(&learner, false));
    }
}

#[test]
fn what_is_dropped_depends_on_seed_and_batch_alone() {
    let (images, targets) = (images(), labels());
    let dropping = Regimen { drop_path: 0.9, dropout: 0.5, ..PLAIN };
    let loss =
        |regimen: Regimen, number: u64| learner(regimen).accumulate(batch(&images, &targets, 1, number)).unwrap();
    assert_eq!(loss(dropping, 4), loss(dropping, 4));
    let others = [loss(dropping, 5), loss(Regimen { seed: 2, ..dropping }, 4), loss(PLAIN, 4)];
    assert!(others.iter().all(|other| *other != loss(dropping, 4)), "{others:?}");
    assert_eq!(loss(PLAIN, 4), loss(PLAIN, 5), "without draws the number of a batch changes nothing");
    for alone in [Regimen { dropout: 0.0, ..dropping }, Regimen { drop_path: 0.0, ..dropping }] {
        assert_ne!(loss(alone, 4), loss(PLAIN, 4));
    }
}

#[test]
fn dropout_leaves_its_share_out_and_scales_up_the_rest() {
    const FEATURES: usize = 1000;
    const ROWS: usize = 6;
    one_thread();
    let mut graph = GraphBuilder::default();
    let features = graph.input("features", FEATURES);
    let weight = graph.param("fc.weight", &[1, FEATURES], Role::LinearWeight);
    let sum = graph.node("fc", Op::Linear { weight, bias: None }, &[features]);
    let graph = graph.finish(&[sum]);
    let mut params = Params::default();
    params.insert("fc.weight", Tensor::ones([1, FEATURES as i64], (Kind::Float, Device::Cpu)));
    let module = Module::bind(graph, &params, str::to_owned).unwrap();
    let ones = Tensor::ones([ROWS as i64, FEATURES as i64], (Kind::Float, Device::Cpu));
    // How much of a sum over ones is left.
    let sums = |dropout: Option<Dropout>| {
        let mut mode = Mode { dropout, ..Mode::train() };
        numbers(&module.forward_one(&ones, &mut mode).unwrap())
    };
    assert_eq!(sums(None), [FEATURES as f64; ROWS]);
    let rate = 0.4;
    let many: Vec<f64> = (0..100).flat_map(|key| sums(Some(Dropout { rate, key }))).collect();
    // One sum scatters by sqrt(n * rate / (1 - rate)), their mean over so many by a twenty-fourth of that: six times are allowed.
    let deviation = (FEATURES as f64 * rate / (1.0 - rate)).sqrt();
    let mean = many.iter().sum::<f64>() / many.len() as f64;
    assert!((mean - FEATURES as f64).abs() < 6.0 * deviation / (many.len() as f64).sqrt(), "{mean}");
    let scatter = many.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / many.len() as f64;
    assert!((scatter.sqrt() / deviation - 1.0).abs() < 0.2, "{} and {deviation}", scatter.sqrt());
    assert!(many[..ROWS].iter().any(|sum| *sum != many[0]), "each image has draws of its own");
}

#[test]
fn a_step_changes_what_it_should() {
    let (images, targets) = (images(), labels());
    let mut learner = learner(PLAIN);
    let before = weights(&learner);
    learner.accumulate(batch(&images, &targets, 1, 0)).unwrap();
    assert_eq!(weights(&learner), before, "gradients alone change nothing");
    learner.update(0.01, false).unwrap();
    let changed = weights(&learner).iter().zip(&before).filter(|(after, before)| after != before).count();
    assert!(changed as f64 > 0.98 * before.len() as f64, "{changed} of {}", before.len());
    assert!(learner.params().iter().all(|(_, tensor)| !tensor.grad().defined()));
}
