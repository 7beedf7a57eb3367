//! What came of it: the frontier, the best, and how to measure it again.

use bossnas_files::write_file;
use bossnas_report::html::Page;
use bossnas_report::plot::{Axis, Bar, Bars, Point, Scatter, Series};
use bossnas_report::{Align, Table};
use bossnas_zoo::bench::{Description, Interval, Machine};
use bossnas_zoo::tune::{Outcome, Setting, frontier};
use serde::Serialize;

use super::accuracy::Accuracies;
use super::screen::Screened;
use super::{Args, Finalist};
use crate::cli::bench::model::Model;
use crate::cli::bench::print::{bounds, digits, range};
use crate::cli::context::Context;

/// A report.
#[derive(Debug, Serialize)]
pub(super) struct Document {
    model: String,
    sha256: String,
    machine: Machine,
    max_error: f64,
    /// Images on which accuracy was measured, and the top-1 of the reference.
    accuracy: Option<AccuracyReport>,
    /// Measured in turn; the first is what all are held against.
    best: Vec<BestReport>,
    /// The command lines that measure the fastest run and the most images a second again.
    fastest: String,
    busiest: String,
    /// Everything that was looked at.
    tried: Vec<TriedReport>,
    /// Runtimes that do not work here.
    missing: Vec<Missing>,
    #[serde(skip)]
    finalists: Vec<Finalist>,
}

#[derive(Debug, Serialize)]
struct AccuracyReport {
    images: usize,
    top1: f64,
    max_drop: f64,
}

#[derive(Debug, Serialize)]
struct BestReport {
    setting: Setting,
    options: String,
    on_frontier: bool,
    times_ms: Description,
    images_per_second: Interval,
    error: f64,
    top1: Option<f64>,
    /// Time for an image in units of the reference's.
    ratio: Option<Interval>,
}

#[derive(Debug, Serialize)]
struct TriedReport {
    setting: Setting,
    latency_ms: Option<f64>,
    images_per_second: Option<f64>,
    error: Option<f64>,
    top1: Option<f64>,
    dropped: Option<String>,
}

/// A runtime that does not work here.
#[derive(Debug, Serialize)]
pub(super) struct Missing {
    pub(super) runtime: &'static str,
    pub(super) reason: String,
}

impl Document {
    pub(super) fn new(
        args: &Args,
        model: &Model,
        machine: &Machine,
        missing: Vec<Missing>,
        screened: &[Screened],
        finalists: Vec<Finalist>,
        accuracies: Option<&Accuracies>,
    ) -> Self {
        let outcomes: Vec<Outcome> = finalists.iter().map(|it| outcome(it, model.expected.rounding())).collect();
        let front = frontier(&outcomes);
        let accuracy_of = |setting: &Setting| {
            let same =
                |it: &&Screened| it.setting.runtime == setting.runtime && it.setting.precision == setting.precision;
            screened.iter().find(same).and_then(|it| it.accuracy)
        };
        let best = finalists.iter().enumerate().map(|(index, it)| BestReport {
            setting: it.setting,
            options: it.setting.options(),
            on_frontier: front.contains(&index),
            times_ms: it.times.clone(),
            images_per_second: it.images_per_second,
            error: it.error,
            top1: accuracy_of(&it.setting),
            ratio: it.ratio,
        });
        let best: Vec<BestReport> = best.collect();
        let finite = |value: f64| value.is_finite().then_some(value);
        let tried = screened.iter().map(|it| TriedReport {
            setting: it.setting,
            latency_ms: finite(it.latency()),
            images_per_second: Some(it.rate()).filter(|&rate| rate > 0.0),
            error: finite(it.error),
            top1: it.accuracy,
            dropped: it.dropped.clone(),
        });
        let mut document = Self {
            model: model.name.clone(),
            sha256: model.sha256.clone(),
            machine: machine.clone(),
            max_error: args.max_error,
            accuracy: accuracies.map(|it| AccuracyReport {
                images: it.images,
                top1: it.reference,
                max_drop: args.max_drop,
            }),
            best,
            fastest: String::new(),
            busiest: String::new(),
            tried: tried.collect(),
            missing,
            finalists,
        };
        let line = |it: &Finalist| format!("bossnas-zoo bench {} {}", model.name, it.setting.options());
        document.fastest = line(document.fastest());
        document.busiest = line(document.busiest());
        document
    }

    /// The fastest run. Several at once make none of them faster, so that one alone counts, whatever noise says.
    pub(super) fn fastest(&self) -> &Finalist {
        let faster = |a: &&Finalist, b: &&Finalist| {
            let time = a.times.median.value.total_cmp(&b.times.median.value);
            a.setting.streams.cmp(&b.setting.streams).then(time)
        };
        self.finalists.iter().min_by(faster).unwrap_or_else(|| unreachable!("the reference is always measured"))
    }

    /// The most images a second.
    pub(super) fn busiest(&self) -> &Finalist {
        let busier = |a: &&Finalist, b: &&Finalist| a.images_per_second.value.total_cmp(&b.images_per_second.value);
        self.finalists.iter().max_by(busier).unwrap_or_else(|| unreachable!("the reference is always measured"))
    }
}

/// Errors that rounding of float32 explains are all the same.
fn outcome(finalist: &Finalist, rounding: f64) -> Outcome {
    Outcome {
        latency: finalist.times.median.value,
        throughput: finalist.images_per_second.value,
        error: finalist.error.max(rounding),
    }
}

