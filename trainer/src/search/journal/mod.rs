//! What people look at of a search: its events, its report, and ratings in the published form.
//!
//! ```text
//! the search --> log.jsonl         event      one event a line
//!            --> ratings/*.yml     yaml       the published form of ratings and best paths
//! log.jsonl, ratings/history.json, arch.json, config.toml --> report.html      report
//! ```
//!
//! [`report`] reads nothing but the files. Stages and epochs count from 0.

mod event;
pub mod report;
pub mod yaml;

pub use event::{Event, Rating, Reason, Step};
