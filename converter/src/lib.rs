//! Checkpoints in and out, and ONNX files.
//!
//! A checkpoint's way: container, value tree, weights, passes, ONNX file; once, forward, one tensor at a time.

pub mod checkpoint;
pub mod onnx;
mod preprocessing;
