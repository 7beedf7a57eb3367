//! What `bossnas-zoo` does, as a library: the binary adds the command line.
//!
//! - [`demo`] shows everything at work;
//! - [`runtime`] executes ONNX files;
//! - [`verify`] compares a file with the float64 evaluator;
//! - [`export`] turns an architecture and weights into a verified file;
//! - [`parts`] sums what a network costs by stem, stages and head; [`labels`] names classes.

pub mod demo;
pub mod export;
pub mod labels;
pub mod parts;
pub mod runtime;
pub mod verify;
