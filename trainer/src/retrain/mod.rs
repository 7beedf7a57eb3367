//! Retraining: from an architecture to a trained network, by DeiT's recipe (`REFERENCE.md` section 5), across interruptions.
//!
//! ```text
//! preset, FILE, options --> Config          config, preset: what decides the numbers, all of it
//!      data set, folder --> Images          images: what is trained on, what networks are judged by
//!   seed, or checkpoint --> Start           start: what training begins with
//!                            |
//!        Config, Images --> Plan            plan: batches, epochs, updates
//!                            |
//!                            v        every batch: inputs (bossnas_data), mixed -> Learner: loss, gradients
//!        State <---------> course           every few batches: optimizer, average -> log
//!          |                                every epoch: Examination -> Scores -> best, report
//!          v
//!        checkpoint: state dicts under the published names, the rest beside them; outputs: their lasting names; pth: DeiT's layout
//! ```
//!
//! What a batch computes depends on the configuration, its number and the tensors alone, so a run that is resumed from a checkpoint
//! ends in the same bytes as one that was never stopped.

mod checkpoint;
mod config;
mod course;
mod images;
pub mod journal;
mod learner;
mod loss;
mod outputs;
mod plan;
mod preset;
mod pth;
mod score;
mod start;
mod state;

pub use checkpoint::Checkpoint;
pub use config::{Config, Evaluation, LrByEpoch, OptimizerKind, OptimizerNumbers, RepeatedSamples, Rules, Training};
pub use course::{Beginning, End, Options, Outcome, RetrainError, retrain};
pub use images::{Images, open as open_images};
pub use learner::{Batch, Learner, Regimen, Update};
pub use loss::soft_cross_entropy;
pub use plan::{Plan, PlanError};
pub use preset::Preset;
pub use pth::{NAME as PTH_NAME, PthError, Saved};
pub use score::{Examination, Examined, ScoreError, Scores, Tally};
pub use start::{Start, StartError};
pub use state::{Best, Losses, Position, State, Which};
