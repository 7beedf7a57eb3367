//! The parts of a DeiT checkpoint beside the weights: the state of timm's `AdamW` and of its cosine schedule, the epoch
//! and the command line's arguments. The numbers are those of a run that was stopped early.

use bossnas_converter::checkpoint::pth::{DeitAdamW, DeitOptimizer, DeitOptimizerKind, DeitSchedule, Value};
use bossnas_model::weights::{DType, TensorInfo, Weights, WeightsError};

use super::is_trained;
use crate::recipe::{self, Kind};

/// The epoch the run was stopped after.
pub(super) const EPOCH: u64 = 3;
const STEP: i64 = 5004;
const BASE_RATE: f64 = 5e-4;
const DECAY: f64 = 0.05;

/// The optimizer's tensors, and the parameters they belong to in the order of its parameter groups.
pub(super) struct Moments {
    /// Tensors `<parameter>/exp_avg` and `<parameter>/exp_avg_sq`.
    pub(super) weights: MomentWeights,
    undecayed: Vec<String>,
    decayed: Vec<String>,
}

/// The moments of the trained parameters: one-dimensional ones and biases form the group without weight decay.
pub(super) fn moments(model: &dyn Weights) -> Moments {
    let mut moments = Moments { weights: MomentWeights(Vec::new()), undecayed: Vec::new(), decayed: Vec::new() };
    for name in model.names() {
        let Some(info) = model.info(name).filter(|info| is_trained(name, &info.shape)) else { continue };
        let decays = info.shape.len() > 1 && !name.ends_with("bias");
        if decays { &mut moments.decayed } else { &mut moments.undecayed }.push(name.to_owned());
        for moment in ["exp_avg", "exp_avg_sq"] {
            let info = TensorInfo { dtype: DType::F32, shape: info.shape.clone() };
            moments.weights.0.push((format!("{name}/{moment}"), info));
        }
    }
    moments
}

/// The state of the optimizer.
pub(super) fn optimizer(moments: &Moments) -> DeitOptimizer<'_> {
    let names = |name: &str| [format!("{name}/exp_avg"), format!("{name}/exp_avg_sq")];
    let adamw = DeitAdamW { tensors: &moments.weights, names, steps: STEP, betas: (0.9, 0.999), eps: 1e-8 };
    DeitOptimizer {
        kind: DeitOptimizerKind::AdamW(adamw),
        rate: 3.004e-4,
        base_rate: BASE_RATE,
        weight_decay: DECAY,
        fixed: moments.undecayed.clone(),
        decaying: moments.decayed.clone(),
    }
}

/// The published schedule.
pub(super) const SCHEDULE: DeitSchedule =
    DeitSchedule { base_rate: BASE_RATE, smallest_rate: 1e-5, warmup_rate: 1e-6, warmup_epochs: 5, epochs: 300 };

/// The arguments of the training script, as `argparse` keeps them.
pub(super) fn args() -> Vec<(String, Value<'static>)> {
    let args = [
        ("batch_size", Value::Int(64)),
        ("epochs", Value::Int(300)),
        ("model", Value::str("bossnet")),
        ("input_size", Value::Int(224)),
        ("drop", Value::Float(0.0)),
        ("drop_path", Value::Float(0.1)),
        ("model_ema", Value::Bool(true)),
        ("model_ema_decay", Value::Float(0.99996)),
        ("model_ema_force_cpu", Value::Bool(false)),
        ("opt", Value::str("adamw")),
        ("opt_eps", Value::Float(1e-8)),
        ("opt_betas", Value::None),
        ("clip_grad", Value::None),
        ("momentum", Value::Float(0.9)),
        ("weight_decay", Value::Float(DECAY)),
        ("sched", Value::str("cosine")),
        ("lr", Value::Float(BASE_RATE)),
        ("warmup_epochs", Value::Int(5)),
        ("aa", Value::str("rand-m9-mstd0.5-inc1")),
        ("smoothing", Value::Float(0.1)),
        ("train_interpolation", Value::str("bicubic")),
        ("repeated_aug", Value::Bool(true)),
        ("reprob", Value::Float(0.25)),
        ("mixup", Value::Float(0.8)),
        ("cutmix", Value::Float(1.0)),
        ("cutmix_minmax", Value::None),
        ("data_set", Value::str("IMNET")),
        ("output_dir", Value::str("output")),
        ("device", Value::str("cuda")),
        ("seed", Value::Int(0)),
        ("dist_url", Value::str("env://")),
        ("distributed", Value::Bool(true)),
    ];
    args.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Made-up moments, small as real ones are, computed when they are written.
pub(super) struct MomentWeights(Vec<(String, TensorInfo)>);

impl Weights for MomentWeights {
    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, info)| info)
    }

    fn bytes(&self, name: &str) -> Result<std::borrow::Cow<'_, [u8]>, WeightsError> {
        let info = self.require(name)?;
        let (kind, scale) = if name.ends_with("_sq") { (Kind::Unit, 1e-8) } else { (Kind::Symmetric, 1e-4) };
        let values = recipe::values(name, &info.shape, kind, 1.0, 0);
        let mut bytes = Vec::with_capacity(4 * values.len());
        for value in values {
            bytes.extend((value * scale).to_le_bytes());
        }
        Ok(bytes.into())
    }
}
