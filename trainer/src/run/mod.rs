//! What searches and retrainings have in common as people run them: a folder, a configuration, checkpoints, and how they stop.
//!
//! ```text
//! named configuration, FILE, options --> Configuration       overlay: what decides the numbers, all of it
//!                     RUN            --> Folder              folder: one process at a time; config.toml
//!           tensors, a document      --> TensorFile          tensors: whole or not at all, read back, digest
//!            signals, --max-steps    --> Stop, Pace          when to save, when to end
//! ```

mod amp;
mod folder;
mod memory;
mod overlay;
mod pace;
mod stop;
mod surroundings;
mod tensors;

pub use amp::Amp;
pub use folder::{Folder, FolderError, read_config};
pub(crate) use memory::resident;
pub use overlay::{Configuration, MAX_BYTES, Mistake, Mistakes};
pub use pace::{Halt, Pace};
pub use stop::Stop;
pub use surroundings::Surroundings;
pub(crate) use surroundings::{broken_name, unix_time};
pub use tensors::{CheckpointError, NamedTensors, TensorFile, read_document, remove_others, write_document};
