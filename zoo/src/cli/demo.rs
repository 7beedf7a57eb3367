//! `demo`: a network that is part of the program, from its architecture to what it says of digits, in seconds.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bossnas_converter::checkpoint::Choice;
use bossnas_data::dataset::DataSetError;
use bossnas_hub::Registry;
use bossnas_model::pass::Pass;
use bossnas_report::statistics::wilson;
use bossnas_report::{Align, Console, Failure, Table, units};
use bossnas_zoo::demo::{self, Demo, Folder, FolderError, LINES, Seen, page};
use bossnas_zoo::eval::{Confusion, Prediction};
use bossnas_zoo::export::Exported;
use bossnas_zoo::parts::{PartCost, parts};
use bossnas_zoo::verify::TOLERANCE;
use serde::Serialize;

use super::context::Context;
use super::subject::Subject;

/// The network that is shown.
const MODEL: &str = "BossNet-Digits";

/// See everything work: BossNet-Digits is drawn, counted, exported, verified and asked about digits
///
/// Needs no checkpoint and no network: BossNet-Digits, which this project has searched and trained, is part of the program, and
/// so are the handwritten digits. Of those every fifth was held out: the network has never seen them. The folder's files are
/// overwritten only if an earlier demonstration wrote them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bossnas-zoo demo\n  bossnas-zoo demo -o elsewhere --json")]
pub(crate) struct Args {
    /// Folder for the files
    #[arg(short, long, value_name = "DIR", default_value = "bossnas-demo")]
    output: PathBuf,
    /// Print one JSON document at the end instead
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    finished: bool,
    model: String,
    arch: String,
    /// Height and width.
    size: [usize; 2],
    weights: String,
    params: u64,
    madds: u64,
    peak_activation_bytes: u64,
    parts: Vec<PartCost>,
    drawing: PathBuf,
    cost: PathBuf,
    onnx: Onnx,
    held_out: HeldOut,
    predictions: PathBuf,
    digit: PathBuf,
    input: PathBuf,
    page: PathBuf,
    seconds: f64,
}

#[derive(Serialize)]
struct Onnx {
    path: PathBuf,
    bytes: u64,
    nodes: usize,
    /// Largest difference to float64, in units of the largest logit.
    error: Option<f64>,
    tolerance: f64,
}

/// What it says of the digits that were held out.
#[derive(Serialize)]
struct HeldOut {
    images: u64,
    right: u64,
    top1: f64,
    /// Wilson's, of 95 %.
    low: f64,
    high: f64,
    /// Rows for what they are, columns for what was said.
    confusion: Confusion,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let start = Instant::now();
    let steps = Steps { console: context.console, silent: args.json };
    let demo = prepare(open(&args.output)?)?;
    let parts = parts(demo.cost());
    steps.head(&demo)?;

    steps.title(1, "Draw the architecture")?;
    let ((drawing, drawn), time) = timed(|| demo.draw())?;
    steps.wrote(&drawn, time)?;

    steps.title(2, "Count what it costs")?;
    let (cost, time) = timed(|| demo.write_cost())?;
    steps.table(&demo, &parts)?;
    steps.wrote(&cost, time)?;

    steps.title(3, "Export it to ONNX and compare the file with a float64 evaluation")?;
    let (exported, time) = timed(|| demo.export())?;
    steps.exported(&exported, time)?;
    check(&exported)?;

    let seen = demo.look(&exported.path)?;
    steps.title(4, "Show the file digits that the network has never seen, in tract")?;
    steps.digits(&demo, &seen)?;
    steps.title(5, &format!("Count how often it is right on all {} of them", seen.score.images))?;
    steps.confusion(&demo, &seen)?;
    let [predictions, digit, input] = demo.write_seen(&seen)?;
    steps.wrote(&predictions, seen.time)?;
    let page = demo.folder().write_page(&page(&demo, &drawing, &exported, &seen)?)?;

