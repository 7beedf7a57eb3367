//! See `bodies/cifar.rs`.

#![no_main]

#[path = "../bodies/cifar.rs"]
mod cifar;

libfuzzer_sys::fuzz_target!(|data: &[u8]| cifar::run(data));
