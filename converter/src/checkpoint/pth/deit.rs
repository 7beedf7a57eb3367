//! The object that a DeiT training run saves after each epoch: `torch.save({"model", "optimizer", "lr_scheduler", "epoch",
//! "model_ema", "args"})`, the layout of the published BossNet files.

use bossnas_model::weights::Weights;

use super::pickle::Value;

/// What a checkpoint holds.
pub struct DeitCheckpoint<'a> {
    /// The state dict under `model`.
    pub model: &'a dyn Weights,
    /// The state dict under `model_ema`, if an average was kept.
    pub model_ema: Option<&'a dyn Weights>,
    /// The optimizer's state.
    pub optimizer: DeitOptimizer<'a>,
    /// The learning rate's schedule.
    pub schedule: DeitSchedule,
    /// The last epoch that is done, from 0.
    pub epoch: u64,
    /// The training script's arguments, in their order.
    pub args: Vec<(String, Value<'a>)>,
}

/// The state of an optimizer with two groups: parameters that do not decay, then those that do (`QUIRKS.md` 14).
pub struct DeitOptimizer<'a> {
    /// Which optimizer, with the names of its tensors.
    pub kind: DeitOptimizerKind<'a>,
    /// The learning rate of the last epoch.
    pub rate: f64,
    /// The rate that the schedule starts from.
    pub base_rate: f64,
    /// Decay of the second group.
    pub weight_decay: f64,
    /// Parameters without decay, in the order of the network.
    pub fixed: Vec<String>,
    /// Parameters with decay, in the order of the network.
    pub decaying: Vec<String>,
}

/// An optimizer.
pub enum DeitOptimizerKind<'a> {
    /// AdamW.
    AdamW(DeitAdamW<'a>),
    /// SGD with momentum.
    Sgd(DeitSgd<'a>),
}

/// The state of AdamW.
pub struct DeitAdamW<'a> {
    /// Its tensors.
    pub tensors: &'a dyn Weights,
    /// What the mean of a parameter's gradients is called there, and the mean of their squares.
    pub names: fn(&str) -> [String; 2],
    /// Steps done.
    pub steps: i64,
    /// Decay of both means.
    pub betas: (f64, f64),
    /// Added to the root of the mean square.
    pub eps: f64,
}

/// The state of SGD.
pub struct DeitSgd<'a> {
    /// Its tensors.
    pub tensors: &'a dyn Weights,
    /// What the buffer of a parameter's momentum is called there.
    pub name: fn(&str) -> String,
    /// Decay of the buffers.
    pub momentum: f64,
    /// Whether the step looks ahead of the buffer.
    pub nesterov: bool,
}

/// timm's cosine schedule by epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeitSchedule {
    /// Where it starts.
    pub base_rate: f64,
    /// Where it ends.
    pub smallest_rate: f64,
    /// Where the warm-up starts.
    pub warmup_rate: f64,
    /// Epochs of the warm-up.
    pub warmup_epochs: u64,
    /// Epochs of the cosine, warm-up included.
    pub epochs: u64,
}

impl<'a> DeitCheckpoint<'a> {
    /// As the object to write.
    pub fn value(self) -> Value<'a> {
        let items = [
            ("model", Some(Value::state_dict(self.model))),
            ("optimizer", Some(self.optimizer.value())),
            ("lr_scheduler", Some(self.schedule.value())),
            ("epoch", Some(Value::Int(self.epoch as i64))),
            ("model_ema", self.model_ema.map(Value::state_dict)),
            ("args", Some(Value::Namespace(self.args))),
        ];
        Value::dict(items.into_iter().filter_map(|(key, value)| Some((key, value?))))
    }
}

