//! What happens in a retraining, as `log.jsonl` tells it.

use serde::{Deserialize, Serialize};

use crate::journal::{self, Batch, number};
use crate::retrain::score::Scores;

/// What happened. `time` is in seconds since 1970; `step` counts the batches that are done over the whole run, from 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run begins.
    Start {
        /// When.
        time: f64,
        /// 0.
        step: u64,
        /// Of the program.
        version: String,
        /// The network.
        arch: String,
        /// The recipe that it began from.
        recipe: String,
        /// The data set, by name.
        data_set: String,
        /// Images that are trained on, and those that the network is judged by.
        images: [usize; 2],
        /// How many epochs the whole run has.
        epochs: u64,
        /// How many steps the whole run has.
        steps: u64,
    },
    /// An update is done.
    Step(Step),
    /// An epoch is done.
    Epoch(Epoch),
    /// The run goes on from a checkpoint.
    Resume {
        /// When.
        time: f64,
        /// The checkpoint's.
        step: u64,
    },
    /// A picture could not be read.
    Broken {
        /// When.
        time: f64,
        /// Batches done.
        step: u64,
        /// The picture.
        name: String,
        /// What is wrong with it.
        error: String,
    },
    /// The process ends before the run does.
    Stop {
        /// When.
        time: f64,
        /// Batches done.
        step: u64,
        /// Why.
        reason: Reason,
    },
    /// The run is complete.
    End {
        /// When.
        time: f64,
        /// Batches done.
        step: u64,
        /// How long this process took.
        seconds: f64,
    },
}

/// An update is done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub time: f64,
    /// The epoch, from 0.
    pub epoch: u64,
    /// Batches done, this one included.
    pub step: u64,
    /// The mean loss of its batches.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// The learning rate.
    #[serde(deserialize_with = "number")]
    pub lr: f64,
    /// The norm of all gradients before they were clipped, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm: Option<f64>,
    /// Images a second.
    #[serde(deserialize_with = "number")]
    pub images_per_second: f64,
    /// The share of the time that it waited for data.
    #[serde(deserialize_with = "number")]
    pub waited: f64,
    /// Resident bytes of the process.
    pub memory: u64,
    /// The factor of the loss in 16-bit arithmetic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

/// An epoch is done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// When.
    pub time: f64,
    /// The epoch, from 0.
    pub epoch: u64,
    /// Batches done.
    pub step: u64,
    /// The learning rate.
    #[serde(deserialize_with = "number")]
    pub lr: f64,
    /// The mean loss of its batches.
    #[serde(deserialize_with = "number")]
    pub train_loss: f64,
    /// How good the network is, where it was evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Scores>,
    /// How good its average is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_ema: Option<Scores>,
    /// Seconds that the evaluation took.
    pub seconds: f64,
}

/// Why a process ends before its run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A signal asked for it.
    Interrupt,
    /// `--max-steps` are done.
    MaxSteps,
}

impl journal::Event for Event {
    fn step(&self) -> u64 {
        match self {
            Self::Step(Step { step, .. })
            | Self::Epoch(Epoch { step, .. })
            | Self::Start { step, .. }
            | Self::Resume { step, .. }
            | Self::Broken { step, .. }
            | Self::Stop { step, .. }
            | Self::End { step, .. } => *step,
        }
    }

    fn time(&self) -> f64 {
        match self {
            Self::Step(Step { time, .. })
            | Self::Epoch(Epoch { time, .. })
            | Self::Start { time, .. }
            | Self::Resume { time, .. }
            | Self::Broken { time, .. }
            | Self::Stop { time, .. }
            | Self::End { time, .. } => *time,
        }
    }
}

impl Batch for Step {
    fn step(&self) -> u64 {
        self.step
    }

    fn part(&self) -> usize {
        0
    }

    fn loss(&self) -> f64 {
        self.loss
    }

    fn lr(&self) -> f64 {
        self.lr
    }

    fn images_per_second(&self) -> f64 {
        self.images_per_second
    }

    fn waited(&self) -> f64 {
        self.waited
    }

    fn memory(&self) -> u64 {
        self.memory
    }

    fn scale(&self) -> Option<f64> {
        self.scale
    }
}
