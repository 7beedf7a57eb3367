//! See `bodies/checkpoint.rs`.

#![no_main]

#[path = "../bodies/checkpoint.rs"]
mod checkpoint;
#[path = "../bodies/read_all.rs"]
mod read_all;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checkpoint::run(data));
