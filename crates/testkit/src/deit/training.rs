//! The parts of a DeiT checkpoint beside the weights: the state of timm's `AdamW` and of its cosine schedule, the epoch
//! and the command line's arguments. The numbers are those of a run that was stopped early.

use bossnas_model::weights::{DType, TensorInfo, Weights, WeightsError};

use super::is_trained;
use super::pickle::Value;
use crate::recipe::{self, Kind};

/// The epoch the run was stopped after.
pub(super) const EPOCH: i64 = 3;
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

/// `optimizer.state_dict()`. `tensor` turns the name of a moment into a tensor of the file.
pub(super) fn optimizer(moments: &Moments, tensor: &mut dyn FnMut(&str) -> Value) -> Value {
    let mut state = Vec::new();
    for (index, name) in moments.undecayed.iter().chain(&moments.decayed).enumerate() {
        let entry = Value::dict([
            ("step", Value::Int(STEP)),
            ("exp_avg", tensor(&format!("{name}/exp_avg"))),
            ("exp_avg_sq", tensor(&format!("{name}/exp_avg_sq"))),
        ]);
        state.push((Value::Int(index as i64), entry));
    }
    let first = moments.undecayed.len();
    let groups = vec![group(0.0, 0..first), group(DECAY, first..first + moments.decayed.len())];
    Value::dict([("state", Value::Dict(state)), ("param_groups", Value::List(groups))])
}

fn group(weight_decay: f64, params: std::ops::Range<usize>) -> Value {
    Value::dict([
        ("weight_decay", Value::Float(weight_decay)),
        ("lr", Value::Float(3.004e-4)),
        ("betas", Value::Tuple(vec![Value::Float(0.9), Value::Float(0.999)])),
        ("eps", Value::Float(1e-8)),
        ("amsgrad", Value::Bool(false)),
        ("initial_lr", Value::Float(BASE_RATE)),
        ("params", Value::List(params.map(|index| Value::Int(index as i64)).collect())),
    ])
}

/// `lr_scheduler.state_dict()` of timm's cosine schedule.
pub(super) fn lr_scheduler() -> Value {
    let rates = |rate| Value::List(vec![Value::Float(rate), Value::Float(rate)]);
    Value::dict([
        ("param_group_field", Value::str("lr")),
        ("_initial_param_group_field", Value::str("initial_lr")),
        ("base_values", rates(BASE_RATE)),
        ("metric", Value::None),
        ("noise_range_t", Value::None),
        ("noise_pct", Value::Float(0.67)),
        ("noise_type", Value::str("normal")),
        ("noise_std", Value::Float(1.0)),
        ("noise_seed", Value::Int(0)),
        ("t_initial", Value::Int(300)),
        ("t_mul", Value::Float(1.0)),
        ("lr_min", Value::Float(1e-5)),
        ("decay_rate", Value::Float(0.1)),
        ("cycle_limit", Value::Int(1)),
        ("warmup_t", Value::Int(5)),
        ("warmup_lr_init", Value::Float(1e-6)),
        ("warmup_prefix", Value::Bool(false)),
        ("t_in_epochs", Value::Bool(true)),
        ("warmup_steps", rates(9.98e-5)),
    ])
}

/// The arguments of the training script, as `argparse` keeps them.
pub(super) fn args() -> Value {
    Value::Namespace(vec![
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
    ])
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
