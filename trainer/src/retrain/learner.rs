//! A training step: loss, gradients, the optimizer, and the average that follows.

use bossnas_model::graph::Graph;
use bossnas_model::random::Stream;
use bossnas_model::weights::Weights;
use tch::{Device, TchError, Tensor};

use super::loss::soft_cross_entropy;
use crate::optim::{Average, LossScaler, Optimizer, clip, norm};
use crate::torch::{DropPath, Dropout, Mode, Module, Norm, Params, Placement, Precision, TorchError};

/// How fast running statistics follow.
const NORM_MOMENTUM: f64 = 0.1;

/// What the draws of a step are for.
const DROP_PATH: u64 = 0x6472_6f70_7061_7468;
const DROPOUT: u64 = 0x6472_6f70_6f75_7400;

/// What a network is trained with beside its optimizer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regimen {
    /// Decides which branches and features are dropped.
    pub seed: u64,
    /// Nominal rate of stochastic depth.
    pub drop_path: f64,
    /// Share of features that is left out in front of the classifier.
    pub dropout: f64,
    /// The most that the norm of all gradients may be.
    pub clip: Option<f64>,
    /// The average of the weights that is kept.
    pub average: Option<Average>,
    /// Whether the average begins with a smaller decay.
    pub average_warms_up: bool,
    /// Number format of the network's products.
    pub precision: Precision,
}

/// A network in training, with its average and its optimizer.
#[derive(Debug)]
pub struct Learner {
    module: Module,
    params: Params,
    average: Option<Averaged>,
    optimizer: Optimizer,
    regimen: Regimen,
    /// Scales losses, for [`Precision::Fp16`].
    pub scaler: Option<LossScaler>,
    /// Updates done.
    pub updates: u64,
}

/// The average of a network.
#[derive(Debug)]
struct Averaged {
    module: Module,
    params: Params,
    decay: Average,
    /// Its tensors and those of the network that it follows, in the same order.
    pairs: (Vec<Tensor>, Vec<Tensor>),
}

/// A batch of images.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// `[n, 3, h, w]`.
    pub images: &'a Tensor,
    /// What the network should say of each, `[n, classes]`, float32.
    pub targets: &'a Tensor,
    /// Over how many batches gradients are added up: losses are divided by it.
    pub accumulate: u32,
    /// The number of the batch in the run, from 0: what is dropped depends on it.
    pub number: u64,
}

/// What an update did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// The norm of all gradients, before they were clipped; `None` where nobody asked for it.
    pub norm: Option<f64>,
    /// Whether the network was changed: not where gradients have overflowed in mixed precision.
    pub changed: bool,
}

/// All parameters of a graph under their names.
pub(super) fn load(graph: &Graph, weights: &dyn Weights, placement: Placement) -> Result<Params, TorchError> {
    let mut params = Params::default();
    let named = graph.params().iter().map(|param| (param.name.clone(), param.clone()));
    params.load(named, weights, placement)?;
    Ok(params)
}

impl Averaged {
    fn new(
        graph: &Graph,
        weights: &dyn Weights,
        model: &Params,
        decay: Average,
        device: Device,
    ) -> Result<Self, TorchError> {
        let params = load(graph, weights, Placement { device, ..Placement::FIXED })?;
        let module = Module::bind(graph.clone(), &params, str::to_owned)?;
        let (averages, models) = graph
            .params()
            .iter()
            .filter_map(|param| {
                let (average, model) = (params.get(&param.name)?, model.get(&param.name)?);
                Some((average.shallow_clone(), model.shallow_clone()))
            })
            .unzip();
        Ok(Self { module, params, decay, pairs: (averages, models) })
    }
}

