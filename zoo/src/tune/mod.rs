//! Which way of running a file is the best on this machine?
//!
//! A [`Setting`] is a runtime, a precision, threads and a batch; [`grid`] lists those that a machine offers, [`frontier`] keeps
//! those that no other beats, and a [`Choice`] is one that is remembered for a file.

mod choice;
mod frontier;
mod setting;

pub use choice::{Choice, ChoiceError, Goal, Tuned};
pub use frontier::{Outcome, frontier};
pub use setting::{Setting, grid};
