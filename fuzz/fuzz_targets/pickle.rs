//! See `bodies/pickle.rs`.

#![no_main]

#[path = "../bodies/pickle.rs"]
mod pickle;

libfuzzer_sys::fuzz_target!(|data: &[u8]| pickle::run(data));
