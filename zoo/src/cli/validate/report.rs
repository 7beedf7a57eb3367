//! What a validation found, as a table and as JSON.

use std::path::PathBuf;

use bossnas_converter::onnx::{Defect, Source};
use bossnas_hub::cache::Trust;
use bossnas_report::{Align, Table, escape, units};
use bossnas_zoo::compare::Comparison;
use bossnas_zoo::runtime::{NamedTensor, Runtime};
use bossnas_zoo::validate::{Allowance, Contender, Row, Scan};
use serde::Serialize;

use super::Findings;
use crate::cli::context::Context;

/// Defects that are shown; all are in the JSON document.
const SHOWN: usize = 10;

#[derive(Serialize)]
pub(super) struct Document {
    /// As it was asked for.
    model: String,
    /// The file that was run; null for one that was made for this command alone.
    file: Option<PathBuf>,
    /// Whether the file is one of ours.
    ours: bool,
    /// Where the weights of a file of ours come from.
    weights: Option<String>,
    trust: Option<&'static str>,
    /// Where the weights of the reference come from.
    reference_weights: Option<String>,
    /// What of a file of ours is not as its architecture and weights say.
    defects: Vec<Defective>,
    inputs: Vec<Input>,
    tolerance: Allowed,
    runtimes: Vec<Contested>,
    /// What was found inside, where it was looked at.
    pub(super) inside: Vec<Inside>,
    passed: bool,
}

/// A node or tensor that is not as it should be.
#[derive(Serialize)]
struct Defective {
    value: String,
    place: String,
    problem: String,
}

#[derive(Serialize)]
struct Input {
    name: String,
    dtype: &'static str,
    shape: Vec<usize>,
}

#[derive(Serialize)]
struct Allowed {
    absolute: Option<f64>,
    /// In units of the largest element.
    scaled: f64,
    /// In units of each element.
    relative: f64,
    narrowest: &'static str,
    depth: usize,
    explanation: String,
}

#[derive(Serialize)]
struct Contested {
    runtime: &'static str,
    /// `reference`, `agrees`, `differs` or `failed`.
    verdict: &'static str,
    error: Option<String>,
    load_seconds: Option<f64>,
    run_seconds: Option<f64>,
    outputs: Vec<Output>,
}

#[derive(Serialize)]
struct Output {
    name: String,
    #[serde(flatten)]
    comparison: Comparison,
}

/// What was found inside of a file.
#[derive(Serialize)]
pub(super) struct Inside {
    pub(super) runtime: &'static str,
    compared: usize,
    skipped: usize,
    worst: Option<Worst>,
    pub(super) first: Option<First>,
}

#[derive(Serialize)]
struct Worst {
    value: String,
    max_scaled: f64,
}

/// The first value that differs.
#[derive(Serialize)]
pub(super) struct First {
    pub(super) value: String,
    node: String,
    op: String,
    /// Where in the network it is.
    pub(super) place: String,
    inputs: Vec<String>,
    #[serde(flatten)]
    comparison: Comparison,
}

impl Inside {
    pub(super) fn new(runtime: Runtime, scan: Scan, ours: bool) -> Self {
        let first = scan.first.map(|difference| First {
            place: place(&difference.value.name, &difference.value.op, ours),
            value: difference.value.name,
            node: difference.value.node,
            op: difference.value.op,
            inputs: difference.value.inputs,
            comparison: difference.comparison,
        });
        let worst = scan.worst.map(|(value, max_scaled)| Worst { value, max_scaled });
        Self { runtime: runtime.name(), compared: scan.compared, skipped: scan.skipped, worst, first }
    }
}

/// `stage 3, block 1, net.2, Conv`, where names are those of our networks; else the operator alone.
fn place(value: &str, op: &str, ours: bool) -> String {
    let parts = || {
        let (stage, rest) = value.strip_prefix("layer")?.split_once('.')?;
        let (block, layer) = rest.split_once('.').unwrap_or((rest, "output"));
        Some(format!("stage {stage}, block {block}, {layer}, {op}"))
    };
    parts().filter(|_| ours).unwrap_or_else(|| op.to_owned())
}

impl Document {
    pub(super) fn new(asked: &str, source: Option<Source>, findings: Findings<'_>) -> Self {
        let Findings { model, claimed, subject, allowance, rows, inside } = findings;
        let input = |(name, tensor): &NamedTensor| Input {
            name: name.clone(),
            dtype: tensor.element().name(),
            shape: tensor.shape().to_vec(),
        };
        let defective = |defect: &Defect| Defective {
            value: defect.value.clone(),
            place: place(&defect.value, "node", true),
            problem: defect.problem.clone(),
        };
        let defects: Vec<Defective> =
            claimed.iter().flat_map(|claimed| claimed.defects.iter().map(defective)).collect();
        let sound = defects.is_empty() && inside.iter().all(|inside| inside.first.is_none());
        Self {
            model: asked.to_owned(),
            file: (!model.is_scratch()).then(|| model.path.clone()),
            ours: claimed.is_some(),
            weights: source.map(|source| source.to_string()),
            trust: model.trust.map(Trust::name),
            reference_weights: claimed.map(|claimed| claimed.weights.clone()),
            defects,
            inputs: subject.inputs.iter().map(input).collect(),
            tolerance: Allowed::of(allowance),
            runtimes: rows.iter().enumerate().map(|(index, row)| Contested::of(row, index == 0)).collect(),
            passed: sound && rows.iter().all(Row::agrees),
            inside,
        }
    }

