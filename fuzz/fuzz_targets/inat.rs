//! See `bodies/inat.rs`.

#![no_main]

#[path = "../bodies/inat.rs"]
mod inat;

libfuzzer_sys::fuzz_target!(|data: &[u8]| inat::run(data));
