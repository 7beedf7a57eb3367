//! What the two families of runtimes have in common.

use bossnas_files::npy::Tensor;

use super::error::RuntimeError;
use super::placement::Placement;

/// A tensor and its name in the file.
pub type NamedTensor = (String, Tensor);

/// A file that was loaded.
pub(super) trait Engine {
    /// Runs on inputs of the names, types and shapes that it was loaded for.
    fn run(&mut self, inputs: &[NamedTensor]) -> Result<Vec<NamedTensor>, RuntimeError>;

    /// Takes inputs that [`Engine::repeat`] runs on, in the form in which the runtime reads them.
    fn hold(&mut self, inputs: &[NamedTensor]) -> Result<(), RuntimeError>;

    /// Runs on the inputs that are held: from values in memory to outputs in memory that a caller could read.
    fn repeat(&mut self) -> Result<(), RuntimeError>;

    /// Which build of the runtime it is, in its own words.
    fn build(&self) -> Option<String>;

    /// Where the nodes of the first run ran, if that was recorded.
    fn placement(&self) -> Option<&Placement>;
}
