//! The demonstration: a network that is part of the program, from its architecture to what it says of digits that it has never
//! seen; each step a function, all files in one folder.
//!
//! [`Folder`] decides what may be written; [`draw`](Demo::draw), [`parts`](crate::parts::parts), [`export`](Demo::export) and
//! [`look`](Demo::look) are the steps, in that order; [`page`](page()) shows all of it in a browser.

mod folder;
mod page;
mod picture;
mod steps;

pub use folder::{Folder, FolderError};
pub use page::page;
pub use picture::{LINES, lines};
pub use steps::{Demo, DemoError, Seen};
