//! Where a run stands.

use serde::{Deserialize, Serialize};

use super::ratings::Document;

/// What comes next. Stages, epochs and batches count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// The stage; the number of stages when all are decided.
    pub stage: usize,
    /// The epoch of the stage.
    pub epoch: u64,
    /// The batch of the epoch; the number of batches when only its rating is left.
    pub batch: u64,
    /// Batches done in the whole run.
    pub step: u64,
}

/// A stage that is decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The path that goes on.
    pub path: Vec<u8>,
    /// Its score.
    pub score: f64,
}

/// All that is not in tensors.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// What comes next.
    pub position: Position,
    /// The stages before.
    pub decided: Vec<Decided>,
    /// Every rating so far.
    pub history: Vec<Document>,
}

impl State {
    /// The best paths of the stages before.
    pub fn best_paths(&self) -> Vec<Vec<u8>> {
        self.decided.iter().map(|decided| decided.path.clone()).collect()
    }
}