/// Tells it in the forms that were asked for.
pub(super) fn write_page(args: &Args, document: &Document, context: &Context) -> anyhow::Result<()> {
    if let Some(path) = &args.html {
        write_file(path, page(document)?.as_bytes())?;
        context.console.note(format_args!("wrote {}", path.display()));
    }
    Ok(())
}

pub(super) fn print(document: &Document, context: &Context) -> anyhow::Result<()> {
    let console = &context.console;
    let style = console.style();
    console.line(format_args!(
        "{}: {} settings tried on {}, {} dropped\n",
        document.model,
        document.tried.len(),
        document.machine.processor,
        document.tried.iter().filter(|it| it.dropped.is_some()).count()
    ))?;
    console.line(table(document).render(style))?;
    for (runtime, reason) in dropped(document) {
        console.line(format_args!("dropped     {runtime}: {reason}"))?;
    }
    for Missing { runtime, reason } in &document.missing {
        context.console.detail(format_args!("{runtime} was not tried: {reason}"));
    }
    if let Some(AccuracyReport { images, top1, max_drop }) = &document.accuracy {
        console.line(format_args!(
            "accuracy    top-1 {:.2} % on {images} images; at most {max_drop} points may be lost",
            top1 * 100.0
        ))?;
    }
    console.line(format_args!("fastest     {}", document.fastest))?;
    console.line(format_args!("most        {}", document.busiest))?;
    console.line("\nfront: no other is as good in time, images/s and error, and better in one of them. ratio: time for an image in units of")?;
    console.line("the first line's. All were measured in turn; intervals are of 95 %.")
}

fn table(document: &Document) -> Table {
    let mut table = Table::new([
        ("setting", Align::Left),
        ("front", Align::Left),
        ("median ms", Align::Right),
        ("95 % interval", Align::Right),
        ("images/s", Align::Right),
        ("error", Align::Right),
        ("top-1", Align::Right),
        ("ratio", Align::Right),
        ("95 % interval", Align::Right),
    ]);
    for best in &document.best {
        table.row([
            best.options.clone(),
            if best.on_frontier { "*" } else { "" }.to_owned(),
            digits(best.times_ms.median.value),
            range(best.times_ms.median),
            digits(best.images_per_second.value),
            format!("{:.1e}", best.error),
            best.top1.map(|top1| format!("{:.2} %", top1 * 100.0)).unwrap_or_default(),
            best.ratio.map(|ratio| format!("{:.3}", ratio.value)).unwrap_or_default(),
            best.ratio.map(|ratio| bounds(ratio.interval)).unwrap_or_default(),
        ]);
    }
    table
}

/// Why settings were dropped, once for each runtime and precision.
fn dropped(document: &Document) -> Vec<(String, &str)> {
    let mut reasons: Vec<(String, &str)> = Vec::new();
    for it in &document.tried {
        let Some(reason) = &it.dropped else { continue };
        let name = format!("{} {}", it.setting.runtime, it.setting.precision.name());
        if !reasons.iter().any(|(known, _)| *known == name) {
            reasons.push((name, reason));
        }
    }
    reasons
}

/// The page.
fn page(document: &Document) -> anyhow::Result<String> {
    let mut page = Page::new(&format!("The best way to run {}", document.model));
    page.lead(&format!("{} settings were tried on {}.", document.tried.len(), document.machine.processor));
    let point = |best: &BestReport| Point {
        x: best.times_ms.median.value,
        y: best.images_per_second.value,
        label: best.on_frontier.then(|| best.setting.label()),
    };
    let series = |name: &str, joined, on_frontier: &dyn Fn(&BestReport) -> bool| {
        let mut points: Vec<Point> = document.best.iter().filter(|best| on_frontier(best)).map(point).collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        Series { name: name.to_owned(), points, joined }
    };
    let looked =
        document.tried.iter().filter_map(|it| Some(Point { x: it.latency_ms?, y: it.images_per_second?, label: None }));
    let all = [
        Series { name: "first look".to_owned(), points: looked.collect(), joined: false },
        series("measured in turn", false, &|best| !best.on_frontier),
        series("frontier", true, &|best| best.on_frontier),
    ];
    let scatter = Scatter {
        title: "Latency and throughput".to_owned(),
        x: Axis::log("milliseconds of a run"),
        y: Axis::linear("images/s"),
        series: all.into_iter().filter(|series| !series.points.is_empty()).collect(),
    };
    page.section("The frontier");
    page.figure(&scatter.render()?, "Every setting that runs well enough; to the upper left is better.");
    page.table(&table(document));
    let bar = |best: &BestReport| {
        Some(Bar { label: best.setting.label(), value: best.ratio?.value, interval: best.ratio?.interval })
    };
    let bars: Vec<Bar> = document.best.iter().filter_map(bar).collect();
    if !bars.is_empty() {
        let bars = Bars {
            title: format!("Time for an image, in units of {}", document.best[0].setting.label()),
            axis: Axis::linear("ratio"),
            bars,
            reference: Some(1.0),
        };
        page.figure(&bars.render()?, "Below 1 is faster. Whiskers are 95 % intervals.");
    }
    page.section("The best again");
    page.command(&document.fastest);
    page.command(&document.busiest);
    page.section("Dropped");
    for (name, reason) in dropped(document) {
        page.paragraph(&format!("{name}: {reason}"));
    }
    for Missing { runtime, reason } in &document.missing {
        page.paragraph(&format!("{runtime} was not tried: {reason}"));
    }
    Ok(page.render())
}
