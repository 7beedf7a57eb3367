//! Optimizers, schedules, averages of weights and the scaling of losses.
//!
//! The state of each is tensors under the names of their parameters and a few numbers, so that a run can be written down
//! and gone on with.

mod adamw;
mod average;
mod lars;
mod scaler;
pub mod schedule;

pub use adamw::AdamW;
pub use average::{Average, Follower};
pub use lars::{Lars, Treatment};
pub use scaler::LossScaler;
