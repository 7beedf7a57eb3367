//! A search as people run it: from a configuration and a folder of images to an architecture, across interruptions.
//!
//! ```text
//! preset, FILE, options --> Config          config, preset: what decides the numbers, all of it
//!        data folder    --> Images          images: what is trained on, what is rated on
//!                            |
//!        Config, Images --> Plan            plan: batches, epochs, updates; nothing is random but by (seed, where)
//!                            |
//!                            v        every batch: views (bossnas_data) -> Learner -> log
//!        State <---------> course           every few epochs: rate all paths -> ratings/
//!          |                                every stage: the best path goes on -> arch.json
//!          v
//!        checkpoint: whole or not at all, read back before the last one goes
//! ```
//!
//! A run is a folder ([`Folder`](crate::run::Folder)). What a batch computes depends on the configuration, its number and the tensors alone, so a
//! run that is resumed from a checkpoint ends in the same bytes as one that was never stopped.

mod checkpoint;
mod config;
mod course;
mod images;
mod plan;
mod preset;
mod ratings;
mod state;

pub use checkpoint::Checkpoint;
pub use config::{Config, DataKind, Rating, RatingData, Training};
pub use course::{End, Options, SearchError, search};
pub use images::{Fixed, Images, ImagesError};
pub use plan::{Plan, PlanError};
pub use preset::Preset;
pub use ratings::{Document, HistoryError};
pub use state::{Decided, Position, State};
