//! `bench`: how fast models run, with numbers that can be quoted.

mod baseline;
mod document;
mod forms;
mod html;
pub(super) mod model;
mod notes;
pub(super) mod print;
pub(super) mod turns;
mod variants;

use std::time::Duration;

use bossnas_report::Failure;
use bossnas_zoo::bench::{Candidate, Checked, Demand, Expected, Machine, Measured, Moment, WarmUp, product};
use bossnas_zoo::runtime::{Load, Operator, Precision, Runtime, Session, probe};
use clap::ValueEnum;

use self::baseline::Baseline;
use self::document::{Document, Rows};
use self::forms::Forms;
use self::model::{Model, Shapes};
use self::turns::{Turns, in_turn};
use super::context::Context;
use super::default_models;
use super::runtime::{HowArgs, precision_parser, provider_parser};
use super::size::Size;

/// Measure how fast models run
///
/// Outputs are checked before anything is timed. Each variant runs in a process of its own, its threads bound to processors,
/// with the clock beside the run; it is warmed up until its times are steady, and then all variants run in turn, in blocks, so
/// that a drift of the machine meets all alike. Intervals are of 95 %, drawn over blocks. A percentile is told only where ten
/// runs were slower. Without MODEL everything that was fetched is measured, else BossNet-Digits. With --baseline, which takes a file that --json
/// wrote, the exit code is 3 if something became slower.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo bench BossNet-T0
  bossnas-zoo bench BossNet-T0 --provider tract,cpu,openvino --batch 1,8 --threads 1,2 --html t0.html
  bossnas-zoo bench --provider cuda --precision f32,tf32 --batch 1,32
  bossnas-zoo bench T0 --scenario throughput --markdown
  bossnas-zoo bench T0 --scenario server --rate 20
  bossnas-zoo bench mine.onnx theirs.onnx --provider cpu --json before.json
  bossnas-zoo bench mine.onnx theirs.onnx --provider cpu --baseline before.json")]
pub(crate) struct Args {
    /// Names from `bossnas-zoo list`, ONNX files, architectures or checkpoints
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    /// What computes, one or several: tract, or an execution provider of ONNX Runtime [default: tract, and cpu where ONNX
    /// Runtime is installed]
    #[arg(long, value_name = "P,...", value_delimiter = ',', hide_possible_values = true, value_parser = provider_parser())]
    provider: Vec<Runtime>,
    /// Types that the provider multiplies in: f32, tf32 (cuda), bf16 or f16 (openvino, tensorrt)
    #[arg(long, value_name = "P,...", value_delimiter = ',', default_value = "f32", hide_possible_values = true, value_parser = precision_parser())]
    precision: Vec<Precision>,
    /// Images at a time [default: 1, or what the file insists on]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: Vec<u16>,
    /// Threads [default: all processors]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Vec<u16>,
    /// The load: latency (one run after the other), throughput (a run on each thread), server (requests at random times)
    #[arg(long, value_name = "S", default_value = "latency", hide_possible_values = true)]
    scenario: ScenarioArg,
    /// Requests a second of a server, one or several [default: 50, 75 and 90 % of what it could bear]
    #[arg(long, value_name = "R,...", value_delimiter = ',', value_parser = parse_rate)]
    rate: Vec<f64>,
    /// Seconds of measuring for each variant; slow ones take longer
    #[arg(long, value_name = "S", default_value = "5", value_parser = parse_seconds)]
    seconds: f64,
    /// Most seconds of warming up for each variant
    #[arg(long, value_name = "S", default_value = "10", value_parser = parse_seconds)]
    warm_up: f64,
    /// Let threads run on any processor
    #[arg(long, conflicts_with = "pin")]
    no_pin: bool,
    /// Run each model as `bossnas-zoo tune --save` found to be best on this machine for the scenario
    #[arg(long, conflicts_with_all = ["provider", "threads", "precision", "pin", "no_pin", "graph_optimization", "io_binding", "allow_fallback"])]
    tuned: bool,
    /// Size of images, where the file leaves it open, or of the network that MODEL names
    #[arg(long, value_name = "N|HxW")]
    size: Option<Size>,
    /// Extents of an input, where the file leaves them open
    #[arg(long, value_name = "[NAME=]1x3xHxW")]
    shape: Vec<String>,
    /// Say where ONNX Runtime's time goes, by kind of node, from runs of their own that do not count
    #[arg(long)]
    profile: bool,
    /// Compare with what --json wrote before
    #[arg(long, value_name = "FILE.json")]
    baseline: Option<std::path::PathBuf>,
    /// Changes of less than so many percent are left undecided
    #[arg(long, value_name = "PERCENT", default_value = "2", value_parser = parse_percent)]
    threshold: f64,
    #[command(flatten)]
    forms: Forms,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ScenarioArg {
    Latency,
    Throughput,
    Server,
}

pub(super) fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.01..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "expected a number of seconds, 0.01 to 86400".to_owned())
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (1e-3..=1e6).contains(rate));
    rate.ok_or_else(|| "expected a number of requests a second, 0.001 to 1000000".to_owned())
}

pub(super) fn parse_percent(text: &str) -> Result<f64, String> {
    let percent = text.trim_end_matches('%').parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| "expected a number of percent, 0 to 100".to_owned())
}