impl Learner {
    /// A network with these weights, and an average with those of `average`, or the same ones at the beginning.
    pub fn new(
        graph: &Graph,
        weights: &dyn Weights,
        average: Option<&dyn Weights>,
        optimizer: Optimizer,
        regimen: Regimen,
        device: Device,
    ) -> Result<Self, TorchError> {
        let params = load(graph, weights, Placement { device, ..Placement::TRAINED })?;
        let module = Module::bind(graph.clone(), &params, str::to_owned)?;
        let averaged = |decay| Averaged::new(graph, average.unwrap_or(weights), &params, decay, device);
        let average = regimen.average.map(averaged).transpose()?;
        let scaler = (regimen.precision == Precision::Fp16).then(LossScaler::default);
        Ok(Self { module, params, average, optimizer, regimen, scaler, updates: 0 })
    }

    /// The network.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Its tensors.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The average of the network, if one is kept.
    pub fn average(&self) -> Option<(&Module, &Params)> {
        self.average.as_ref().map(|average| (&average.module, &average.params))
    }

    /// The optimizer, to write its state down.
    pub fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// The optimizer, to go on with a state that was written down, and the network's tensors.
    pub fn optimizer_mut(&mut self) -> (&mut Optimizer, &Params) {
        (&mut self.optimizer, &self.params)
    }

    /// What it is trained with.
    pub fn regimen(&self) -> &Regimen {
        &self.regimen
    }

    /// Adds the gradients of a batch, and returns its loss.
    pub fn accumulate(&mut self, batch: Batch<'_>) -> Result<f64, TorchError> {
        let logits = self.module.forward_one(batch.images, &mut self.mode(batch.number))?;
        let loss = soft_cross_entropy(&logits, batch.targets)?;
        let share = loss.f_div_scalar(f64::from(batch.accumulate))?;
        let share = self.scaler.map_or(Ok(share.shallow_clone()), |scaler| scaler.scaled(&share))?;
        share.f_backward()?;
        Ok(loss.f_double_value(&[])?)
    }

    /// How a batch goes through the network.
    fn mode(&self, number: u64) -> Mode<'static> {
        let Regimen { seed, drop_path, dropout, precision, .. } = self.regimen;
        let key = |purpose: u64| Stream::of(seed, &[purpose, number]).bits();
        Mode {
            drop_path: (drop_path > 0.0).then(|| DropPath { rate: drop_path, key: key(DROP_PATH) }),
            dropout: (dropout > 0.0).then(|| Dropout { rate: dropout, key: key(DROPOUT) }),
            precision,
            ..Mode::with(Norm::Train { momentum: NORM_MOMENTUM, batches: 1 })
        }
    }

    /// A step with the gradients that were added up, which are used up; then the average follows. `tell_norm` asks for the norm
    /// of the gradients where they are not clipped.
    pub fn update(&mut self, lr: f64, tell_norm: bool) -> Result<Update, TorchError> {
        let update = self.optimize(lr, tell_norm)?;
        self.updates += 1;
        self.follow()?;
        Ok(update)
    }

    /// The first half of an [`update`](Self::update): the network by its optimizer.
    pub fn optimize(&mut self, lr: f64, tell_norm: bool) -> Result<Update, TorchError> {
        let trained = || self.params.iter().filter(|(_, tensor)| tensor.requires_grad());
        let gradients: Vec<Tensor> = trained().map(|(_, tensor)| tensor.grad()).filter(Tensor::defined).collect();
        let finite = self.scaler.as_mut().map_or(Ok(true), |scaler| scaler.unscale(&gradients))?;
        if !finite {
            drop(gradients);
            for (_, tensor) in trained() {
                let _unused = bossnas_torch_shim::take_gradient(tensor)?;
            }
            return Ok(Update { norm: None, changed: false });
        }
        let norm = match self.regimen.clip {
            Some(most) => Some(clip(&gradients, most)?),
            None if tell_norm => Some(norm(&gradients)?),
            None => None,
        };
        drop(gradients);
        self.optimizer.step(trained(), lr)?;
        Ok(Update { norm, changed: true })
    }

    /// The second half: the average.
    fn follow(&self) -> Result<(), TchError> {
        let Some(Averaged { decay, pairs: (averages, models), .. }) = &self.average else { return Ok(()) };
        let decay = if self.regimen.average_warms_up { decay.warmed_up(self.updates) } else { *decay };
        decay.update(averages, models)
    }
}
