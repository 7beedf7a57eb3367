//! Search and training of BossNAS networks with libtorch.
//!
//! ```text
//! torch     any graph of `bossnas_model`, forward and backward, with named tensors
//! optim     LARS, AdamW, SGD, running averages, schedules
//! journal   what people look at: log, TensorBoard, pieces of reports
//! run       what all runs have in common: folder, configuration, checkpoints, how they stop
//! search    the published method: rules, paths of a batch, the training step, rating; searches as people run them
//! retrain   the published recipe: from an architecture to a trained network, and how good it is
//! ```
//!
//! Each uses those above it. Nothing here knows a network that is not a graph.

pub mod journal;
pub mod optim;
pub mod retrain;
pub mod run;
pub mod search;
pub mod torch;
