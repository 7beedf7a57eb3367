//! See `bodies/safetensors.rs`.

#![no_main]

#[path = "../bodies/read_all.rs"]
mod read_all;
#[path = "../bodies/safetensors.rs"]
mod safetensors;

libfuzzer_sys::fuzz_target!(|data: &[u8]| safetensors::run(data));
