//! `run`: an ONNX file, arrays in, arrays out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bossnas_converter::onnx::summary::{Port, Summary};
use bossnas_files::SourceFile;
use bossnas_files::npy::{self, Tensor};
use bossnas_hub::cache::Trust;
use bossnas_report::{Align, Failure, Table, units};
use bossnas_zoo::ports;
use bossnas_zoo::predict::largest;
use bossnas_zoo::runtime::{Load, NamedTensor, Ran, Session};
use bossnas_zoo::tune::Goal;
use serde::Serialize;

use super::context::Context;
use super::default_models::{self, Printed};
use super::model_file::{self, ModelFile};
use super::runtime::{self, Chosen, PlacementReport, RuntimeArgs};

/// Run a model on arrays
///
/// MODEL is an ONNX file, or the name of a model that was fetched, which is exported once into the cache, or the run folder of
/// a search that is through, whose features are computed.
/// Inputs and outputs are .npy files of any type of numbers. With one input its name may be left out. An output may be any
/// value of the file (`layer3.0`, say), not only those that it declares. The file runs in a process of its own. Of ONNX
/// Runtime its own profile tells where the nodes ran: a provider that leaves heavy ones to the processor is a failure.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo run BossNet-T0 --input image.npy --output logits.npy
  bossnas-zoo run bossnet-t0-224x224-bdyn.onnx --input image.npy
  bossnas-zoo run bossnet-t0-224x224-bdyn.onnx --input image=image.npy --output logits=logits.npy
  bossnas-zoo run bossnet-t0-224x224-bdyn.onnx --input image.npy --output layer3.0=map.npy --json
  bossnas-zoo run bossnet-t0-224x224-bdyn.onnx --input image.npy --runtime ort --provider cuda
  bossnas-zoo run bossnet-t0-224x224-bdyn.onnx --input image.npy --provider cpu --threads 2 --pin")]
pub(crate) struct Args {
    /// An ONNX file, a name from `bossnas-zoo list`, or a run folder [default: every model that was fetched, else BossNet-Digits]
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// An input array; repeat it for each input
    #[arg(long, value_name = "[NAME=]X.npy", required = true)]
    input: Vec<String>,
    /// Where an output goes; repeat it for several
    #[arg(long, value_name = "[NAME=]Y.npy")]
    output: Vec<String>,
    #[command(flatten)]
    runtime: RuntimeArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    file: PathBuf,
    runtime: &'static str,
    /// Where the weights of the file come from, if it is one of ours.
    weights: Option<String>,
    /// Of weights that were fetched: why they are believed to be the right ones.
    trust: Option<&'static str>,
    outputs: Vec<Output>,
    load_seconds: f64,
    run_seconds: f64,
    /// Where the nodes ran, by the profile of ONNX Runtime.
    placement: Option<PlacementReport>,
    #[serde(skip)]
    placement_line: Option<String>,
}

#[derive(Serialize)]
struct Output {
    name: String,
    dtype: &'static str,
    shape: Vec<usize>,
    min: Option<f64>,
    mean: Option<f64>,
    max: Option<f64>,
    /// For each row of a matrix, the index of its largest element.
    #[serde(skip_serializing_if = "Option::is_none")]
    argmax: Option<Vec<usize>>,
    path: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let names = default_models::names(args.model.as_deref(), "run", context)?;
    default_models::only_one(&names, "--output", !args.output.is_empty())?;
    let how = Printed { command: "run", json: args.json, is_given: args.model.is_some() };
    let one = |name: &str| Ok(ran(args, name, context)?.into());
    default_models::each(&names, &how, context, one, |document: &Document| document.print(context))
}

/// Runs one model.
fn ran(args: &Args, name: &str, context: &Context) -> anyhow::Result<Document> {
    let asked = args.runtime.asked()?;
    let ModelFile { path: file, trust, .. } = &model_file::find(name, context)?;
    let Chosen { runtime, settings, .. } = asked.for_file(file, Goal::Latency)?;
    let summary = Summary::of_runnable(file)?;
    let inputs = args.input.iter().map(|text| read_input(text, &summary.inputs)).collect::<anyhow::Result<Vec<_>>>()?;
    let targets: Vec<(Option<&str>, &Path)> = args.output.iter().map(|text| split(text)).collect();
    let wanted = wanted(&targets, &summary.outputs)?;
    let source = summary.source().map(|source| source.to_string());
    let specs = ports::specs(&inputs);
    let symbols = ports::symbols(&summary.inputs, &specs);
    let load = Load { model: file.clone(), runtime, inputs: specs, symbols, outputs: wanted, settings };
    drop(summary);

    let mut session = Session::load(&load).map_err(Failure::from)?;
    let Ran { outputs, time, placement } = session.run(&inputs).map_err(Failure::from)?;
    let mut reports = Vec::with_capacity(outputs.len());
    for (name, tensor) in &outputs {
        let target = targets.iter().find(|(given, _)| given.is_none_or(|given| given == name)).map(|(_, path)| *path);
        if let Some(path) = target {
            npy::write_tensor(path, tensor)?;
        }
        reports.push(Output::new(name, tensor, target));
    }
    Ok(Document {
        file: load.model,
        runtime: runtime.name(),
        weights: source,
        trust: trust.map(Trust::name),
        outputs: reports,
        load_seconds: session.load_time().as_secs_f64(),
        run_seconds: time.as_secs_f64(),
        placement: placement.as_ref().map(|placement| PlacementReport::new(placement, runtime)),
        placement_line: placement.as_ref().map(runtime::describe),
    })
}