impl<'a> DeitOptimizer<'a> {
    /// `optimizer.state_dict()`.
    fn value(self) -> Value<'a> {
        let Self { kind, rate, base_rate, weight_decay, fixed, decaying } = self;
        let state = fixed.iter().chain(&decaying).enumerate().filter_map(|(index, name)| {
            let entry = kind.of_parameter(name)?;
            Some((Value::Int(index as i64), entry))
        });
        let state = Value::Dict(state.collect());
        let group = |decay: f64, params: std::ops::Range<usize>| {
            let params = Value::List(params.map(|index| Value::Int(index as i64)).collect());
            let numbers = kind.numbers().into_iter();
            let around = [("weight_decay", Value::Float(decay)), ("lr", Value::Float(rate))].into_iter();
            let rest = [("initial_lr", Value::Float(base_rate)), ("params", params)];
            Value::dict(around.chain(numbers).chain(rest))
        };
        let first = fixed.len();
        let groups = vec![group(0.0, 0..first), group(weight_decay, first..first + decaying.len())];
        Value::dict([("state", state), ("param_groups", Value::List(groups))])
    }
}

impl<'a> DeitOptimizerKind<'a> {
    /// What is kept of a parameter; nothing of one that was never updated.
    fn of_parameter(&self, name: &str) -> Option<Value<'a>> {
        match self {
            Self::AdamW(DeitAdamW { tensors, names, steps, .. }) => {
                let [mean, square] = names(name);
                tensors.info(&mean)?;
                Some(Value::dict([
                    ("step", Value::Int(*steps)),
                    ("exp_avg", Value::Tensor(*tensors, mean)),
                    ("exp_avg_sq", Value::Tensor(*tensors, square)),
                ]))
            }
            Self::Sgd(DeitSgd { tensors, name: named, .. }) => {
                let buffer = named(name);
                tensors.info(&buffer)?;
                Some(Value::dict([("momentum_buffer", Value::Tensor(*tensors, buffer))]))
            }
        }
    }

    /// The numbers of each group.
    fn numbers(&self) -> Vec<(&'static str, Value<'a>)> {
        match self {
            Self::AdamW(DeitAdamW { betas, eps, .. }) => vec![
                ("betas", Value::Tuple(vec![Value::Float(betas.0), Value::Float(betas.1)])),
                ("eps", Value::Float(*eps)),
                ("amsgrad", Value::Bool(false)),
            ],
            Self::Sgd(DeitSgd { momentum, nesterov, .. }) => vec![
                ("momentum", Value::Float(*momentum)),
                ("dampening", Value::Int(0)),
                ("nesterov", Value::Bool(*nesterov)),
            ],
        }
    }
}

impl DeitSchedule {
    /// `lr_scheduler.state_dict()`.
    fn value<'a>(self) -> Value<'a> {
        let Self { base_rate, smallest_rate, warmup_rate, warmup_epochs, epochs } = self;
        let rates = |rate| Value::List(vec![Value::Float(rate), Value::Float(rate)]);
        let warmup_steps = match warmup_epochs {
            0 => Value::List(vec![Value::Int(1), Value::Int(1)]),
            epochs => rates((base_rate - warmup_rate) / epochs as f64),
        };
        Value::dict([
            ("param_group_field", Value::str("lr")),
            ("_initial_param_group_field", Value::str("initial_lr")),
            ("base_values", rates(base_rate)),
            ("metric", Value::None),
            ("noise_range_t", Value::None),
            ("noise_pct", Value::Float(0.67)),
            ("noise_type", Value::str("normal")),
            ("noise_std", Value::Float(1.0)),
            ("noise_seed", Value::Int(42)),
            ("t_initial", Value::Int(epochs as i64)),
            ("t_mul", Value::Float(1.0)),
            ("lr_min", Value::Float(smallest_rate)),
            ("decay_rate", Value::Float(0.1)),
            ("cycle_limit", Value::Int(1)),
            ("warmup_t", Value::Int(warmup_epochs as i64)),
            ("warmup_lr_init", Value::Float(warmup_rate)),
            ("warmup_prefix", Value::Bool(false)),
            ("t_in_epochs", Value::Bool(true)),
            ("warmup_steps", warmup_steps),
        ])
    }
}
