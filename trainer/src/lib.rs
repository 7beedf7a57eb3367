//! Search and training of BossNAS networks with libtorch.
//!
//! ```text
//! torch     any graph of `bossnas_model`, forward and backward, with named tensors
//! optim     LARS, AdamW, running averages, schedules
//! search    the published method: rules, paths of a batch, the training step, rating
//! run       a search as people run it: configuration, images, epochs, checkpoints
//! journal   what people look at: log, TensorBoard, report
//! ```
//!
//! Each uses those above it. Nothing here knows a network that is not a graph.

pub mod journal;
pub mod optim;
pub mod run;
pub mod search;
pub mod torch;
