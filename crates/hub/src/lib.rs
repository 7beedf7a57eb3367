//! The models and data sets with a name, what a MODEL on a command line means, and where fetched files are kept. No network
//! here.
//!
//! [`Registry`] is `registry.toml`, compiled in or given by the user ([`Location`]). [`resolve()`] turns the text of a MODEL
//! argument into a file, a registered model or an architecture, or says why it is none of them and what is near. [`cache`] is
//! the content-addressed store and its records.

mod address;
pub mod cache;
mod error;
mod location;
mod parse;
mod registry;
mod resolve;

pub use error::{Problem, RegistryError};
pub use location::{Location, LocationError};
pub use registry::{Checkpoint, DataSet, Entry, Layout, Model, Published, Registry, RemoteFile, StateDict};
pub use resolve::{BEST_WEIGHTS, ResolveError, Resolved, resolve};
pub use url::Url;
