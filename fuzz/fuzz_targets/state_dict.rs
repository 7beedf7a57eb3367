//! See `bodies/state_dict.rs`.

#![no_main]

#[path = "../bodies/read_all.rs"]
mod read_all;
#[path = "../bodies/state_dict.rs"]
mod state_dict;

libfuzzer_sys::fuzz_target!(|data: &[u8]| state_dict::run(data));
