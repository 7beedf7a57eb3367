//! The ONNX file behind a MODEL that a command runs.

use std::path::{Path, PathBuf};

use bossnas_hub::Resolved;
use bossnas_hub::cache::Trust;
use bossnas_report::Failure;

use super::context::Context;
use super::{exported, model};

/// The ONNX file that MODEL is, or that of the model with this name.
pub(crate) fn find(text: &str, context: &Context) -> anyhow::Result<(PathBuf, Option<Trust>)> {
    let path = Path::new(text);
    // What is there is meant, whatever it is; its reader says what is wrong with it.
    if path.exists() {
        return Ok((path.to_owned(), None));
    }
    let registry = context.registry()?;
    match model::find(&registry, text)? {
        Resolved::Registered(model) => {
            let (path, trust) = exported::onnx(model, context)?;
            Ok((path, Some(trust)))
        }
        Resolved::File(path) => Ok((path, None)),
        Resolved::Architecture(arch) => Err(Failure::usage(format!("{arch} has no weights to run"))
            .hint(format!("`bossnas-zoo export {arch} -o FILE.onnx` makes an untrained file"))
            .into()),
    }
}
