//! `tune`: the best way to run a model on this machine.

mod accuracy;
mod report;
mod screen;

use std::time::Duration;

use bossnas_hub::cache::Cache;
use bossnas_report::Failure;
use bossnas_report::statistics::Pairing;
use bossnas_zoo::bench::{Candidate, Description, Interval, Machine, Measured};
use bossnas_zoo::runtime::{Provider, Runtime, allowed_cpus, available_cpus, probe};
use bossnas_zoo::tune::{Choice, Setting, Tuned, grid};

use self::accuracy::Accuracies;
use self::report::{Document, Missing};
use self::screen::Screened;
use super::bench::model::{Model, Shapes};
use super::bench::turns::{Turns, in_turn};
use super::context::Context;
use super::default_models::{self, Printed};
use super::runtime::provider_parser;
use super::size::Size;

/// Settings that are measured again, in turn, beside the best of the first look.
const FINALISTS: usize = 8;
/// How much slower than the best a setting may have looked to be measured again.
const MARGIN: f64 = 1.15;
/// Most time of warming up for each of those.
const WARM_UP: Duration = Duration::from_secs(5);

/// Find the best way to run a model on this machine
///
/// Tries every runtime that works here, in every precision that it can be told, on one thread up to all, bound to processors
/// and free, with all threads in one run and with a run on each, and several batches. Each is looked at for a second; what is
/// off by more than --max-error, or loses more than --max-drop of the accuracy on --data, is dropped. The best are measured
/// again in turn, as `bench` does, beside ONNX Runtime's (else tract's) float32 with all threads. Printed are those that no other
/// beats in time, throughput and error, and the command lines that measure the best again. With --save the choice is remembered, and
/// `bench`, `eval`, `classify` and `run` use it with --tuned.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo tune BossNet-T0
  bossnas-zoo tune BossNet-T0 --max-error 1e-3 --save
  bossnas-zoo tune BossNet-T0 --data imagenet/val --limit 1000 --max-drop 0.2
  bossnas-zoo tune foreign.onnx --batch 1,16,64 --provider cpu,cuda --json
  bossnas-zoo eval BossNet-T0 --data imagenet/val --tuned")]
pub(crate) struct Args {
    /// A name from `bossnas-zoo list`, an ONNX file, an architecture or a checkpoint [default: every model that was fetched, else
    /// BossNet-Digits]
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// Largest error of the outputs, in units of the largest element
    #[arg(long, value_name = "X", default_value = "0.02", value_parser = super::runtime::parse_tolerance)]
    max_error: f64,
    /// Images whose labels are known, as for `eval`
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    /// Most points of top-1 accuracy that may be lost on --data, in percent
    #[arg(long, value_name = "P", default_value = "0.5", requires = "data", value_parser = super::bench::parse_percent)]
    max_drop: f64,
    /// Only so many images of --data, spread evenly
    #[arg(long, value_name = "N", default_value = "1000", requires = "data", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Only these: tract, or execution providers of ONNX Runtime [default: all that work here]
    #[arg(long, value_name = "P,...", value_delimiter = ',', hide_possible_values = true, value_parser = provider_parser())]
    provider: Vec<Runtime>,
    /// Images at a time [default: 1 and 8, or what the file insists on]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: Vec<u16>,
    /// Seconds of measuring for each of the best
    #[arg(long, value_name = "S", default_value = "4", value_parser = super::bench::parse_seconds)]
    seconds: f64,
    /// Remember the best for --tuned
    #[arg(long)]
    save: bool,
    /// Size of images, where the file leaves it open, or of the network that MODEL names
    #[arg(long, value_name = "N|HxW")]
    size: Option<Size>,
    /// Extents of an input, where the file leaves them open
    #[arg(long, value_name = "[NAME=]1x3xHxW")]
    shape: Vec<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Write one page with plots, for a browser
    #[arg(long, value_name = "FILE.html")]
    html: Option<std::path::PathBuf>,
}

/// A setting that was measured in turn with the others.
#[derive(Debug, Clone)]
struct Finalist {
    setting: Setting,
    times: Description,
    images_per_second: Interval,
    error: f64,
    /// The time for an image in units of the reference's.
    ratio: Option<Interval>,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let names = default_models::names(args.model.as_deref(), "tune", context)?;
    default_models::only_one(&names, "--html", args.html.is_some())?;
    let how = Printed { command: "tune", json: args.json, is_given: args.model.is_some() };
    let one = |name: &str| Ok(tuned(args, name, context)?.into());
    default_models::each(&names, &how, context, one, |document: &Document| report::print(document, context))
}

/// Finds the best way to run one model.
fn tuned(args: &Args, name: &str, context: &Context) -> anyhow::Result<Document> {
    let (runtimes, missing) = runtimes(args)?;
    let shapes = Shapes { size: args.size, shapes: &args.shape };
    let model = Model::open(name, shapes, context)?;
    if args.save {
        check_lasting(&model)?;
    }
    let machine = Machine::observe();
    let batches = match (args.batch.as_slice(), model.fixed_batch) {
        ([], Some(fixed)) => vec![fixed],
        ([], None) => vec![1, 8],
        (batches, _) => batches.iter().map(|&batch| batch.into()).collect(),
    };
    let settings = grid(&runtimes, available_cpus(), !allowed_cpus().is_empty(), &batches);
    let mut screened = screen::all(&model, &settings, args.max_error, context)?;
    let accuracies = match &args.data {
        Some(data) => Some(Accuracies::of(data, args, &model, &mut screened, context)?),
        None => None,
    };
    let finalists = measure_again(args, &model, &screened, context)?;
    let document = Document::new(args, &model, &machine, missing, &screened, finalists, accuracies.as_ref());
    if args.save {
        save(&model, &machine, &document, context)?;
    }
    report::write_page(args, &document, context)?;
    Ok(document)
}

