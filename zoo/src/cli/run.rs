//! `run`: an ONNX file, arrays in, arrays out.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bossnas_converter::onnx::summary::{Port, Summary};
use bossnas_files::npy::{self, Array};
use bossnas_hub::cache::Trust;
use bossnas_report::{Align, Failure, Table, units};
use bossnas_zoo::runtime::Tract;
use clap::ValueEnum;
use serde::Serialize;

use super::context::Context;
use super::model_file;

/// Run a model on arrays
///
/// MODEL is an ONNX file, or the name of a model that was fetched, which is exported once into the cache.
/// Inputs and outputs are .npy files. With one input its name may be left out. An output may be any value of the file
/// (`layer3.0`, say), not only those that it declares.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo run BossNet-T0 --input image.npy --output logits.npy
  bossnas-zoo run bossnet-t0-224x224-bdyn.onnx --input image.npy
  bossnas-zoo run bossnet-t0-224x224-bdyn.onnx --input image=image.npy --output logits=logits.npy
  bossnas-zoo run bossnet-t0-224x224-bdyn.onnx --input image.npy --output layer3.0=map.npy --json")]
pub(crate) struct Args {
    /// An ONNX file, or a name from `bossnas-zoo list`
    #[arg(value_name = "MODEL")]
    model: String,
    /// An input array; repeat it for each input
    #[arg(long, value_name = "[NAME=]X.npy", required = true)]
    input: Vec<String>,
    /// Where an output goes; repeat it for several
    #[arg(long, value_name = "[NAME=]Y.npy")]
    output: Vec<String>,
    /// What runs the file
    #[arg(long, default_value = "tract")]
    runtime: Runtime,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Runtime {
    Tract,
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
}

#[derive(Serialize)]
struct Output {
    name: String,
    shape: Vec<usize>,
    min: Option<f32>,
    mean: Option<f64>,
    max: Option<f32>,
    /// For each row of a matrix, the index of its largest element.
    #[serde(skip_serializing_if = "Option::is_none")]
    argmax: Option<Vec<usize>>,
    path: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let (file, trust) = model_file::find(&args.model, context)?;
    let summary = Summary::of_file(&file)?;
    let inputs = args.input.iter().map(|text| read_input(text, &summary.inputs)).collect::<anyhow::Result<Vec<_>>>()?;
    let targets: Vec<(Option<&str>, &Path)> = args.output.iter().map(|text| split(text)).collect();
    let wanted = wanted(&targets, &summary.outputs)?;
    let source = summary.source().map(|source| source.to_string());
    drop(summary);

    let start = Instant::now();
    let shapes: Vec<(&str, &[usize])> =
        inputs.iter().map(|(name, array)| (name.as_str(), array.shape.as_slice())).collect();
    let model = Tract::load_values(&file, &shapes, wanted.as_deref())?;
    let load_time = start.elapsed();
    let start = Instant::now();
    let outputs = model.run(&inputs.iter().map(|(_, array)| array).collect::<Vec<_>>())?;
    let run_time = start.elapsed();

    let mut reports = Vec::with_capacity(outputs.len());
    for (name, array) in &outputs {
        let target = targets.iter().find(|(given, _)| given.is_none_or(|given| given == name)).map(|(_, path)| *path);
        if let Some(path) = target {
            npy::write_path(path, &array.shape, &array.values)?;
        }
        reports.push(Output::new(name, array, target));
    }
    let document = Document {
        file,
        runtime: "tract",
        weights: source,
        trust: trust.map(Trust::name),
        outputs: reports,
        load_seconds: load_time.as_secs_f64(),
        run_seconds: run_time.as_secs_f64(),
    };
    if args.json {
        return context.console.json("run", &document);
    }
    context.console.print(document.table().render(context.console.style()))?;
    if let Some(source) = &document.weights {
        context.console.note(format_args!("weights: {source}"));
    }
    let time = |seconds: f64| units::duration(Duration::from_secs_f64(seconds));
    context.console.note(format_args!(
        "loaded in {}, ran in {} (tract)",
        time(document.load_seconds),
        time(document.run_seconds)
    ));
    Ok(())
}

/// `NAME=PATH`, or a path alone. A file whose own name has a `=` is a path.
fn split(text: &str) -> (Option<&str>, &Path) {
    match text.split_once('=') {
        Some((name, path)) if !Path::new(text).exists() => (Some(name), Path::new(path)),
        _ => (None, Path::new(text)),
    }
}

fn listed(ports: &[Port]) -> String {
    ports.iter().map(|port| format!("`{}`", port.name)).collect::<Vec<_>>().join(", ")
}

fn read_input(text: &str, ports: &[Port]) -> anyhow::Result<(String, Array)> {
    let (name, path) = split(text);
    let port = match (name, ports) {
        (None, [only]) => only,
        (None, _) => {
            let message = format!("`{text}` does not say which input it is");
            return Err(Failure::usage(message).hint(format!("NAME={text}, with one of {}", listed(ports))).into());
        }
        (Some(name), ports) => ports.iter().find(|port| port.name == name).ok_or_else(|| {
            Failure::usage(format!("there is no input `{name}`")).hint(format!("there is {}", listed(ports)))
        })?,
    };
    let array = npy::read_path(path)?;
    let fits = port.shape.as_ref().is_none_or(|shape| {
        let fits =
            |(extent, declared): (&usize, &String)| declared.parse().map_or(true, |fixed: usize| fixed == *extent);
        shape.len() == array.shape.len() && array.shape.iter().zip(shape).all(fits)
    });
    if !fits {
        let shape = port.shape.as_deref().unwrap_or_default().join(", ");
        let message = format!("input `{}` must be [{shape}], `{}` is {:?}", port.name, path.display(), array.shape);
        return Err(Failure::usage(message).into());
    }
    Ok((port.name.clone(), array))
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
    fn new(name: &str, array: &Array, path: Option<&Path>) -> Self {
        let values = || array.values.iter().copied();
        let rows = (array.shape.len() == 2 && array.shape[1] > 0).then(|| {
            let largest = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a)));
            array.values.chunks_exact(array.shape[1]).filter_map(largest).collect()
        });
        Self {
            name: name.to_owned(),
            shape: array.shape.clone(),
            min: values().reduce(f32::min),
            mean: (!array.values.is_empty()).then(|| values().map(f64::from).sum::<f64>() / array.values.len() as f64),
            max: values().reduce(f32::max),
            argmax: rows,
            path: path.map(Path::to_owned),
        }
    }
}

impl Document {
    fn table(&self) -> Table {
        let mut table = Table::new([
            ("output", Align::Left),
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
                output.shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x"),
                number(output.min.map(f64::from)),
                number(output.mean),
                number(output.max.map(f64::from)),
                if shown.is_empty() { "-".to_owned() } else { format!("{}{more}", shown.join(", ")) },
                output.path.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string()),
            ]);
        }
        table
    }
}
