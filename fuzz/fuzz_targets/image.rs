//! See `bodies/image.rs`.

#![no_main]

#[path = "../bodies/image.rs"]
mod image;

libfuzzer_sys::fuzz_target!(|data: &[u8]| image::run(data));
