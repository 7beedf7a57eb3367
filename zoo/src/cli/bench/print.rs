//! The report as text: a table for people, Markdown, comma-separated values.

use std::fmt::Write as _;
use std::time::Duration;

use bossnas_report::{Align, Table, units};
use bossnas_zoo::bench::Interval;

use super::baseline::{Comparison, Verdict};
use super::document::{Document, VariantReport};
use super::notes::NOTES;
use crate::cli::context::Context;
use crate::cli::eval::report::quoted;
use crate::cli::runtime;

/// For people.
pub(super) fn text(document: &Document, context: &Context) -> anyhow::Result<()> {
    let console = &context.console;
    let style = console.style();
    for (term, fact) in facts(document) {
        console.line(format_args!("{term:<12}{fact}"))?;
    }
    console.line("")?;
    for table in tables(document) {
        console.line(format_args!("{}", table.render(style)))?;
    }
    console.line("not controlled")?;
    for sentence in &document.not_controlled {
        console.line(format_args!("  {sentence}"))?;
    }
    console.line("\nwhat the numbers mean")?;
    for (term, meaning) in NOTES {
        console.line(format_args!("  {term}: {meaning}"))?;
    }
    Ok(())
}

/// The same as Markdown.
pub(super) fn markdown(document: &Document) -> String {
    let mut text = String::new();
    for (term, fact) in facts(document) {
        let _ = writeln!(text, "- **{term}**: {fact}");
    }
    text.push('\n');
    for table in tables(document) {
        let _ = writeln!(text, "{}", table.markdown());
    }
    text += "Not controlled:\n\n";
    for sentence in &document.not_controlled {
        let _ = writeln!(text, "- {sentence}");
    }
    text += "\nWhat the numbers mean:\n\n";
    for (term, meaning) in NOTES {
        let _ = writeln!(text, "- *{term}*: {meaning}");
    }
    text
}

/// The tables in their order.
pub(super) fn tables(document: &Document) -> Vec<Table> {
    let compared = document.baseline.as_deref().map(compared);
    let operators = document.variants.iter().filter(|variant| !variant.operators.is_empty());
    let operators = operators.map(|variant| operators_of(variant, document.has_several_models()));
    [speeds(document), spread(document), starts(document)].into_iter().chain(operators).chain(compared).collect()
}

/// A line for each run.
pub(super) fn csv(document: &Document) -> String {
    let mut text = "model,runtime,precision,batch,threads,scenario,block,run,milliseconds\n".to_owned();
    for variant in &document.variants {
        let name = quoted(&variant.model.name);
        for (block, times) in variant.samples_ms.iter().enumerate() {
            for (run, time) in times.iter().enumerate() {
                let VariantReport { runtime, precision, batch, threads, scenario, .. } = variant;
                let _ = writeln!(
                    text,
                    "{name},{runtime},{precision},{batch},{threads},{},{block},{run},{time}",
                    scenario.name()
                );
            }
        }
    }
    text
}

/// What was measured, where and how.
pub(super) fn facts(document: &Document) -> Vec<(&'static str, String)> {
    let machine = &document.machine;
    let mut facts = Vec::new();
    let mut told = Vec::new();
    for VariantReport { model, .. } in &document.variants {
        if told.contains(&&model.name) {
            continue;
        }
        told.push(&model.name);
        let madds =
            model.multiply_adds.map(|madds| format!(", {} multiply-adds", units::count(madds))).unwrap_or_default();
        let weights = model.weights.as_ref().map(|weights| format!(", weights: {weights}")).unwrap_or_default();
        facts.push((
            "model",
            format!("{}: {}{madds}{weights}, sha256 {}", model.name, units::bytes(model.bytes), &model.sha256[..12]),
        ));
    }
    let memory = machine.memory.map(|memory| format!(", {} of memory", units::bytes(memory))).unwrap_or_default();
    facts.push((
        "machine",
        format!("{} ({}), {} processors{memory}", machine.processor, machine.instructions.join(" "), machine.cpu_count),
    ));
    for gpu in &machine.gpus {
        facts.push((
            "gpu",
            format!(
                "{}, {}, driver {}, clock {} of {}",
                gpu.name, gpu.memory, gpu.driver, gpu.clocks[0], gpu.clocks[1]
            ),
        ));
    }
    facts.push(("system", format!("{}, {}", machine.system, machine.program)));
    for peak in &document.peaks {
        let threads = units::counted(peak.threads, "thread");
        facts.push((
            "peak",
            format!(
                "{} MAC/s in float32 products of matrices, {threads} ({})",
                units::count(peak.multiply_adds_per_second as u64),
                peak.runtime
            ),
        ));
    }
    let method = &document.method;
    facts.push((
        "method",
        format!(
            "{} rounds of {} for each variant, in turn",
            method.rounds,
            units::duration(Duration::from_secs_f64(method.block_seconds))
        ),
    ));
    let scenario = document.variants.first().map_or("latency", |variant| variant.scenario.name());
    facts.push(("scenario", scenario.to_owned()));
    facts
}

