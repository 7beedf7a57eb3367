//! How results and errors reach a person or a program.
//!
//! stdout is data, stderr is for people. A command gets a [`Console`] and prints through it: text, tables
//! ([`Table`]) and numbers with units ([`units`]), or one JSON document that begins with its schema
//! ([`Console::json`]). It fails with a [`Failure`], which carries the exit code ([`Exit`]), one sentence and a hint,
//! travels through `anyhow` and is shown by [`Console::error`]. Text that comes from a file goes through [`escape`].

mod console;
mod escape;
mod exit;
mod failure;
pub mod html;
mod json;
pub mod plot;
mod progress;
pub mod statistics;
mod style;
mod table;
pub mod units;

pub use console::{ClosedPipe, Console, Verbosity};
pub use escape::escape;
pub use exit::Exit;
pub use failure::Failure;
pub use progress::{Bar, Counted, Progress};
pub use style::{ColorChoice, Style};
pub use table::{Align, Table};
