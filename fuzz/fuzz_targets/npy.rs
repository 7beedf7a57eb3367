//! See `bodies/npy.rs`.

#![no_main]

#[path = "../bodies/npy.rs"]
mod npy;

libfuzzer_sys::fuzz_target!(|data: &[u8]| npy::run(data));
