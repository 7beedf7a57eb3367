//! What tests and benchmarks share: known answers, the formula that makes weights, and checkpoints to convert.
//!
//! - [`fixtures`] finds the parity fixtures (what the published code computes) and reads their manifest and tensors;
//! - [`recipe`] makes the weights and inputs those answers belong to, bit for bit, from names and shapes;
//! - [`deit`] writes checkpoint files as a DeiT training run leaves them, of any size;
//! - [`run`] writes run folders as a search leaves them;
//! - [`cifar`] writes the batches that CIFAR-10 comes in, with made-up pictures.
//!
//! No program uses this crate.

pub mod cifar;
pub mod deit;
pub mod fixtures;
pub mod recipe;
pub mod run;
