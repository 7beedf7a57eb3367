//! What people look at while a search runs and afterwards: files in the folder of the run.
//!
//! ```text
//! the search --> log.jsonl                 log          one event a line; cut back to the checkpoint when a run is resumed
//!            --> events.out.tfevents.*     tensorboard  the same curves for TensorBoard
//!            --> ratings/*.yml             yaml         the published form of ratings and best paths
//! log.jsonl, ratings/history.json, arch.json, config.toml --> report.html      report
//! ```
//!
//! Nothing here computes with tensors: numbers go in, files come out, and [`report`] reads nothing but the files. Stages and epochs
//! count from 0.

mod error;
pub mod log;
pub mod report;
pub mod tensorboard;
pub mod yaml;

pub use error::JournalError;
