//! See `bodies/archive.rs`.

#![no_main]

#[path = "../bodies/archive.rs"]
mod archive;

libfuzzer_sys::fuzz_target!(|data: &[u8]| archive::run(data));
