//! The ONNX file behind a MODEL that a command runs.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bossnas_converter::checkpoint::Choice;
use bossnas_converter::onnx::{Batch, DEFAULT_OPSET, Options, Source};
use bossnas_hub::cache::Trust;
use bossnas_hub::{Embedded, Model, Resolved};
use bossnas_model::pass::Pass;
use bossnas_report::Failure;
use bossnas_zoo::embedded;
use bossnas_zoo::export::{Job, export};
use tempfile::TempDir;

use super::context::Context;
use super::file_kind::FileKind;
use super::size::Size;
use super::subject::Subject;
use super::{exported, model};

/// A file to run.
pub(crate) struct ModelFile {
    pub(crate) path: PathBuf,
    /// Why weights that were fetched are believed to be the right ones.
    pub(crate) trust: Option<Trust>,
    /// Where a file lies that was made for this command alone.
    scratch: Option<TempDir>,
    /// Whether it is the same file in every run: it can be known by its digest.
    pub(crate) is_lasting: bool,
}

impl ModelFile {
    fn existing(path: &Path) -> Self {
        Self { path: path.to_owned(), trust: None, scratch: None, is_lasting: true }
    }

    fn in_cache(path: PathBuf, trust: Trust) -> Self {
        Self { path, trust: Some(trust), scratch: None, is_lasting: true }
    }

    /// One that is part of the program, laid down for this command.
    fn embedded(embedded: &Embedded) -> anyhow::Result<Self> {
        let folder = scratch_folder()?;
        let path = embedded::write_onnx(embedded, folder.path())?;
        Ok(Self { path, trust: None, scratch: Some(folder), is_lasting: true })
    }

    /// Whether it was made for this command alone.
    pub(crate) fn is_scratch(&self) -> bool {
        self.scratch.is_some()
    }
}

/// The ONNX file that MODEL is, that of the model with this name, or one made of the checkpoint or the search that MODEL is.
pub(crate) fn find(text: &str, context: &Context) -> anyhow::Result<ModelFile> {
    if let Some(file) = onnx_file(text)? {
        return Ok(file);
    }
    let registry = context.registry()?;
    match model::find(&registry, text)? {
        Resolved::Registered(model) => of_model(model, context),
        Resolved::Run(_) => made_for_this(&Subject::find(&registry, text, Choice::Auto)?, None, context),
        Resolved::File(path) if FileKind::of(&path)? == FileKind::Checkpoint => {
            made_for_this(&Subject::find(&registry, text, Choice::Auto)?, None, context)
        }
        Resolved::File(_) => Err(Failure::usage(format!("`{text}` has no weights to run"))
            .hint(format!("`bossnas-zoo export {text} -o FILE.onnx` makes an untrained file"))
            .into()),
        Resolved::Architecture(arch) => Err(Failure::usage(format!("{arch} has no weights to run"))
            .hint(format!("`bossnas-zoo export {arch} -o FILE.onnx` makes an untrained file"))
            .into()),
    }
}

/// Like [`find`]; what has no weights gets those of seed 0, and the command says so.
/// A size is for those that are made for this command.
pub(crate) fn find_or_untrained(text: &str, size: Option<Size>, context: &Context) -> anyhow::Result<ModelFile> {
    if let Some(file) = onnx_file(text)? {
        return Ok(file);
    }
    let registry = context.registry()?;
    let subject = Subject::find(&registry, text, Choice::Auto)?;
    match model::find(&registry, text)? {
        Resolved::Registered(model) if subject.has_weights() && size.is_none_or(|size| size == subject.size) => {
            of_model(model, context)
        }
        _ => made_for_this(&subject, size, context),
    }
}

/// The file of a model that was fetched, or that is part of the program.
fn of_model(model: &Model, context: &Context) -> anyhow::Result<ModelFile> {
    match model.embedded() {
        Some(embedded) => ModelFile::embedded(embedded),
        None => exported::onnx(model, context).map(|(path, trust)| ModelFile::in_cache(path, trust)),
    }
}

/// A folder that goes away with the command.
fn scratch_folder() -> anyhow::Result<TempDir> {
    tempfile::tempdir().context("no folder for a file")
}

/// What is there and no checkpoint, arch.json or folder is meant as an ONNX file; its reader says what is wrong with it.
fn onnx_file(text: &str) -> anyhow::Result<Option<ModelFile>> {
    let path = Path::new(text);
    let may_be = path.exists() && !path.is_dir();
    Ok((may_be && FileKind::of(path)? == FileKind::Onnx).then(|| ModelFile::existing(path)))
}

/// A file in a folder that goes away with it. What runs it is what checks it.
fn made_for_this(subject: &Subject, size: Option<Size>, context: &Context) -> anyhow::Result<ModelFile> {
    let size = size.unwrap_or(subject.size);
    model::check_size(&subject.net, &subject.title(), size)?;
    let origin = subject.origin(subject.checkpoint.as_deref(), Choice::Auto, None)?;
    if matches!(origin.source, Source::Untrained { .. }) {
        context.console.note(format_args!("{} was not fetched: its weights are untrained", subject.title()));
    }
    let folder = scratch_folder()?;
    let path = folder.path().join(subject.onnx_name(size, Batch::Dynamic));
    let metadata = subject.metadata(size, &Pass::INFERENCE, &origin);
    let options = Options { opset: DEFAULT_OPSET, batch: Batch::Dynamic, size: size.into() };
    let job = Job { weights: origin.weights.clone(), metadata: &metadata, options, verify: false };
    let exported = export(&job, &path)?;
    Ok(ModelFile { path: exported.path, trust: None, scratch: Some(folder), is_lasting: false })
}
