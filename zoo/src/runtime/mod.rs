//! Runtimes that execute ONNX files. Today that is tract, which is built in; each one takes named float32 arrays and
//! returns named float32 arrays.

mod tract;

use bossnas_files::npy::Array;

pub use tract::{Tract, TractError};

/// A value and its name in the file.
pub type Named = (String, Array);
