//! The models with a name, and what a MODEL on a command line means. No network here.
//!
//! [`Registry`] is `registry.toml`, compiled in or given by the user. [`resolve()`] turns the text of a MODEL argument
//! into a file, a registered model or an architecture, or says why it is none of them and what is near.

mod error;
mod parse;
mod registry;
mod resolve;
mod url;

pub use error::{Problem, RegistryError};
pub use registry::{Checkpoint, Model, Published, Registry, StateDict};
pub use resolve::{ResolveError, Resolved, resolve};
