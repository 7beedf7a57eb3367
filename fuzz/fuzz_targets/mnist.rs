//! See `bodies/mnist.rs`.

#![no_main]

#[path = "../bodies/mnist.rs"]
mod mnist;

libfuzzer_sys::fuzz_target!(|data: &[u8]| mnist::run(data));
