//! Checkpoints in DeiT's layout, so that the published code reads ours, and a training that it began goes on here.

use std::path::{Path, PathBuf};

use bossnas_converter::checkpoint::pth::{
    DeitAdamW, DeitCheckpoint, DeitOptimizer, DeitOptimizerKind, DeitSchedule, DeitSgd, PthWriteError, Value, write_pth,
};
use bossnas_converter::checkpoint::{
    Checkpoint, CheckpointError as ContainerError, Choice, Mismatch, OptimizerState, StateDict, StateDictName, check,
};
use bossnas_model::graph::Graph;
use bossnas_model::weights::{Weights, WeightsError};
use tch::{Device, Kind, TchError, Tensor};

use super::checkpoint::named;
use super::config::OptimizerKind;
use super::learner::Learner;
use super::plan::Plan;
use crate::optim::{Optimizer, decays};
use crate::run::{Folder, NamedTensors};
use crate::torch::from_f32;

/// The file that each epoch leaves, as the published code calls it.
pub const NAME: &str = "checkpoint.pth";

/// Why a checkpoint in DeiT's layout cannot be written or gone on with.
#[derive(Debug, thiserror::Error)]
pub enum PthError {
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] PthWriteError),
    /// It cannot be read.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// A tensor cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// libtorch said no.
    #[error("libtorch: {0}")]
    Library(#[from] TchError),
    /// It is of another network.
    #[error("`{path}` is not for this network: {mismatch}", path = .path.display())]
    Misfit {
        /// The file.
        path: PathBuf,
        /// The differences.
        mismatch: Box<Mismatch>,
    },
    /// It lacks what a training goes on with.
    #[error("`{path}` is no state of this training: {why}", path = .path.display())]
    NoState {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// The trained parameters in the order in which optimizers number them: without decay, then with.
fn numbered(graph: &Graph) -> [Vec<String>; 2] {
    let trained = graph.params().iter().filter(|param| !param.role.is_buffer());
    let decay = |shape: &[usize]| shape.iter().map(|&extent| extent as i64).collect::<Vec<_>>();
    let (decaying, fixed): (Vec<_>, Vec<_>) = trained.partition(|param| decays(&param.name, &decay(&param.shape)));
    [fixed, decaying].map(|params| params.into_iter().map(|param| param.name.clone()).collect())
}

/// Writes `checkpoint.pth` after an epoch, counted from 0.
pub(super) fn write(folder: &Folder, plan: &Plan, learner: &Learner, epoch: u64) -> Result<u64, PthError> {
    let config = &plan.config;
    let model = named(learner.params())?;
    let average = learner.average().map(|(_, params)| named(params)).transpose()?;
    let optimizer = NamedTensors::of(learner.optimizer().tensors())?;
    let schedule = config.schedule();
    let numbers = config.optimizer;
    let kind = match learner.optimizer() {
        Optimizer::AdamW(_) => DeitOptimizerKind::AdamW(DeitAdamW {
            tensors: &optimizer,
            names: |name| [format!("mean.{name}"), format!("square.{name}")],
            steps: learner.updates as i64,
            betas: numbers.betas.into(),
            eps: numbers.eps,
        }),
        Optimizer::Sgd(_) => DeitOptimizerKind::Sgd(DeitSgd {
            tensors: &optimizer,
            name: |name| format!("momentum.{name}"),
            momentum: numbers.momentum,
            nesterov: numbers.nesterov,
        }),
    };
    let [fixed, decaying] = numbered(&plan.graph);
    let checkpoint = DeitCheckpoint {
        model: &model,
        model_ema: average.as_ref().map(|weights| weights as &dyn Weights),
        optimizer: DeitOptimizer {
            kind,
            rate: config.rate(epoch),
            base_rate: schedule.base,
            weight_decay: numbers.weight_decay,
            fixed,
            decaying,
        },
        schedule: DeitSchedule {
            base_rate: schedule.base,
            smallest_rate: schedule.smallest,
            warmup_rate: schedule.warmup,
            warmup_epochs: schedule.warmup_epochs,
            epochs: schedule.epochs,
        },
        epoch,
        args: args(plan),
    };
    Ok(write_pth(folder.file(NAME), &checkpoint.value())?)
}

/// The arguments of the published training script that come closest.
fn args(plan: &Plan) -> Vec<(String, Value<'static>)> {
    let config = &plan.config;
    let training = &config.training;
    let whole = |number: u64| Value::Int(number as i64);
    let optimizer = match config.optimizer.kind {
        OptimizerKind::AdamW => "adamw",
        OptimizerKind::Sgd => "sgd",
    };
    let clip = if training.clip_norm > 0.0 { Value::Float(training.clip_norm) } else { Value::None };
    let args = [
        ("batch_size", whole(training.batch_size as u64)),
        ("epochs", whole(training.epochs)),
        ("model", Value::str(&config.arch)),
        ("input_size", whole(config.images.size as u64)),
        ("drop", Value::Float(training.dropout)),
        ("drop_path", Value::Float(training.drop_path)),
        ("model_ema", Value::Bool(training.ema_decay > 0.0)),
        ("model_ema_decay", Value::Float(training.ema_decay)),
        ("model_ema_force_cpu", Value::Bool(false)),
        ("opt", Value::str(optimizer)),
        ("opt_eps", Value::Float(config.optimizer.eps)),
        ("opt_betas", Value::None),
        ("clip_grad", clip),
        ("momentum", Value::Float(config.optimizer.momentum)),
        ("weight_decay", Value::Float(config.optimizer.weight_decay)),
        ("sched", Value::str("cosine")),
        ("lr", Value::Float(config.schedule().base)),
        ("warmup_lr", Value::Float(training.warmup_rate)),
        ("min_lr", Value::Float(training.smallest_rate)),
        ("warmup_epochs", whole(training.warmup_epochs)),
        ("cooldown_epochs", whole(training.cooldown_epochs)),
        ("smoothing", Value::Float(config.mix.smoothing)),
        ("repeated_aug", Value::Bool(training.repeats > 1)),
        ("mixup", Value::Float(config.mix.mixup_alpha)),
        ("cutmix", Value::Float(config.mix.cutmix_alpha)),
        ("mixup_prob", Value::Float(config.mix.probability)),
        ("mixup_switch_prob", Value::Float(config.mix.switch_probability)),
        ("data_set", Value::str(config.data_set.name())),
        ("seed", whole(config.seed)),
        ("bossnas_train", Value::str(env!("CARGO_PKG_VERSION"))),
    ];
    args.map(|(name, value)| (name.to_owned(), value)).into()
}

/// A state of a training in DeiT's layout, as it was after an epoch.
pub struct Saved {
    path: PathBuf,
    model: StateDict,
    model_ema: Option<StateDict>,
    optimizer: OptimizerState,
    epoch: u64,
    /// The names of parameters by their numbers.
    names: Vec<String>,
}

impl Saved {
    /// Opens a checkpoint and insists that a training of this plan can go on from it.
    pub fn open(path: &Path, plan: &Plan) -> Result<Self, PthError> {
        let no_state = |why: &str| PthError::NoState { path: path.to_owned(), why: why.to_owned() };
        let checkpoint = Checkpoint::open(path)?;
        let model = checkpoint.state_dict(Choice::Model)?;
        let averaged = checkpoint.state_dicts().contains(&StateDictName::ModelEma);
        let model_ema = averaged.then(|| checkpoint.named_state_dict(StateDictName::ModelEma)).transpose()?;
        for weights in std::iter::once(&model).chain(&model_ema) {
            check(plan.graph.params(), weights)
                .map_err(|mismatch| PthError::Misfit { path: path.to_owned(), mismatch: Box::new(mismatch) })?;
        }
        let optimizer = checkpoint.optimizer()?.ok_or_else(|| no_state("it holds no state of an optimizer"))?;
        let epoch = checkpoint.epoch().ok_or_else(|| no_state("it does not say after which epoch it was saved"))?;
        if epoch >= plan.config.epochs() {
            return Err(no_state(&format!("it is of epoch {epoch}, the training has {}", plan.config.epochs())));
        }
        let [fixed, decaying] = numbered(&plan.graph);
        let groups: Vec<usize> = optimizer.groups.iter().map(Vec::len).collect();
        if groups != [fixed.len(), decaying.len()] {
            return Err(no_state("its optimizer has other groups of parameters"));
        }
        let order: Vec<usize> = optimizer.groups.iter().flatten().copied().collect();
        let mut names = vec![String::new(); order.len()];
        for (number, name) in order.into_iter().zip(fixed.into_iter().chain(decaying)) {
            names[number] = name;
        }
        Ok(Self { path: path.to_owned(), model, model_ema, optimizer, epoch, names })
    }

    /// The network.
    pub fn model(&self) -> &dyn Weights {
        &self.model
    }

    /// Its average, if one was kept.
    pub fn model_ema(&self) -> Option<&dyn Weights> {
        self.model_ema.as_ref().map(|weights| weights as &dyn Weights)
    }

    /// The epoch that comes next.
    pub fn next_epoch(&self) -> u64 {
        self.epoch + 1
    }

    /// Gives the optimizer its state.
    pub(super) fn restore(&self, learner: &mut Learner) -> Result<(), PthError> {
        let (optimizer, params) = learner.optimizer_mut();
        let kind_matches = match optimizer {
            Optimizer::AdamW(_) => {
                self.optimizer.tensors.names().iter().all(|name| !name.ends_with(".momentum_buffer"))
            }
            Optimizer::Sgd(_) => self.optimizer.tensors.names().iter().all(|name| !name.ends_with(".exp_avg")),
        };
        if !kind_matches {
            let why = "it was saved by another optimizer".to_owned();
            return Err(PthError::NoState { path: self.path.clone(), why });
        }
        // Ours are called `mean.<parameter>`, theirs `<number>.exp_avg`.
        let read = |name: &str| -> Result<Option<Tensor>, PthError> {
            let Some((what, parameter)) = name.split_once('.') else { return Ok(None) };
            let Some(number) = self.names.iter().position(|other| other == parameter) else { return Ok(None) };
            let key = match what {
                "mean" => "exp_avg",
                "square" => "exp_avg_sq",
                "momentum" => "momentum_buffer",
                _ => {
                    let steps = self.optimizer.number(number, "step");
                    return Ok(steps.map(|steps| Tensor::from(steps as f32)));
                }
            };
            let theirs = format!("{number}.{key}");
            let Some(info) = self.optimizer.tensors.info(&theirs) else { return Ok(None) };
            Ok(Some(from_f32(&self.optimizer.tensors.f32(&theirs)?, &info.shape, Device::Cpu)?))
        };
        let shaped = |name: &str| -> Result<Option<Tensor>, PthError> {
            let Some(tensor) = read(name)? else { return Ok(None) };
            let parameter = name.split_once('.').and_then(|(_, parameter)| params.get(parameter));
            let is_scalar = tensor.size().is_empty() && tensor.f_kind()? == Kind::Float;
            if is_scalar || parameter.is_some_and(|parameter| parameter.size() == tensor.size()) {
                return Ok(Some(tensor));
            }
            let why = format!("its optimizer keeps tensors of other shapes, first for `{name}`");
            Err(PthError::NoState { path: self.path.clone(), why })
        };
        optimizer.restore(params.iter(), shaped)
    }
}