    pub(super) fn print(&self, context: &Context) -> anyhow::Result<()> {
        let style = context.console.style();
        context.console.line(style.bold(escape(&self.model)))?;
        let shape = |shape: &[usize]| shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        let inputs = self.inputs.iter().map(|input| format!("{} {} {}", input.name, input.dtype, shape(&input.shape)));
        let inputs: Vec<String> = inputs.collect();
        let lines = [
            ("weights", self.weights.clone()),
            ("reference", self.reference_weights.as_ref().map(|weights| format!("float64, weights: {weights}"))),
            ("inputs", Some(inputs.join(", "))),
            ("allowed", Some(self.tolerance.explanation.clone())),
        ];
        for (label, text) in lines {
            if let Some(text) = text {
                context.console.line(format_args!("  {label:<10}{}", escape(&text)))?;
            }
        }
        context.console.line("")?;
        context.console.print(self.table().render(style))?;
        for (runtime, error) in self.runtimes.iter().filter_map(|row| Some((row.runtime, row.error.as_ref()?))) {
            context.console.line(escape(&format!("failed    {runtime}: {error}")))?;
        }
        for defect in self.defects.iter().take(SHOWN) {
            context.console.line(style.red(escape(&format!("defect    {} ({})", defect.problem, defect.place))))?;
        }
        if self.defects.len() > SHOWN {
            context.console.line(format_args!("          and {} more", self.defects.len() - SHOWN))?;
        }
        for inside in &self.inside {
            let skipped = if inside.skipped > 0 { format!(", {} not put out", inside.skipped) } else { String::new() };
            let worst = inside.worst.as_ref().map_or_else(String::new, |worst| {
                format!(", the worst within off by {:.1e} of its largest element (`{}`)", worst.max_scaled, worst.value)
            });
            let line = format!("inside    {}: {} values compared{skipped}{worst}", inside.runtime, inside.compared);
            context.console.line(escape(&line))?;
            if let Some(first) = &inside.first {
                let line = format!(
                    "first     `{}` ({}): off by {:.1e} of its largest element; it reads {}",
                    first.value,
                    first.place,
                    first.comparison.max_scaled,
                    first.inputs.join(", ")
                );
                context.console.line(style.red(escape(&line)))?;
            }
        }
        Ok(())
    }

    fn table(&self) -> Table {
        let columns = ["max abs", "of largest", "cosine", "top-1", "top-5", "load", "run"];
        let mut table = Table::new(
            [("runtime", Align::Left), ("output", Align::Left)]
                .into_iter()
                .chain(columns.map(|column| (column, Align::Right)))
                .chain([("verdict", Align::Left)]),
        );
        for row in &self.runtimes {
            let time = |seconds: Option<f64>| {
                seconds.map_or_else(String::new, |s| units::duration(std::time::Duration::from_secs_f64(s)))
            };
            let [load, run] = [row.load_seconds, row.run_seconds].map(time);
            if row.outputs.is_empty() {
                table.row([row.runtime, "", "", "", "", "", "", &load, &run, row.verdict]);
            }
            for (index, Output { name, comparison }) in row.outputs.iter().enumerate() {
                let first = index == 0;
                let share =
                    |share: Option<f64>| share.map_or_else(String::new, |share| format!("{:.0} %", share * 100.0));
                let verdict = comparison
                    .problem
                    .clone()
                    .unwrap_or_else(|| if comparison.passed { "agrees" } else { "differs" }.to_owned());
                table.row([
                    if first { row.runtime } else { "" },
                    name,
                    &format!("{:.1e}", comparison.max_abs),
                    &format!("{:.1e}", comparison.max_scaled),
                    &comparison.cosine.map_or_else(String::new, |cosine| format!("{cosine:.9}")),
                    &share(comparison.top1),
                    &share(comparison.top5),
                    if first { &load } else { "" },
                    if first { &run } else { "" },
                    &verdict,
                ]);
            }
        }
        table
    }
}

impl Allowed {
    fn of(allowance: Allowance) -> Self {
        let tolerance = allowance.tolerance;
        Self {
            absolute: tolerance.absolute,
            scaled: tolerance.scaled,
            relative: tolerance.relative,
            narrowest: allowance.numerics.narrowest.name(),
            depth: allowance.numerics.depth,
            explanation: allowance.explain(),
        }
    }
}

impl Contested {
    fn of(row: &Row, is_reference: bool) -> Self {
        let verdict = match (&row.result, is_reference) {
            (Err(_), _) => "failed",
            (Ok(_), true) => "reference",
            (Ok(_), false) if row.differs() => "differs",
            (Ok(_), false) => "agrees",
        };
        let (error, times, outputs) = match &row.result {
            Err(error) => (Some(error.to_string()), None, Vec::new()),
            Ok((answer, comparisons)) => {
                let outputs = comparisons.iter().cloned().map(|(name, comparison)| Output { name, comparison });
                (None, Some((answer.load_time, answer.run_time)), outputs.collect())
            }
        };
        Self {
            runtime: row.contender.name(),
            verdict,
            error,
            load_seconds: times.map(|(load, _)| load.as_secs_f64()).filter(|_| row.contender != Contender::Reference),
            run_seconds: times.map(|(_, run)| run.as_secs_f64()),
            outputs,
        }
    }
}
