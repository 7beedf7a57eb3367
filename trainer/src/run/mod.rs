//! A search as people run it: from a configuration and a folder of images to an architecture, across interruptions.
//!
//! ```text
//! preset, FILE, options --> Config          config, preset, parse: what decides the numbers, all of it
//!        data folder    --> Images          images: what is trained on, what is rated on
//!                            |
//!        Config, Images --> Plan            plan: batches, epochs, updates; nothing is random but by (seed, where)
//!                            |
//!                            v        every batch: views (bossnas_data) -> Learner -> log
//!        State <---------> search           every few epochs: rate all paths -> ratings/
//!          |                                every stage: the best path goes on -> arch.json
//!          v
//!        checkpoint: whole or not at all, read back before the last one goes
//! ```
//!
//! A run is a folder ([`Folder`]). What a batch computes depends on the configuration, its number and the tensors alone, so a
//! run that is resumed from a checkpoint ends in the same bytes as one that was never stopped.

mod checkpoint;
mod config;
mod folder;
mod images;
mod memory;
mod parse;
mod plan;
mod preset;
mod ratings;
mod search;
mod state;
mod stop;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use config::{Amp, Config, DataKind, Rating, RatingData, Training};
pub use folder::{Folder, FolderError, read_config};
pub use images::{Fixed, Images, ImagesError};
pub use parse::{Mistake, Mistakes};
pub use plan::{Plan, PlanError};
pub use preset::Preset;
pub use ratings::{Document, HistoryError};
pub use search::{End, Options, SearchError, Surroundings, search};
pub use state::{Decided, Position, State};
pub use stop::Stop;
