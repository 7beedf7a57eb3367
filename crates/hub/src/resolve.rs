//! What a MODEL on a command line means.

use std::path::{Path, PathBuf};

use bossnas_model::arch::{Architecture, ParseError};

use crate::{Model, Registry};

/// Files of which a folder that a search has written holds at least one, from its first second on.
const RUN_FILES: [&str; 2] = ["checkpoint.json", "config.toml"];

/// In the folder of a retraining, the weights that are meant by the folder.
pub const BEST_WEIGHTS: &str = "best.safetensors";

/// A MODEL that is something.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved<'r> {
    /// A file, whatever is in it.
    File(PathBuf),
    /// The folder of a search's run.
    Run(PathBuf),
    /// A model with a name.
    Registered(&'r Model),
    /// An architecture without weights.
    Architecture(Architecture),
}

/// Why a MODEL is nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// It looks like a path, and nothing is there.
    #[error("`{}` does not exist", .0.display())]
    NoSuchFile(PathBuf),
    /// It is there, but a device, or a folder that no search has written.
    #[error("`{}` is neither a file nor the run folder of a search", .0.display())]
    NotAFile(PathBuf),
    /// It looks like an architecture, and is none.
    #[error("the architecture is wrong at {error}")]
    Architecture {
        /// Where and why.
        error: ParseError,
        /// Names that look like it, or an architecture that it might be.
        near: Vec<String>,
    },
    /// It looks like a name, and no model has it.
    #[error("there is no model `{text}`")]
    Unknown {
        /// The text.
        text: String,
        /// Names that look like it, or an architecture that it might be.
        near: Vec<String>,
    },
}

/// Finds out what `text` is, in this order: an existing file or run folder (that of a retraining means its best weights), a name or alias of `registry`, an architecture.
///
/// ```
/// use bossnas_hub::{Registry, Resolved, resolve};
/// let registry = Registry::built_in()?;
/// assert!(matches!(resolve(&registry, "t0^")?, Resolved::Registered(model) if model.name == "BossNet-T0@288"));
/// assert!(matches!(resolve(&registry, "bossnet:1/0/1/0")?, Resolved::Architecture(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn resolve<'r>(registry: &'r Registry, text: &str) -> Result<Resolved<'r>, ResolveError> {
    let path = Path::new(text);
    let there = path.metadata().ok();
    if there.as_ref().is_some_and(std::fs::Metadata::is_file) {
        return Ok(Resolved::File(path.to_owned()));
    }
    let best = path.join(BEST_WEIGHTS);
    if best.is_file() {
        return Ok(Resolved::File(best));
    }
    if RUN_FILES.iter().any(|name| path.join(name).is_file()) {
        return Ok(Resolved::Run(path.to_owned()));
    }
    if let Some(model) = registry.find(text.trim()) {
        return Ok(Resolved::Registered(model));
    }
    let error = match text.parse() {
        Ok(arch) => return Ok(Resolved::Architecture(arch)),
        Err(error) => error,
    };
    if there.is_some() {
        return Err(ResolveError::NotAFile(path.to_owned()));
    }
    // Once a text says which space it is of, no name was meant.
    let near = if error.column() == 1 { near(registry, text) } else { Vec::new() };
    if text.contains(':') || text.trim_start().starts_with('[') {
        return Err(ResolveError::Architecture { error, near });
    }
    if near.is_empty() && looks_like_a_path(path) {
        return Err(ResolveError::NoSuchFile(path.to_owned()));
    }
    Err(ResolveError::Unknown { text: text.to_owned(), near })
}

/// What was perhaps meant.
fn near(registry: &Registry, text: &str) -> Vec<String> {
    // The digits alone, as they stand in tables.
    if let Ok(arch) = format!("bossnet:{text}").parse::<Architecture>() {
        return vec![arch.to_string()];
    }
    registry.nearest(text).into_iter().map(|model| model.name.clone()).collect()
}

fn looks_like_a_path(path: &Path) -> bool {
    let known = ["onnx", "pth", "pt", "bin", "ckpt", "tar", "safetensors", "json", "zip"];
    let extension = path.extension().and_then(|extension| extension.to_str());
    path.components().count() > 1
        || path.is_absolute()
        || extension.is_some_and(|extension| known.iter().any(|known| known.eq_ignore_ascii_case(extension)))
}
