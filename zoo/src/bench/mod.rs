//! How fast files run: several variants in turn, each in workers of its own.
//!
//! ```text
//! Variant ---> Candidate: loaded, first run, outputs, warmed up until steady
//!                  |  rounds: a block of each in turn, so that a drift of the machine meets all alike
//!                  v
//!              Measured: blocks of times in milliseconds, images per second
//! ```
//!
//! The clock stands in the worker, around the run alone. What it is not: the way of tensors between processes, decoding of
//! images, the start of a process.

mod arrivals;
mod candidate;
mod check;
mod describe;
pub mod machine;
mod peak;
mod rounds;
mod variant;

pub use candidate::{Candidate, WarmUp};
pub use check::{Checked, Expected, ExpectedError, repeated};
pub use describe::{Description, Interval};
pub use machine::{Machine, Moment};
pub use peak::{Product, product};
pub use rounds::{Measured, Plan, measure};
pub use variant::{Demand, Scenario, Variant};