/// A variant that was measured.
struct Row<'a> {
    model: &'a Model,
    candidate: &'a Candidate,
    checked: Checked,
    warm_up: WarmUp,
    measured: &'a Measured,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    args.forms.check()?;
    let baseline = args.baseline.as_deref().map(Baseline::read).transpose()?;
    for &runtime in &args.provider {
        // Before a model is looked for: what cannot run here cannot run any.
        probe(runtime).map_err(Failure::from)?;
    }
    let names = match args.models.as_slice() {
        [] => default_models::names(None, "measure", context)?,
        models => models.to_vec(),
    };
    let shapes = Shapes { size: args.size, shapes: &args.shape };
    let models = names.iter().map(|name| Model::open(name, shapes, context)).collect::<anyhow::Result<Vec<_>>>()?;
    let machine = Machine::observe();
    let mut candidates = Vec::new();
    let mut checks = Vec::new();
    let mut owners = Vec::new();
    let planned: Vec<_> = variants::all(args, &models, context)?;
    variants::check_memory(planned.iter().map(|(_, variant)| variant))?;
    for (owner, variant) in planned {
        let model = &models[owner];
        context.console.detail(format_args!("loading {} in {}", model.name, variant.load.runtime));
        let candidate = Candidate::load(variant).map_err(Failure::from)?;
        checks.push(check(model, &model.expected, &candidate)?);
        candidates.push(candidate);
        owners.push(owner);
    }
    let variants = candidates.len();
    let product = product()?;
    for load in peaks(&candidates) {
        candidates.push(Candidate::load(product.beside(&load)).map_err(Failure::from)?);
    }

    let before = Moment::now();
    let limit = Duration::from_secs_f64(args.warm_up);
    let Turns { warm_ups, plan, measured } = in_turn(&mut candidates, limit, args.seconds, context)?;
    let after = Moment::now();

    let measured_variants = candidates.iter().zip(checks).zip(&warm_ups).zip(&measured).zip(&owners);
    let rows: Vec<Row> = measured_variants
        .take(variants)
        .map(|((((candidate, checked), &warm_up), measured), &owner)| Row {
            model: &models[owner],
            candidate,
            checked,
            warm_up,
            measured,
        })
        .collect();
    let products: Vec<_> = candidates[variants..].iter().zip(&measured[variants..]).collect();
    let rows = Rows { variants: &rows, products: &products, plan, machine: &machine, moments: [before, after] };
    let mut document = Document::new(args, &rows)?;
    if args.profile {
        let candidates = candidates.iter().take(variants);
        for (candidate, report) in candidates.zip(&mut document.variants) {
            report.operators = operators(candidate)?;
        }
    }
    if let Some(baseline) = &baseline {
        document.compare(baseline, args.threshold / 100.0)?;
    }
    forms::write(&args.forms, &document, context)?;
    document.verdict()
}

/// Where the time of a warm run goes; nothing of a runtime that does not say.
fn operators(candidate: &Candidate) -> Result<Vec<Operator>, Failure> {
    /// Runs that are recorded, of which the fastest counts for each node.
    const RECORDED: u32 = 12;
    let mut load = candidate.variant.load.clone();
    if load.runtime == Runtime::Tract {
        return Ok(Vec::new());
    }
    load.settings.profile_runs = Some(RECORDED);
    let mut session = Session::load(&load)?;
    let mut operators = Vec::new();
    for _ in 0..RECORDED {
        let placement = session.run(&candidate.variant.inputs)?.placement;
        operators = placement.map(|placement| placement.operators).unwrap_or_default();
    }
    Ok(operators)
}

/// Whether a variant computes what it should.
fn check(model: &Model, expected: &Expected, candidate: &Candidate) -> Result<Checked, Failure> {
    let load = &candidate.variant.load;
    let checked = expected.check(&candidate.outputs, load.settings.precision);
    if let Some(problem) = &checked.problem {
        let message =
            format!("{} in {} computes something else than {}: {problem}", model.name, load.runtime, checked.reference);
        return Err(Failure::check(message).hint(
            "how long a wrong answer takes says nothing; `bossnas-zoo validate --bisect` finds where it goes wrong",
        ));
    }
    if checked.unrounded {
        let precision = load.settings.precision.name();
        let message = format!(
            "{} was to compute in {precision} and computed in f32: its outputs are off by {:.1e} only",
            load.runtime, checked.error
        );
        return Err(Failure::new(bossnas_report::Exit::Unavailable, message)
            .hint(format!("the device has no {precision}; `--precision f32` measures what it has")));
    }
    Ok(checked)
}

/// The threads and devices for which a peak is measured: one variant of each.
fn peaks(candidates: &[Candidate]) -> Vec<Load> {
    let mut loads: Vec<Load> = Vec::new();
    for load in candidates.iter().map(|candidate| &candidate.variant.load) {
        let own = |load: &Load| Some(load.runtime).filter(|runtime| runtime.has_own_memory());
        let key = |load: &Load| (own(load), load.settings.thread_count(), load.settings.cpus.clone());
        if !loads.iter().any(|known| key(known) == key(load)) {
            loads.push(load.clone());
        }
    }
    loads
}

/// How often requests come, of each variant of a server.
fn demands(rates: &[f64]) -> Vec<Demand> {
    if rates.is_empty() {
        [0.5, 0.75, 0.9].map(Demand::Share).to_vec()
    } else {
        rates.iter().copied().map(Demand::Rate).collect()
    }
}
