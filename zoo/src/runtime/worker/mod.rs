//! A process for each file that runs: a library that crashes takes no program with it, and there is one library a process.
//!
//! Requests and answers go through pipes. Tensors follow them as they are: some megabytes a run, which a pipe moves in a
//! millisecond or two, and which leave nothing behind when a process dies.

mod protocol;
mod repeat;
mod serve;
mod session;

pub use protocol::{Pace, Repeated};
pub use serve::serve;
pub use session::{Ran, Session};

/// The argument that makes the program a worker.
pub const ARGUMENT: &str = "__worker";
