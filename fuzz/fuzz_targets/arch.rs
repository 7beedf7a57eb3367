//! See `bodies/arch.rs`.

#![no_main]

#[path = "../bodies/arch.rs"]
mod arch;

libfuzzer_sys::fuzz_target!(|data: &[u8]| arch::run(data));
