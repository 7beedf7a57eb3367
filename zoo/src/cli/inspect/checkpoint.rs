//! `inspect` of checkpoints.

use std::path::Path;

use bossnas_converter::checkpoint::{
    Checkpoint, CheckpointError, Kind, Notes, Problem, StateDict, StateDictName, recognise,
};
use bossnas_hub::Registry;
use bossnas_model::arch::Architecture;
use bossnas_model::weights::Weights;
use bossnas_report::{Failure, units};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{cut, summary, tensor_table};
use crate::cli::context::Context;
use crate::cli::model;

#[derive(Serialize)]
struct Document {
    file: String,
    kind: &'static str,
    bytes: u64,
    refused: bool,
    state_dicts: Vec<Dict>,
    scalars: Map<String, Value>,
}

#[derive(Serialize)]
struct Dict {
    name: &'static str,
    tensors: Vec<Tensor>,
    elements: u64,
    bytes: u64,
    module_prefix: bool,
    recognised: Option<Recognised>,
    /// Why it was not recognised.
    unrecognised: Option<String>,
}

#[derive(Serialize)]
struct Tensor {
    name: String,
    dtype: &'static str,
    shape: Vec<usize>,
}

#[derive(Serialize)]
struct Recognised {
    /// All networks that it fits, the likeliest first.
    candidates: Vec<String>,
    /// Models of the registry among them.
    models: Vec<String>,
    /// What the weights do not tell.
    undecided: Vec<String>,
}

#[derive(Serialize)]
struct Refusal<'a> {
    file: String,
    refused: bool,
    reason: String,
    imports: &'a [String],
}

pub(super) fn run(checkpoint: &Checkpoint, json: bool, context: &Context) -> anyhow::Result<()> {
    let document = match read(checkpoint, context) {
        Ok(document) => document,
        Err(Error::Checkpoint(error)) => return Err(refuse(checkpoint.path(), &error, json, context)?.into()),
        Err(Error::Other(error)) => return Err(error),
    };
    if json {
        return context.console.json("inspect", &document);
    }
    context.console.print(text(&document, context))
}

enum Error {
    Checkpoint(CheckpointError),
    Other(anyhow::Error),
}

fn read(checkpoint: &Checkpoint, context: &Context) -> Result<Document, Error> {
    let registry = context.registry().map_err(|failure| Error::Other(failure.into()))?;
    let notes = Notes::read(checkpoint);
    let dict = |&name: &StateDictName| Ok(describe(&checkpoint.named_state_dict(name)?, &notes, &registry));
    Ok(Document {
        file: checkpoint.path().display().to_string(),
        kind: match checkpoint.kind() {
            Kind::Zip => "pytorch-zip",
            Kind::Legacy => "pytorch-legacy",
            Kind::Safetensors => "safetensors",
        },
        bytes: checkpoint.file_len(),
        refused: false,
        state_dicts: checkpoint.state_dicts().iter().map(dict).collect::<Result<_, _>>().map_err(Error::Checkpoint)?,
        scalars: checkpoint.scalars(),
    })
}

fn describe(dict: &StateDict, notes: &Notes, registry: &Registry) -> Dict {
    let infos = || dict.names().into_iter().filter_map(|name| Some((name, dict.info(name)?)));
    let sum = |sizes: &mut dyn Iterator<Item = Option<usize>>| sizes.flatten().map(|n| n as u64).sum();
    let (recognised, unrecognised) = match (notes.network(dict), recognise(dict)) {
        (Some(net), _) => {
            let (candidates, models) = (vec![net.to_string()], model::names_of(registry, &[net]));
            (Some(Recognised { candidates, models, undecided: Vec::new() }), None)
        }
        (None, Ok(found)) => {
            let nets: Vec<Architecture> = found.candidates.iter().cloned().map(Architecture::BossNet).collect();
            let recognised = Recognised {
                candidates: found.candidates.iter().map(ToString::to_string).collect(),
                models: model::names_of(registry, &nets),
                undecided: found.no_trace.iter().map(ToString::to_string).collect(),
            };
            (Some(recognised), None)
        }
        (None, Err(error)) => (None, Some(error.to_string())),
    };
    let tensor = |(name, info): (&str, &bossnas_model::weights::TensorInfo)| Tensor {
        name: name.to_owned(),
        dtype: info.dtype.name(),
        shape: info.shape.clone(),
    };
    Dict {
        name: dict.name().name(),
        tensors: infos().map(tensor).collect(),
        elements: sum(&mut infos().map(|(_, info)| info.elements())),
        bytes: sum(&mut infos().map(|(_, info)| info.byte_len())),
        module_prefix: dict.had_module_prefix(),
        recognised,
        unrecognised,
    }
}

/// Says why a file is refused, and what it tried to import.
pub(super) fn refuse(path: &Path, error: &CheckpointError, json: bool, context: &Context) -> anyhow::Result<Failure> {
    let imports: Vec<String> = error.forbidden().unwrap_or_default().iter().map(ToString::to_string).collect();
    let reason = error.to_string();
    if json {
        let refusal =
            Refusal { file: path.display().to_string(), refused: true, reason: reason.clone(), imports: &imports };
        context.console.json("inspect", &refusal)?;
    }
    let failure = Failure::failed(reason);
    if let Problem::NotACheckpoint(_) = *error.problem {
        return Ok(failure.hint("inspect reads checkpoints (.pth, .pt, .safetensors), ONNX files and arch.json"));
    }
    if imports.is_empty() {
        return Ok(failure);
    }
    let list: Vec<String> = imports.iter().map(|import| format!("import {import}")).collect();
    Ok(failure.detail(list.join("\n")).hint("do not load it with other programs: a pickle runs what it imports"))
}

fn text(document: &Document, context: &Context) -> String {
    let mut lines =
        vec![("kind".to_owned(), document.kind.to_owned()), ("size".to_owned(), units::bytes(document.bytes))];
    for dict in &document.state_dicts {
        let prefix = if dict.module_prefix { ", names without their `module.`" } else { "" };
        let (tensors, elements, bytes) = (dict.tensors.len(), units::count(dict.elements), units::bytes(dict.bytes));
        let size = format!("{tensors} tensors, {elements} elements, {bytes}{prefix}");
        lines.push((format!("state dict {}", dict.name), size));
        match (&dict.recognised, &dict.unrecognised) {
            (Some(recognised), _) => {
                let fits = if recognised.models.is_empty() { &recognised.candidates } else { &recognised.models };
                lines.push(("  fits".to_owned(), fits.join(", ")));
            }
            (None, Some(why)) => lines.push(("  fits".to_owned(), format!("nothing: {why}"))),
            (None, None) => {}
        }
    }
    lines.extend(document.scalars.iter().map(|(key, value)| (key.clone(), cut(&value.to_string()))));
    let mut text = summary(&document.file, &lines, context);
    let listed = if context.console.is_verbose() { document.state_dicts.len() } else { 1 };
    for dict in document.state_dicts.iter().take(listed) {
        let tensors = dict.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.dtype, tensor.shape.as_slice()));
        text = text + "\n" + &tensor_table(tensors).render(context.console.style());
    }
    let undecided = document.state_dicts.first().and_then(|dict| dict.recognised.as_ref());
    for line in undecided.map(|recognised| recognised.undecided.as_slice()).unwrap_or_default() {
        context.console.note(line);
    }
    text
}
