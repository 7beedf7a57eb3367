//! Where a retraining stands.

use serde::{Deserialize, Serialize};

use super::score::Scores;

/// What comes next. Epochs and batches count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// The epoch; the number of epochs when all are done.
    pub epoch: u64,
    /// The batch of the epoch; the number of batches when only its evaluation is left.
    pub batch: u64,
    /// Batches done in the whole run.
    pub step: u64,
    /// Updates done in the whole run.
    pub updates: u64,
}

/// Which of the two state dicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The network in training.
    Model,
    /// Its average.
    ModelEma,
}

impl Which {
    /// The key of the state dict in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::ModelEma => "model_ema",
        }
    }
}

/// The best weights so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// After which epoch.
    pub epoch: u64,
    /// Whose weights.
    pub state_dict: Which,
    /// How good they are.
    #[serde(flatten)]
    pub scores: Scores,
}

/// Losses that are not told yet.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Losses {
    /// The sum over the epoch's batches so far.
    pub of_epoch: f64,
    /// The sum over the batches that wait for their update.
    pub of_update: f64,
    /// How many batches wait.
    pub waiting: u32,
}

/// All that is not in tensors.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct State {
    /// What comes next.
    pub position: Position,
    /// The best weights of the epochs before.
    pub best: Option<Best>,
    /// Losses that are not told yet.
    pub losses: Losses,
}
