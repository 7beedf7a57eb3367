//! `demo`: BossNet-T0 from its architecture to a prediction, in half a minute at most.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bossnas_report::{Align, Console, Failure, Table, units};
use bossnas_zoo::demo::{Demo, Folder, FolderError, SEED};
use bossnas_zoo::export::Exported;
use bossnas_zoo::parts::{PartCost, parts};
use bossnas_zoo::predict::Guess;
use bossnas_zoo::verify::TOLERANCE;
use serde::Serialize;

use super::context::Context;

/// See everything work: BossNet-T0 is drawn, counted, exported, verified and run on a photograph
///
/// Needs no checkpoint and no network: the weights are drawn from a seed, so the network is untrained and what it sees in
/// the photograph means nothing yet. The folder's files are overwritten only if an earlier demonstration wrote them.
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
    model: &'static str,
    arch: String,
    input: Vec<usize>,
    weights: Weights,
    params: u64,
    madds: u64,
    peak_activation_bytes: u64,
    parts: Vec<PartCost>,
    drawing: PathBuf,
    cost: PathBuf,
    onnx: Onnx,
    photograph: PathBuf,
    image: PathBuf,
    top5: Vec<Guess>,
    seconds: f64,
}

#[derive(Serialize)]
struct Weights {
    trained: bool,
    seed: u64,
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

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let start = Instant::now();
    let steps = Steps { console: context.console, silent: args.json };
    let demo = Demo::new(open(&args.output)?)?;
    let parts = parts(demo.cost());
    steps.head(&demo)?;

    steps.title(1, "Draw the architecture")?;
    let ((_, drawing), time) = timed(|| demo.draw())?;
    steps.wrote(&drawing, time)?;

    steps.title(2, "Count what it costs")?;
    let (cost, time) = timed(|| demo.write_cost())?;
    steps.table(&demo, &parts)?;
    steps.wrote(&cost, time)?;

    steps.title(3, "Export it to ONNX and compare the file with a float64 evaluation")?;
    let (exported, time) = timed(|| demo.export())?;
    steps.exported(&exported, time)?;
    check(&exported)?;

    steps.title(4, "Prepare a photograph (by vultilion, CC BY 2.0)")?;
    let ((input, [photograph, image]), time) = timed(|| demo.prepare())?;
    steps.wrote(&photograph, Duration::ZERO)?;
    steps.wrote(&image, time)?;

    steps.title(5, "Run the file on it, in tract")?;
    let (top5, time) = timed(|| demo.classify(&exported.path, &input))?;
    steps.guesses(&top5, time)?;

    let document = Document {
        schema: "bossnas-zoo/demo/1",
        finished: true,
        model: demo.name(),
        arch: demo.net().to_string(),
        input: input.shape.clone(),
        weights: Weights { trained: false, seed: SEED },
        params: demo.cost().params,
        madds: demo.cost().multiply_adds(),
        peak_activation_bytes: demo.cost().peak_activation_bytes,
        parts,
        drawing: drawing.clone(),
        cost,
        onnx: Onnx {
            path: exported.path.clone(),
            bytes: exported.written.bytes,
            nodes: exported.written.nodes,
            error: exported.verdict.as_ref().map(|verdict| verdict.error),
            tolerance: TOLERANCE,
        },
        photograph,
        image: image.clone(),
        top5,
        seconds: start.elapsed().as_secs_f64(),
    };
    let text = serde_json::to_string_pretty(&document)? + "\n";
    demo.folder().write_record(&text)?;
    if args.json {
        return context.console.print(text);
    }
    super::images::note_decoder(context.console);
    steps.farewell(&drawing, &exported.path, &image, start.elapsed())
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
        self.line(&format!("{}  {}", style.bold(demo.name()), style.dim(demo.net())))?;
        self.line("with untrained weights, drawn from a seed")
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

    fn guesses(&self, guesses: &[Guess], time: Duration) -> anyhow::Result<()> {
        let widest = guesses.iter().map(|guess| guess.label.chars().count()).max().unwrap_or(0);
        let style = self.console.style();
        for (index, Guess { label, probability, .. }) in guesses.iter().enumerate() {
            let bar = "#".repeat((20.0 * probability).round() as usize);
            let time = if index == 0 { self.time(time) } else { String::new() };
            let line = format!("   {label:widest$}  {:5.1} %  {}", 100.0 * probability, style.cyan(bar));
            self.line(&format!("{}{time}", line.trim_end()))?;
        }
        self.line("   These names mean nothing yet: the network is untrained.")
    }

    fn farewell(&self, drawing: &Path, onnx: &Path, image: &Path, time: Duration) -> anyhow::Result<()> {
        let time = units::duration(time);
        self.line(&format!("\nDone in {time}. Open {} in a browser, then try", shown(drawing)))?;
        self.line(&format!("  bossnas-zoo run {} --input {}", shown(onnx), shown(image)))?;
        self.line("  bossnas-zoo info T1 --svg t1.svg")?;
        self.line("  bossnas-zoo export T0 --checkpoint BossNet-T0-80_8.pth")
    }
}

/// A path as a person may read it; a folder's name may hold anything.
fn shown(path: &Path) -> String {
    bossnas_report::escape(&path.display().to_string()).into_owned()
}
