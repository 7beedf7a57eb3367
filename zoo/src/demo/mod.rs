//! The demonstration: BossNet-T0 from its architecture to a prediction, each step a function, all files in one folder.
//!
//! [`Folder`] decides what may be written; [`draw`](Demo::draw), [`parts`](crate::parts::parts), [`export`](Demo::export),
//! [`prepare`](Demo::prepare) and [`classify`](Demo::classify) are the steps, in that order.

mod folder;
mod steps;

pub use folder::{Folder, FolderError};
pub use steps::{Demo, DemoError, SEED};
