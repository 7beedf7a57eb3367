//! The retraining of `tests/peers/retrain.py`, here: the same weights, images and labels.

#![allow(
    dead_code,
    clippy::expect_used,
    reason = "shared by a test and a benchmark, and one that cannot go on has failed"
)]

use bossnas_data::training::{Blend, Mixed, Share};
use bossnas_model::arch::BossNet;
use bossnas_testkit::recipe::{self, RecipeWeights};
use bossnas_trainer::optim::{AdamW, Average, Optimizer};
use bossnas_trainer::retrain::{Batch, Learner, Regimen};
use bossnas_trainer::torch::{Precision, from_f32};
use tch::{Device, Tensor};

/// The learning rate of the curves, and what the published warm-up begins with.
pub(crate) const RATE: f64 = 1e-4;
pub(crate) const FIRST_RATE: f64 = 1e-6;
const WEIGHT_DECAY: f64 = 0.05;
const AVERAGE: Average = Average { decay: 0.999_96 };
const SMOOTHING: f64 = 0.1;
/// The recipe's gain for a network with SiLU.
const GAIN: f64 = 3.5;
const BATCHES: usize = 4;

/// A network in training, and its batches.
pub(crate) struct Retraining {
    pub(crate) learner: Learner,
    batches: Vec<(Tensor, Tensor)>,
}

impl Retraining {
    /// BossNet-T0 with the recipe's weights.
    pub(crate) fn new(size: usize, images: usize) -> Self {
        let network = BossNet::t0();
        let graph = network.graph();
        let weights = RecipeWeights::new(graph.params(), GAIN, 0);
        let regimen = Regimen {
            seed: 0,
            drop_path: 0.0,
            dropout: 0.0,
            clip: None,
            average: Some(AVERAGE),
            average_warms_up: false,
            precision: Precision::Full,
        };
        let optimizer = Optimizer::AdamW(AdamW::new(WEIGHT_DECAY));
        let learner =
            Learner::new(&graph, &weights, None, optimizer, regimen, Device::Cpu).expect("a network with its weights");
        let batches = (0..BATCHES).map(|number| batch(number, size, images, network.classes)).collect();
        Self { learner, batches }
    }

    /// A step on the batch whose turn it is; returns its loss.
    pub(crate) fn step(&mut self, number: usize, rate: f64) -> f64 {
        let (images, targets) = &self.batches[number % BATCHES];
        let batch = Batch { images, targets, accumulate: 1, number: number as u64 };
        let loss = self.learner.accumulate(batch).expect("a batch");
        self.learner.update(rate, false).expect("an update");
        loss
    }
}

fn batch(number: usize, size: usize, images: usize, classes: usize) -> (Tensor, Tensor) {
    let shape = [images, 3, size, size];
    let values = recipe::input(&format!("retrain_img.{number}"), &shape);
    let labels: Vec<u32> = (0..images).map(|place| ((number * images + place) * 37 % classes) as u32).collect();
    let shares = vec![Share { blend: Blend::None, lambda: 1.0 }; images];
    let targets = Mixed { shares, smoothing: SMOOTHING }.targets(&labels, classes);
    let tensor = |values: &[f32], shape: &[usize]| from_f32(values, shape, Device::Cpu).expect("a tensor");
    (tensor(&values, &shape), tensor(&targets, &[images, classes]))
}