    let metadata = demo.metadata();
    let (right, images) = (seen.score.top1, seen.score.images);
    let [low, high] = wilson(right, images);
    let document = Document {
        schema: "bossnas-zoo/demo/1",
        finished: true,
        model: demo.name(),
        arch: metadata.architecture.to_string(),
        size: metadata.preprocessing.size,
        weights: metadata.source.to_string(),
        params: demo.cost().params,
        madds: demo.cost().multiply_adds(),
        peak_activation_bytes: demo.cost().peak_activation_bytes,
        parts,
        drawing: drawn,
        cost,
        onnx: Onnx {
            path: exported.path.clone(),
            bytes: exported.written.bytes,
            nodes: exported.written.nodes,
            error: exported.verdict.as_ref().map(|verdict| verdict.error),
            tolerance: TOLERANCE,
        },
        held_out: HeldOut { images, right, top1: share(&seen), low, high, confusion: seen.confusion },
        predictions,
        digit: digit.clone(),
        input: input.clone(),
        page: page.clone(),
        seconds: start.elapsed().as_secs_f64(),
    };
    let text = serde_json::to_string_pretty(&document)? + "\n";
    demo.folder().write_record(&text)?;
    if args.json {
        return context.console.print(text);
    }
    steps.farewell(&[&page, &exported.path, &digit, &input], start.elapsed())
}

/// The network of the built-in registry: whatever registry is in use, it is the one that is part of the program.
fn prepare(folder: Folder) -> anyhow::Result<Demo> {
    let registry = Registry::built_in()?;
    let model = registry.find(MODEL).ok_or_else(|| Failure::failed(format!("`{MODEL}` is not in the registry")))?;
    let subject = Subject::of_model(model)?;
    let origin = subject.origin(None, Choice::Auto, None)?;
    let metadata = subject.metadata(subject.size, &Pass::INFERENCE, &origin);
    Ok(Demo::new(metadata, origin.weights.clone(), folder)?)
}

fn open(path: &Path) -> anyhow::Result<Folder> {
    Folder::open(path).map_err(|error| match error {
        FolderError::Foreign(_) => {
            let hint = "choose another folder with -o, or move the file away";
            Failure::failed(error.to_string()).hint(hint).into()
        }
        other => other.into(),
    })
}

/// Top-1.
fn share(seen: &Seen) -> f64 {
    seen.score.top1 as f64 / seen.score.images.max(1) as f64
}

fn timed<T, E>(step: impl FnOnce() -> Result<T, E>) -> Result<(T, Duration), E> {
    let start = Instant::now();
    step().map(|result| (result, start.elapsed()))
}

fn check(exported: &Exported) -> Result<(), Failure> {
    if !exported.is_rejected() {
        return Ok(());
    }
    let first = exported.verdict.as_ref().and_then(|verdict| verdict.first_difference.as_ref());
    let place = first.map_or_else(String::new, |difference| format!(", first in `{}`", difference.value));
    let message = format!("the file computes something else than the network{place}");
    Err(Failure::check(message).hint(format!("the file was kept as `{}`", exported.path.display())))
}

/// Says what happens, as it happens.
struct Steps {
    console: Console,
    silent: bool,
}

impl Steps {
    fn line(&self, text: &str) -> anyhow::Result<()> {
        if self.silent { Ok(()) } else { self.console.line(text) }
    }

    fn head(&self, demo: &Demo) -> anyhow::Result<()> {
        let style = self.console.style();
        let metadata = demo.metadata();
        self.line(&format!("{}  {}", style.bold(demo.name()), style.dim(&metadata.architecture)))?;
        self.line("searched and trained on handwritten digits; part of the program")
    }

    fn title(&self, number: usize, text: &str) -> anyhow::Result<()> {
        self.line(&format!("\n{}", self.console.style().bold(format_args!("{number}  {text}"))))
    }

    fn wrote(&self, path: &Path, time: Duration) -> anyhow::Result<()> {
        let time = if time.is_zero() { String::new() } else { self.time(time) };
        self.line(&format!("   {}{time}", shown(path)))
    }

    fn time(&self, time: Duration) -> String {
        format!("  {}", self.console.style().dim(units::duration(time)))
    }