/// The steady state.
pub(super) fn speeds(document: &Document) -> Table {
    let several = document.has_several_models();
    let titles = ["median ms", "95 % interval", "images/s", "MAC/s", "of peak", "ratio", "95 % interval"];
    let columns = titles.map(|title| (title, Align::Right));
    let mut table = Table::new([("variant", Align::Left)].into_iter().chain(columns));
    for variant in &document.variants {
        table.row([
            variant.label(several),
            digits(variant.times_ms.median.value),
            range(variant.times_ms.median),
            digits(variant.images_per_second.value),
            variant.multiply_adds_per_second.map(|madds| units::count(madds as u64)).unwrap_or_default(),
            variant.share_of_peak.map(|share| format!("{:.0} %", share * 100.0)).unwrap_or_default(),
            variant.ratio.map(|ratio| format!("{:.3}", ratio.value)).unwrap_or_default(),
            variant.ratio.map(|ratio| bounds(ratio.interval)).unwrap_or_default(),
        ]);
    }
    table
}

/// How the times are spread.
pub(super) fn spread(document: &Document) -> Table {
    let several = document.has_several_models();
    let titles = ["runs", "min", "MAD", "mean", "95 % interval", "p90", "p95", "p99", "max", "CV"];
    let columns = titles.map(|title| (title, Align::Right));
    let mut table = Table::new([("variant, ms", Align::Left)].into_iter().chain(columns));
    for variant in &document.variants {
        let times = &variant.times_ms;
        let optional = |value: Option<f64>| value.map(digits).unwrap_or_default();
        table.row([
            variant.label(several),
            times.runs.to_string(),
            digits(times.min),
            digits(times.mad),
            digits(times.mean.value),
            range(times.mean),
            optional(times.p90),
            optional(times.p95),
            optional(times.p99),
            digits(times.max),
            times.variation.map(|cv| format!("{:.1} %", cv * 100.0)).unwrap_or_default(),
        ]);
    }
    table
}

/// What happens before the steady state, and the proof that the right thing was measured.
pub(super) fn starts(document: &Document) -> Table {
    let several = document.has_several_models();
    let mut table = Table::new([
        ("variant", Align::Left),
        ("load", Align::Right),
        ("first run", Align::Right),
        ("warm-up", Align::Right),
        ("error", Align::Right),
        ("checked by", Align::Left),
        ("busy", Align::Right),
        ("ran on", Align::Left),
    ]);
    for variant in &document.variants {
        let warm_up =
            format!("{} runs{}", variant.warm_up.runs, if variant.warm_up.steady { "" } else { ", not steady" });
        table.row([
            variant.label(several),
            units::duration(Duration::from_secs_f64(variant.load_seconds)),
            units::duration(Duration::from_secs_f64(variant.first_run_ms * 1e-3)),
            warm_up,
            format!("{:.1e}", variant.check.error),
            variant.check.reference.clone(),
            format!("{:.2}", variant.processors_busy),
            variant.placement.as_ref().map_or_else(|| variant.runtime.clone(), runtime::describe),
        ]);
    }
    table
}

/// Where the time of a warm run goes.
pub(super) fn operators_of(variant: &VariantReport, with_model: bool) -> Table {
    let all: f64 = variant.operators.iter().map(|operator| operator.seconds).sum();
    let mut table = Table::new([
        (format!("nodes of {}", variant.label(with_model)), Align::Left),
        ("number".to_owned(), Align::Right),
        ("ms".to_owned(), Align::Right),
        ("share".to_owned(), Align::Right),
    ]);
    for operator in &variant.operators {
        table.row([
            operator.name.clone(),
            operator.nodes.to_string(),
            digits(operator.seconds * 1e3),
            format!("{:.1} %", operator.seconds / all * 100.0),
        ]);
    }
    table
}

/// Beside a baseline.
pub(super) fn compared(comparisons: &[Comparison]) -> Table {
    let mut table = Table::new([
        ("against the baseline", Align::Left),
        ("verdict", Align::Left),
        ("ratio", Align::Right),
        ("95 % interval", Align::Right),
        ("machine", Align::Right),
        ("file", Align::Left),
    ]);
    for comparison in comparisons {
        let verdict = match comparison.verdict {
            Verdict::Faster => "faster",
            Verdict::Slower => "slower",
            Verdict::Undecided => "undecided",
        };
        table.row([
            comparison.variant.clone(),
            verdict.to_owned(),
            format!("{:.3}", comparison.ratio),
            bounds(comparison.interval),
            comparison.machine.map(|machine| format!("{machine:.3}")).unwrap_or_default(),
            if comparison.other_file { "another" } else { "the same" }.to_owned(),
        ]);
    }
    table
}

pub(crate) fn range(Interval { interval, .. }: Interval) -> String {
    interval.map(|[low, high]| format!("{} - {}", digits(low), digits(high))).unwrap_or_default()
}

pub(crate) fn bounds(interval: Option<[f64; 2]>) -> String {
    interval.map(|[low, high]| format!("{low:.3} - {high:.3}")).unwrap_or_default()
}

/// Four digits.
pub(crate) fn digits(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => format!("{value:.0}"),
        v if v >= 100.0 => format!("{value:.1}"),
        v if v >= 10.0 => format!("{value:.2}"),
        v if v >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    }
}
