//! What happens in a search, as `log.jsonl` tells it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::journal::{self, Batch, number};

/// What happened. `time` is in seconds since 1970; `step` counts the batches that are done over the whole run, from 1.
///
/// JSON has no infinities and no NaN: a number that is one is written as `null` and read as NaN.
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
        /// The search space, as `Space::from_str` reads it.
        space: String,
        /// The switches of [`Rules`](crate::search::Rules).
        rules: Map<String, Value>,
        /// How many steps the whole run has.
        steps: u64,
    },
    /// A batch is done.
    Step(Step),
    /// The paths of a stage were rated.
    Rating(Rating),
    /// A stage is decided.
    Stage {
        /// When.
        time: f64,
        /// The stage, from 0.
        stage: usize,
        /// Batches done.
        step: u64,
        /// The path that goes on, as the digits of its operations.
        best: String,
        /// Its score.
        #[serde(deserialize_with = "number")]
        score: f64,
    },
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
        /// How long it took.
        seconds: f64,
    },
}

/// A batch is done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub time: f64,
    /// The stage, from 0.
    pub stage: usize,
    /// The epoch of the stage, from 0.
    pub epoch: u64,
    /// Batches done, this one included.
    pub step: u64,
    /// The mean over the paths of half the sum of both losses, from -4 to 4.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// The learning rate.
    #[serde(deserialize_with = "number")]
    pub lr: f64,
    /// With which the target follows.
    #[serde(deserialize_with = "number")]
    pub momentum: f64,
    /// Images a second.
    #[serde(deserialize_with = "number")]
    pub images_per_second: f64,
    /// The share of the time that the step waited for data.
    #[serde(deserialize_with = "number")]
    pub waited: f64,
    /// Resident bytes of the process.
    pub memory: u64,
    /// The factor of the loss in 16-bit arithmetic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

/// The paths of a stage were rated: the lower a score, the better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// When.
    pub time: f64,
    /// The stage, from 0.
    pub stage: usize,
    /// The epoch of the stage after which they were rated, from 0.
    pub epoch: u64,
    /// Batches done.
    pub step: u64,
    /// The best path, as the digits of its operations.
    pub best: String,
    /// Its score.
    #[serde(deserialize_with = "number")]
    pub score: f64,
    /// The score in the middle.
    #[serde(deserialize_with = "number")]
    pub median: f64,
    /// The worst score.
    #[serde(deserialize_with = "number")]
    pub worst: f64,
    /// How many paths were rated.
    pub paths: usize,
    /// How long it took.
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
    /// The `--stages` that were asked for are decided.
    Stages,
}

impl journal::Event for Event {
    fn step(&self) -> u64 {
        match self {
            Self::Step(Step { step, .. })
            | Self::Rating(Rating { step, .. })
            | Self::Start { step, .. }
            | Self::Stage { step, .. }
            | Self::Resume { step, .. }
            | Self::Broken { step, .. }
            | Self::Stop { step, .. }
            | Self::End { step, .. } => *step,
        }
    }

    fn time(&self) -> f64 {
        match self {
            Self::Step(Step { time, .. })
            | Self::Rating(Rating { time, .. })
            | Self::Start { time, .. }
            | Self::Stage { time, .. }
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
        self.stage
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
