//! Checkpoints in and out, and ONNX files.
//!
//! A checkpoint's way: container, value tree, weights, passes, ONNX file; once, forward, one tensor at a time. [`notes`] are what
//! safetensors files of ours say about themselves.

pub mod checkpoint;
pub mod notes;
pub mod onnx;
mod text;
