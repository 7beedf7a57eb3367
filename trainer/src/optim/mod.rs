//! Optimizers, schedules, averages of weights and the scaling of losses.
//!
//! The state of each is tensors under the names of their parameters and a few numbers, so that a run can be written down
//! and gone on with.

mod adamw;
mod average;
mod clip;
mod lars;
mod optimizer;
mod scaler;
pub mod schedule;
mod sgd;

pub use adamw::{AdamW, Moments};
pub use average::{Average, Follower};
pub use clip::{clip, norm};
pub use lars::{Lars, Treatment};
pub use optimizer::Optimizer;
pub use scaler::LossScaler;
pub use sgd::Sgd;

/// Whether weights of this name and these extents decay: 1-d ones and biases do not (`QUIRKS.md` 14).
pub fn decays(name: &str, shape: &[i64]) -> bool {
    shape.len() > 1 && name.rsplit('.').next() != Some("bias")
}
