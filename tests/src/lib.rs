//! Tests of the built program, run as a user runs it: with arguments, files, and nothing else.
//!
//! - [`program`] finds the binary, runs it and holds what came back;
//! - [`network`] makes a known network's checkpoint, input and logits;
//! - [`npy`] reads and writes arrays with code of its own, so that the program's is tested too.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]
#![expect(clippy::missing_panics_doc, reason = "everything here panics when it cannot go on")]

pub mod network;
pub mod npy;
pub mod program;
