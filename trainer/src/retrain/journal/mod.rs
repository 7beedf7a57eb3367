//! What people look at of a retraining: its events and its report.
//!
//! ```text
//! the training --> log.jsonl                          event      one event a line
//! log.jsonl, config.toml --> report.html              report
//! ```
//!
//! [`report`] reads nothing but the files. Epochs count from 0.

mod event;
pub mod report;

pub use event::{Epoch, Event, Reason, Step};
