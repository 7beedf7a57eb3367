//! BossNet networks as data.
//!
//! An architecture (a few digits, [`arch`]) becomes a [`graph::Graph`] ([`bossnet`], [`space`]), and everything else reads
//! that graph: shape inference ([`shape`]), cost ([`cost`]), the float64 evaluator ([`mod@evaluate`]), the rewriting passes
//! ([`pass`]), the drawing ([`draw`]), and, in other crates, the ONNX writer and the trainer. A graph holds no numbers:
//! those come from a [`weights::Weights`], a read-only map from parameter name to tensor.

pub mod arch;
pub mod bossnet;
pub mod cost;
pub mod draw;
pub mod evaluate;
pub mod graph;
pub mod init;
mod layers;
pub mod pass;
pub mod preprocess;
pub mod random;
pub mod shape;
pub mod space;
pub mod weights;