    fn table(&self, demo: &Demo, parts: &[PartCost]) -> anyhow::Result<()> {
        let titles = ["", "params", "multiply-adds", "share", "peak activations"];
        let mut table =
            Table::new(titles.map(|title| (title, if title.is_empty() { Align::Left } else { Align::Right })));
        let total = demo.cost().multiply_adds();
        let mut row = |name: &str, params: u64, madds: u64, peak: u64| {
            let share = format!("{:.1} %", 100.0 * madds as f64 / total as f64);
            table.row([name.to_owned(), units::count(params), units::count(madds), share, units::bytes(peak)]);
        };
        for part in parts {
            row(&part.name, part.params, part.madds, part.peak_activation_bytes);
        }
        row("all", demo.cost().params, total, demo.cost().peak_activation_bytes);
        for line in table.render(self.console.style()).lines() {
            self.line(&format!("   {line}"))?;
        }
        Ok(())
    }

    fn exported(&self, exported: &Exported, time: Duration) -> anyhow::Result<()> {
        self.wrote(&exported.path, time)?;
        let (bytes, nodes) = (units::bytes(exported.written.bytes), exported.written.nodes);
        self.line(&format!("   {bytes}, {nodes} nodes, no batch norm left, any batch"))?;
        let Some(verdict) = &exported.verdict else { return Ok(()) };
        let style = self.console.style();
        let word = if verdict.passed { style.green("verified") } else { style.red("wrong") };
        self.line(&format!(
            "   {word}: at most {:.1e} of the largest logit off, {TOLERANCE:.0e} is allowed",
            verdict.error
        ))
    }

    /// Digits beside each other, below each what it is and what is said of it.
    fn digits(&self, demo: &Demo, seen: &Seen) -> anyhow::Result<()> {
        let shown = seen.shown();
        let pictures = shown.iter().map(|it| Ok(demo::lines(&seen.image(it.index)?)));
        let pictures: Vec<Vec<String>> = pictures.collect::<Result<_, DataSetError>>()?;
        let side_by_side = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:WIDTH$}")).collect();
            format!("   {}", cells.join("   ")).trim_end().to_owned()
        };
        for line in 0..LINES {
            let cells: Vec<String> =
                pictures.iter().map(|picture| picture.get(line).cloned().unwrap_or_default()).collect();
            self.line(&side_by_side(&cells))?;
        }
        let text = |it: &Prediction| format!("says {}, {:.1} %", demo.label(it.class), 100.0 * it.probability);
        let is: Vec<String> = shown.iter().map(|it| format!("is {}", demo.label(it.label))).collect();
        self.line(&side_by_side(&is))?;
        let style = self.console.style();
        let said = shown.iter().map(|it| {
            let text = format!("{:WIDTH$}", text(it));
            if it.rank == 0 { style.green(text) } else { style.red(text) }
        });
        self.line(format!("   {}", said.collect::<Vec<_>>().join("   ")).trim_end())
    }

    fn confusion(&self, demo: &Demo, seen: &Seen) -> anyhow::Result<()> {
        let table = seen.confusion.table(&demo.metadata().labels);
        for line in table.render(self.console.style()).lines() {
            self.line(&format!("   {line}"))?;
        }
        let (right, images) = (seen.score.top1, seen.score.images);
        let [low, high] = wilson(right, images).map(|bound| 100.0 * bound);
        self.line(&format!(
            "   top-1 {:.2} % ({low:.2} to {high:.2}, 95 %): {right} of {images} right",
            100.0 * share(seen)
        ))
    }

    fn farewell(&self, [page, onnx, digit, input]: &[&Path; 4], time: Duration) -> anyhow::Result<()> {
        let time = units::duration(time);
        self.line(&format!("\nDone in {time}. Open {} in a browser, then try", shown(page)))?;
        self.line(&format!("  bossnas-zoo classify {MODEL} {}", shown(digit)))?;
        self.line(&format!("  bossnas-zoo run {} --input {}", shown(onnx), shown(input)))?;
        self.line(&format!("  bossnas-zoo eval {MODEL} --data digits --per-class"))?;
        self.line("  bossnas-zoo fetch BossNet-T0")
    }
}

/// Columns of a digit as characters, which fit what is said of it.
const WIDTH: usize = 16;

/// A path as a person may read it; a folder's name may hold anything.
fn shown(path: &Path) -> String {
    bossnas_report::escape(&path.display().to_string()).into_owned()
}
