//! The torch reader: runs any graph of `bossnas_model` forward, and backward through autograd, on any device.
//!
//! ```text
//! Weights (file, initialiser) --> Params: named tensors      params
//!                                   |  bind: every name found, every shape right, or all that is wrong at once
//! Graph --> Plan                    v
//!           what is computed    Module --forward(inputs, Mode)--> outputs
//!           together  (plan)           (run, norm, attention, pooled)
//! ```
//!
//! A [`Module`] is a graph with the tensors of its parameters. What depends on how it is used is the argument [`Mode`]:
//! which statistics batch norms take, whether branches are dropped, in which precision, in which memory format. Gradients
//! go where libtorch's autograd leaves them, in the tensors of the parameters; of a path through a supernet only the
//! parameters of that path are part of its graph, so no other gets one.

mod attention;
mod mode;
mod module;
mod norm;
mod ops;
mod params;
mod plan;
mod pooled;
mod shared;
mod transfer;

pub use mode::{DropPath, Dropout, Mode, Norm, Precision};
pub use module::{Module, TorchError};
pub use norm::Statistics;
pub use params::{Misfit, Misfits, Params, Placement};
pub use shared::Shared;
pub use transfer::{from_f32, to_f32};
