//! Runtimes that execute ONNX files: tract, which is built in, and ONNX Runtime with its execution providers.
//!
//! [`Session`] is the one way to run a file of unknown origin: it loads the file in a process of its own, since a native
//! library may crash on what it is given, may be there once a process only, and can be held to limits there. [`Tract`] may
//! also be used directly, for files that this program wrote itself.
//!
//! ```text
//! Load ---> Session | pipe | worker ---> Engine: Tract, Ort
//!  (what, how)      |      |   named tensors in, named tensors out, where the nodes ran
//! ```

mod affinity;
mod engine;
mod error;
pub mod library;
mod ort;
mod placement;
mod probe;
mod product;
mod provider;
mod settings;
mod tract;
mod worker;

use bossnas_files::npy::Array;

pub use affinity::allowed as allowed_cpus;
pub use engine::NamedTensor;
pub use error::{Kind, RuntimeError};
pub use placement::{Operator, Placement, Share};
pub use probe::{Works, probe};
pub(crate) use product::product_of_matrices;
pub use provider::{Provider, Runtime};
pub use settings::{InputSpec, Load, Optimisation, Precision, Settings, available_cpus};
pub use tract::{Tract, TractError};
pub use worker::{ARGUMENT as WORKER, Pace, Ran, Repeated, Session, serve};

/// A float32 value and its name in the file.
pub type Named = (String, Array);