/// Runtimes to try, and those that do not work here with their reasons.
fn runtimes(args: &Args) -> Result<(Vec<Runtime>, Vec<Missing>), Failure> {
    if !args.provider.is_empty() {
        for &runtime in &args.provider {
            probe(runtime).map_err(Failure::from)?;
        }
        return Ok((args.provider.clone(), Vec::new()));
    }
    let mut works = Vec::new();
    let mut missing = Vec::new();
    for runtime in Runtime::all() {
        match probe(runtime) {
            Ok(_) => works.push(runtime),
            Err(error) => missing.push(Missing { runtime: runtime.name(), reason: error.message }),
        }
    }
    Ok((works, missing))
}

/// The setting that all are held against: float32 on all processors with one image, or as few as the file takes.
fn reference(screened: &[Screened]) -> Option<usize> {
    let fits = |runtime: Runtime| {
        screened.iter().position(|it| {
            let setting = it.setting;
            let plain = setting.precision == bossnas_zoo::runtime::Precision::F32 && !setting.streams;
            it.passed() && plain && setting.runtime == runtime && setting.threads == available_cpus()
        })
    };
    fits(Runtime::Ort(Provider::Cpu))
        .or_else(|| fits(Runtime::Tract))
        .or_else(|| screened.iter().position(Screened::passed))
}

/// Measures the best again, in turn; the reference is the first.
fn measure_again(
    args: &Args,
    model: &Model,
    screened: &[Screened],
    context: &Context,
) -> anyhow::Result<Vec<Finalist>> {
    let reference = reference(screened).ok_or_else(|| nothing_left(args, model, screened))?;
    let mut chosen = vec![reference];
    let passed = |index: &usize| screened[*index].passed();
    let mut by_time: Vec<usize> = (0..screened.len()).filter(passed).collect();
    by_time.sort_by(|&a, &b| screened[a].latency().total_cmp(&screened[b].latency()));
    let mut by_rate = by_time.clone();
    by_rate.sort_by(|&a, &b| screened[b].rate().total_cmp(&screened[a].rate()));
    let best = (screened[by_time[0]].latency(), screened[by_rate[0]].rate());
    let near_time = by_time.iter().filter(|&&index| screened[index].latency() <= best.0 * MARGIN);
    let near_rate = by_rate.iter().filter(|&&index| screened[index].rate() * MARGIN >= best.1);
    for &index in screen::exact(screened, &by_time)
        .iter()
        .chain(near_time.take(FINALISTS / 2))
        .chain(near_rate.take(FINALISTS / 2))
    {
        if !chosen.contains(&index) {
            chosen.push(index);
        }
    }
    let mut candidates = Vec::with_capacity(chosen.len());
    for &index in &chosen {
        candidates.push(Candidate::load(screened[index].variant(model)?).map_err(Failure::from)?);
    }
    let Turns { measured, .. } = in_turn(&mut candidates, WARM_UP, args.seconds, context)?;
    let first = &measured[0];
    chosen
        .iter()
        .zip(&measured)
        .map(|(&index, it)| Finalist::of(&screened[index], it, (&screened[reference], first)))
        .collect()
}

fn nothing_left(args: &Args, model: &Model, screened: &[Screened]) -> Failure {
    let failure = Failure::check(format!("nothing runs `{}` within an error of {:.1e}", model.name, args.max_error));
    let reasons = screened
        .iter()
        .filter_map(|it| it.dropped.as_ref().map(|reason| format!("{}: {reason}", it.setting.options())));
    reasons.take(5).fold(failure, Failure::detail).hint("--max-error allows more")
}

impl Finalist {
    fn of(
        screened: &Screened,
        measured: &Measured,
        (reference, first): (&Screened, &Measured),
    ) -> anyhow::Result<Self> {
        let no_run = || Failure::failed("no run was measured");
        let times = Description::of(&measured.times).ok_or_else(no_run)?;
        let images = screened.setting.batch as f64;
        let ratio = measured.times.ratio_of_medians(&first.times, Pairing::Rounds).map(Interval::from);
        // Of the time for an image.
        let scale = reference.setting.batch as f64 / images;
        let ratio = ratio.map(|Interval { value, interval }| Interval {
            value: value * scale,
            interval: interval.map(|interval| interval.map(|bound| bound * scale)),
        });
        Ok(Self {
            setting: screened.setting,
            images_per_second: measured.rate().ok_or_else(no_run)?.into(),
            times,
            error: screened.error,
            ratio: ratio.filter(|_| !std::ptr::eq(measured, first)),
        })
    }

    fn choice(&self) -> Choice {
        Choice {
            setting: self.setting,
            latency_ms: self.times.median.value,
            images_per_second: self.images_per_second.value,
            error: self.error,
        }
    }
}

/// Settings are remembered for a file that will still be there.
fn check_lasting(model: &Model) -> Result<(), Failure> {
    if model.file.is_lasting {
        return Ok(());
    }
    let message = format!("`{}` is made anew for every command: there is no file to remember settings for", model.name);
    Err(Failure::usage(message).hint(format!("`bossnas-zoo export {} -o FILE.onnx` makes one", model.name)))
}

/// Remembers the best.
fn save(model: &Model, machine: &Machine, document: &Document, context: &Context) -> anyhow::Result<()> {
    let cache = Cache::of_user()?;
    let folder = cache.tuned_folder();
    cache.make(&folder)?;
    let tuned = Tuned::new(machine, document.fastest().choice(), document.busiest().choice());
    let path = tuned.save(&folder, &model.sha256)?;
    context.console.note(format_args!("saved: {}; --tuned uses it", path.display()));
    Ok(())
}