/// `NAME=PATH`, or a path alone. A file whose own name has a `=` is a path.
pub(super) fn split(text: &str) -> (Option<&str>, &Path) {
    match text.split_once('=') {
        Some((name, path)) if !Path::new(text).exists() => (Some(name), Path::new(path)),
        _ => (None, Path::new(text)),
    }
}

fn listed(ports: &[Port]) -> String {
    ports.iter().map(|port| format!("`{}`", port.name)).collect::<Vec<_>>().join(", ")
}

/// The input that is meant: the one of this name, or the only one.
pub(super) fn named<'a>(name: Option<&str>, text: &str, ports: &'a [Port]) -> anyhow::Result<&'a Port> {
    match (name, ports) {
        (None, [only]) => Ok(only),
        (None, _) => {
            let message = format!("`{text}` does not say which input it is");
            Err(Failure::usage(message).hint(format!("NAME={text}, with one of {}", listed(ports))).into())
        }
        (Some(name), ports) => Ok(ports.iter().find(|port| port.name == name).ok_or_else(|| {
            Failure::usage(format!("there is no input `{name}`")).hint(format!("there is {}", listed(ports)))
        })?),
    }
}

fn read_input(text: &str, ports: &[Port]) -> anyhow::Result<NamedTensor> {
    let (name, path) = split(text);
    let port = named(name, text, ports)?;
    let tensor = npy::read_tensor(&SourceFile::open(path)?)?;
    let tensor = ports::fit(port, &tensor)
        .map_err(|error| Failure::usage(error.to_string()).hint(format!("it was read from `{}`", path.display())))?;
    Ok((port.name.clone(), tensor))
}

/// The values to compute when they are named; `None` for those that the file declares.
fn wanted(targets: &[(Option<&str>, &Path)], ports: &[Port]) -> anyhow::Result<Option<Vec<String>>> {
    match (targets, ports) {
        ([], _) | ([(None, _)], [_]) => Ok(None),
        _ => {
            let named = |&(name, path): &(Option<&str>, &Path)| {
                name.map(str::to_owned).ok_or_else(|| {
                    Failure::usage(format!("`{}` does not say which output it is", path.display())).hint(format!(
                        "NAME={}, with one of {}, or any value of the file",
                        path.display(),
                        listed(ports)
                    ))
                })
            };
            Ok(Some(targets.iter().map(named).collect::<Result<_, _>>()?))
        }
    }
}

impl Output {
    fn new(name: &str, tensor: &Tensor, path: Option<&Path>) -> Self {
        let numbers = tensor.f64s();
        let rows = match *tensor.shape() {
            [_, classes] if classes > 0 => Some(numbers.chunks_exact(classes).filter_map(largest).collect()),
            _ => None,
        };
        Self {
            name: name.to_owned(),
            dtype: tensor.element().name(),
            shape: tensor.shape().to_vec(),
            min: numbers.iter().copied().reduce(f64::min),
            mean: (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64),
            max: numbers.iter().copied().reduce(f64::max),
            argmax: rows,
            path: path.map(Path::to_owned),
        }
    }
}

impl Document {
    fn print(&self, context: &Context) -> anyhow::Result<()> {
        context.console.print(self.table().render(context.console.style()))?;
        if let Some(source) = &self.weights {
            context.console.note(format_args!("weights: {source}"));
        }
        let [loaded, ran] = [self.load_seconds, self.run_seconds].map(Duration::from_secs_f64).map(units::duration);
        context.console.note(format_args!("loaded in {loaded}, ran in {ran} ({})", self.runtime));
        if let Some(placement) = &self.placement_line {
            context.console.note(format_args!("placement: {placement}"));
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            ("output", Align::Left),
            ("type", Align::Left),
            ("shape", Align::Left),
            ("min", Align::Right),
            ("mean", Align::Right),
            ("max", Align::Right),
            ("largest at", Align::Left),
            ("file", Align::Left),
        ]);
        let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.5}"));
        for output in &self.outputs {
            let rows = output.argmax.as_deref().unwrap_or_default();
            let shown: Vec<String> = rows.iter().take(4).map(usize::to_string).collect();
            let more = if rows.len() > shown.len() { ", ..." } else { "" };
            table.row([
                output.name.clone(),
                output.dtype.to_owned(),
                output.shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x"),
                number(output.min),
                number(output.mean),
                number(output.max),
                if shown.is_empty() { "-".to_owned() } else { format!("{}{more}", shown.join(", ")) },
                output.path.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string()),
            ]);
        }
        table
    }
}
