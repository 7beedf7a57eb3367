//! The models and data sets with a name, what a MODEL on a command line means, and where fetched files are kept. No network
//! here.
//!
//! [`Registry`] is `registry.toml`, compiled in or given by the user ([`Location`]). [`resolve()`] turns the text of a MODEL
//! argument into a file, a registered model or an architecture, or says why it is none of them and what is near. [`cache`] is
//! the content-addressed store and its records, [`Embedded`] what needs no cache, since it is part of the program.

mod address;
pub mod cache;
mod embedded;
mod error;
mod location;
mod parse;
mod registry;
mod resolve;

pub use embedded::{Embedded, EmbeddedError, EmbeddedFile};
pub use error::{Problem, RegistryError};
pub use location::{Location, LocationError};
pub use registry::{
    Checkpoint, DataSet, Entry, Layout, Model, ModelWeights, Published, Registry, RemoteFile, StateDict,
};
pub use resolve::{BEST_WEIGHTS, ResolveError, Resolved, resolve};
pub use url::Url;
