//! See `bodies/rank.rs`. The readers are compiled into this program: the crate that they are of would bring all of tract.

#![no_main]

extern crate self as bossnas_zoo;

#[path = "../bodies/rank.rs"]
mod body;
#[path = "../../zoo/src/rank/mod.rs"]
pub mod rank;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
