//! ONNX files that a command needs of a model that was fetched: exported once into the cache, verified like any other.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bossnas_converter::checkpoint::Choice;
use bossnas_converter::onnx::{Batch, DEFAULT_OPSET, Options};
use bossnas_files::{Sha256, SourceFile, move_into_place, sha256_of};
use bossnas_hub::Model;
use bossnas_hub::cache::{Cache, Owner, Trust};
use bossnas_model::pass::Pass;
use bossnas_report::{Exit, Failure, units};
use bossnas_zoo::export::{Job, export};

use super::context::Context;
use super::stored::{Stored, not_fetched};
use super::subject::Subject;

/// The ONNX file of a model that was fetched, at its own size and any batch, and why its weights are believed.
pub(crate) fn onnx(model: &Model, context: &Context) -> anyhow::Result<(PathBuf, Trust)> {
    let subject = Subject::of_model(model)?;
    let stored = subject.stored.as_ref().ok_or_else(|| not_fetched(model))?;
    if let Some(warning) = stored.unconfirmed() {
        context.console.warn(format_args!("{}: {warning}", model.name));
    }
    let cache = Cache::of_user()?;
    let folder = cache.exports_folder();
    let options = options(&subject);
    let prefix = format!("{}.{}.", name(&subject), key(stored, options));
    if let Some(path) = existing(&folder, &prefix) {
        return Ok((path, stored.trust()));
    }
    cache.make(&folder)?;
    context.console.note(format_args!("exporting {} once into the cache", model.name));
    let origin = subject.origin(None, Choice::Auto, None)?;
    let metadata = subject.metadata(subject.size, &Pass::INFERENCE, &origin);
    let job = Job { weights: origin.weights.clone(), metadata: &metadata, options, verify: true };
    let scratch = folder.join(format!(".{prefix}new-{}.onnx", Owner::current()));
    let exported = export(&job, &scratch)?;
    if exported.is_rejected() {
        let message = format!("the export of {} computes something else than the network", model.name);
        return Err(Failure::new(Exit::CheckFailed, message)
            .hint(format!("it was kept as `{}`", exported.path.display()))
            .into());
    }
    let digest = sha256_of(&SourceFile::open(&scratch)?)?;
    let path = folder.join(format!("{prefix}{digest}.onnx"));
    move_into_place(&scratch, &path).with_context(|| format!("cannot write `{}`", path.display()))?;
    context.console.detail(format_args!("exported in {}: {}", units::duration(exported.time), path.display()));
    Ok((path, stored.trust()))
}

/// What the exports of a model are called, whatever their weights.
pub(crate) fn export_name(model: &Model) -> anyhow::Result<String> {
    Ok(name(&Subject::of_model(model)?))
}

/// Name and key of the file that [`onnx`] would take for a model; `None` for one that was not fetched.
pub(crate) fn name_and_key(model: &Model) -> anyhow::Result<Option<(String, String)>> {
    let subject = Subject::of_model(model)?;
    Ok(subject.stored.as_ref().map(|stored| (name(&subject), key(stored, options(&subject)))))
}

/// How such files are exported.
fn options(subject: &Subject) -> Options {
    Options { opset: DEFAULT_OPSET, batch: Batch::Dynamic, size: subject.size.into() }
}

/// What such a file is called, before its key.
fn name(subject: &Subject) -> String {
    subject.onnx_name(subject.size, Batch::Dynamic).trim_end_matches(".onnx").to_owned()
}

/// Everything that decides what is in the file.
fn key(stored: &Stored, options: Options) -> String {
    let mut digest = Sha256::new();
    let passes: Vec<&str> = Pass::INFERENCE.iter().map(|pass| pass.name()).collect();
    let [height, width] = options.size;
    let version = env!("CARGO_PKG_VERSION");
    let weights = stored.digest().unwrap_or_default();
    digest.update(format!("{weights} {height}x{width} {} {passes:?} {version}", options.opset).as_bytes());
    digest.finish().to_string()[..16].to_owned()
}

/// The file of that name, whatever its digest.
fn existing(folder: &Path, prefix: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let named = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(prefix) && path.extension().is_some_and(|extension| extension == "onnx") && path.is_file()
    };
    entries.filter_map(|entry| Some(entry.ok()?.path())).find(named)
}
