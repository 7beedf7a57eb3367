//! What people look at while a run goes on and afterwards: files in its folder.
//!
//! ```text
//! a run --> log.jsonl                 log          one event a line; cut back to the checkpoint when a run is resumed
//!       --> events.out.tfevents.*     tensorboard  the same curves for TensorBoard
//! log.jsonl and other files --> report.html        page: what the reports of all runs have in common
//! ```
//!
//! Nothing here computes with tensors: numbers go in, files come out. What happens in a run, and what its report shows, stands beside
//! the run: `search::journal`, `retrain::journal`.

mod batch;
mod error;
pub mod log;
pub(crate) mod page;
pub mod tensorboard;

pub use batch::Batch;
pub use error::JournalError;
pub(crate) use log::number;
pub use log::{Event, Log};
