//! See `bodies/onnx.rs`.

#![no_main]

#[path = "../bodies/onnx.rs"]
mod onnx;

libfuzzer_sys::fuzz_target!(|data: &[u8]| onnx::run(data));
