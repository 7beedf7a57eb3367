//! `inspect`: what is in a file, without trusting it.

mod checkpoint;
mod onnx;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bossnas_converter::checkpoint::{Checkpoint, Choice};
use bossnas_report::{Align, Failure, Table, escape};
use bossnas_zoo::embedded;
use serde::Serialize;

use super::arch;
use super::context::Context;
use super::file_kind::FileKind;
use super::stored::{Stored, not_fetched};

/// Show what is in a file: a checkpoint, an ONNX file or an arch.json
///
/// Of a model that was fetched, or that is part of the program, it is the weights that its name stands for. Of a checkpoint: its kind, state dicts, tensors, what else it tells, and which network it fits. Nothing in the file is
/// ever run: one that names more than a checkpoint needs is refused, and what it tried to import is listed. With -v every
/// state dict's tensors are listed, not only those of the preferred one.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bossnas-zoo inspect checkpoint.pth\n  bossnas-zoo inspect BossNet-Digits\n  bossnas-zoo inspect weights.safetensors --json\n  \
                        bossnas-zoo inspect model.onnx"
)]
pub(crate) struct Args {
    /// The file, or a name from `bossnas-zoo list`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    if args.file.is_dir() {
        let name = args.file.display();
        return Err(Failure::failed(format!("`{name}` is a folder, not a file"))
            .hint(format!("`bossnas-zoo arch {name}` shows the run folder of a search"))
            .into());
    }
    if !args.file.exists()
        && let Some(checkpoint) = weights(&args.file, context)?
    {
        return checkpoint::run(&checkpoint, args.json, context);
    }
    match FileKind::of(&args.file)? {
        FileKind::Checkpoint => match Checkpoint::open(&args.file) {
            Ok(checkpoint) => checkpoint::run(&checkpoint, args.json, context),
            Err(error) => Err(checkpoint::refuse(&args.file, &error, args.json, context)?.into()),
        },
        FileKind::Onnx => onnx::run(&args.file, args.json, context),
        FileKind::ArchJson => architecture(args, context),
    }
}

/// The weights that a name of the registry stands for; `None` for what is no such name.
fn weights(name: &Path, context: &Context) -> anyhow::Result<Option<Checkpoint>> {
    let Some(name) = name.to_str() else { return Ok(None) };
    let registry = context.registry()?;
    let Some(model) = registry.find(name) else { return Ok(None) };
    if let Some(embedded) = model.embedded() {
        return Ok(Some(embedded::checkpoint(embedded)?));
    }
    let stored = Stored::of_model(model)?.ok_or_else(|| not_fetched(model))?;
    Ok(Some(Checkpoint::open(stored.weights(Choice::Auto)?)?))
}

fn architecture(args: &Args, context: &Context) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Document {
        file: String,
        kind: &'static str,
        arch: String,
        scores: std::collections::BTreeMap<String, f64>,
        provenance: Option<serde_json::Map<String, serde_json::Value>>,
    }
    let file = arch::read(&args.file)?;
    let document = Document {
        file: args.file.display().to_string(),
        kind: "arch.json",
        arch: file.arch.to_string(),
        scores: file.scores,
        provenance: file.provenance,
    };
    if args.json {
        return context.console.json("inspect", &document);
    }
    let scores = document.scores.iter().map(|(name, score)| (format!("score {name}"), score.to_string()));
    let provenance = document.provenance.iter().flatten().map(|(key, value)| (key.clone(), cut(&value.to_string())));
    let kind = [("kind".to_owned(), document.kind.to_owned()), ("arch".to_owned(), document.arch.clone())];
    let lines: Vec<(String, String)> = kind.into_iter().chain(scores).chain(provenance).collect();
    context.console.print(summary(&document.file, &lines, context))
}

/// A title and lines of names and values, all escaped.
fn summary(title: &str, lines: &[(String, String)], context: &Context) -> String {
    const WIDEST: usize = 28;
    let names: Vec<_> = lines.iter().map(|(name, _)| escape(name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).min(WIDEST);
    let mut text = format!("{}\n", context.console.style().bold(escape(title)));
    for (name, (_, value)) in names.iter().zip(lines) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<width$}  {}", escape(value));
    }
    text
}

/// The beginning of a value that may be long.
fn cut(value: &str) -> String {
    const LONGEST: usize = 200;
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} ...", &value[..end]),
        None => value.to_owned(),
    }
}

/// A shape as `64 x 3 x 7 x 7`; of a scalar `-`.
fn extents(shape: &[usize]) -> String {
    if shape.is_empty() { "-".to_owned() } else { shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ") }
}

/// A table of tensors.
fn tensor_table<'a>(tensors: impl Iterator<Item = (&'a str, &'a str, &'a [usize])>) -> Table {
    let mut table = Table::new([("tensor", Align::Left), ("dtype", Align::Left), ("shape", Align::Left)]);
    for (name, dtype, shape) in tensors {
        table.row([name, dtype, &extents(shape)]);
    }
    table
}
