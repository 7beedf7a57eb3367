//! The report as data: everything that was measured and what it was measured on.

use std::collections::HashMap;

use bossnas_report::statistics::{Blocks, Pairing};
use bossnas_report::{Failure, units};
use bossnas_zoo::bench::machine::uncontrolled;
use bossnas_zoo::bench::{
    Candidate, Checked, Demand, Description, Interval, Machine, Measured, Moment, Plan, Product, Scenario, WarmUp,
};
use bossnas_zoo::runtime::{InputSpec, Operator, Placement};
use serde::{Deserialize, Serialize};

use super::baseline::{Baseline, Comparison};
use super::{Args, Row};

/// A report.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Document {
    pub(super) machine: Machine,
    pub(super) method: Method,
    /// What was not held still, a sentence each.
    pub(super) not_controlled: Vec<String>,
    /// The float32 product of matrices on each set of threads.
    pub(super) peaks: Vec<Peak>,
    pub(super) variants: Vec<VariantReport>,
    #[serde(default)]
    pub(super) baseline: Option<Vec<Comparison>>,
}

/// How was measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Method {
    pub(super) rounds: usize,
    pub(super) block_seconds: f64,
    pub(super) order: String,
    pub(super) clock: String,
}

/// What a machine can do at most.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Peak {
    pub(super) runtime: String,
    pub(super) threads: usize,
    pub(super) cpus: Vec<usize>,
    pub(super) multiply_adds_per_second: f64,
    pub(super) times_ms: Description,
}

/// What was measured of a variant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct VariantReport {
    pub(super) model: ModelReport,
    pub(super) runtime: String,
    pub(super) build: Option<String>,
    pub(super) precision: String,
    /// Names, types and shapes of the inputs.
    pub(super) inputs: Vec<InputSpec>,
    pub(super) batch: usize,
    pub(super) threads: usize,
    /// Processors that threads are bound to; none if they are free.
    pub(super) cpus: Vec<usize>,
    /// Runs side by side.
    pub(super) streams: usize,
    pub(super) scenario: Scenario,
    pub(super) load_seconds: f64,
    pub(super) first_run_ms: f64,
    pub(super) warm_up: WarmUp,
    pub(super) check: Checked,
    pub(super) placement: Option<Placement>,
    /// Where the time of a warm run goes, if that was asked for.
    #[serde(default)]
    pub(super) operators: Vec<Operator>,
    pub(super) times_ms: Description,
    pub(super) images_per_second: Interval,
    pub(super) multiply_adds_per_second: Option<f64>,
    pub(super) share_of_peak: Option<f64>,
    /// The median in units of that of the first variant of the same batch, threads and scenario.
    pub(super) ratio: Option<Interval>,
    /// Processors that were kept busy, on average.
    pub(super) processors_busy: f64,
    /// How often the system took a processor away from a thread.
    pub(super) preempted: u64,
    /// Milliseconds of each run, block by block.
    pub(super) samples_ms: Vec<Vec<f64>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ModelReport {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) sha256: String,
    pub(super) bytes: u64,
    pub(super) architecture: Option<String>,
    pub(super) weights: Option<String>,
    /// Of one image.
    pub(super) multiply_adds: Option<u64>,
}

/// Everything that a report is made of.
pub(super) struct Rows<'a> {
    pub(super) variants: &'a [Row<'a>],
    pub(super) products: &'a [(&'a Candidate, &'a Measured)],
    pub(super) plan: Plan,
    pub(super) machine: &'a Machine,
    pub(super) moments: [Moment; 2],
}

impl Document {
    pub(super) fn new(args: &Args, measured: &Rows<'_>) -> anyhow::Result<Self> {
        let Rows { variants: rows, products, plan, machine, moments: [before, after] } = measured;
        let peaks = products
            .iter()
            .map(|(candidate, measured)| peak(candidate, measured))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let mut firsts = HashMap::new();
        let mut variants = Vec::with_capacity(rows.len());
        for row in *rows {
            let first = *firsts.entry(group(row)).or_insert(row.measured);
            variants.push(VariantReport::new(row, &peaks, first)?);
        }
        let mut not_controlled = uncontrolled(machine, before, after);
        let preempted: u64 = rows.iter().map(|row| row.measured.preempted).sum();
        if preempted > 0 {
            not_controlled
                .push(format!("scheduling: the system took a processor away from a measured thread {preempted} times"));
        }
        if args.no_pin {
            not_controlled.push("threads: they were free to move between processors (--no-pin)".to_owned());
        }
        let restless = rows.iter().filter(|row| !row.warm_up.steady).count();
        if restless > 0 {
            not_controlled
                .push(format!("warm-up: {restless} variants were not steady when it ended (--warm-up SECONDS)"));
        }
        Ok(Self {
            machine: (*machine).clone(),
            method: Method {
                rounds: plan.rounds,
                block_seconds: plan.block,
                order: "all variants in each round, in an order that changes from round to round; the first run of a block does not count".to_owned(),
                clock: "monotonic, in the process of the runtime, around the run alone".to_owned(),
            },
            not_controlled,
            peaks,
            variants,
            baseline: None,
        })
    }

    /// Says of each variant whether it is faster or slower than it was.
    pub(super) fn compare(&mut self, baseline: &Baseline, threshold: f64) -> Result<(), Failure> {
        self.baseline = Some(baseline.compare(self, threshold)?);
        Ok(())
    }

    /// How the command ends.
    pub(super) fn verdict(&self) -> anyhow::Result<()> {
        let slower: Vec<&str> = self
            .baseline
            .iter()
            .flatten()
            .filter(|comparison| comparison.is_slower())
            .map(|comparison| comparison.variant.as_str())
            .collect();
        if slower.is_empty() {
            Ok(())
        } else {
            Err(Failure::check(format!("slower than before: {}", slower.join(", "))).into())
        }
    }

    /// Whether several models were measured.
    pub(super) fn has_several_models(&self) -> bool {
        self.variants.iter().any(|variant| variant.model.name != self.variants[0].model.name)
    }
}

/// What variants have in common that are compared with each other. Several models in one run are compared too.
fn group(row: &Row<'_>) -> (usize, usize, &'static str, u64) {
    let variant = &row.candidate.variant;
    let demand = match variant.scenario {
        Scenario::Server(Demand::Rate(demand) | Demand::Share(demand)) => demand.to_bits(),
        Scenario::Latency | Scenario::Throughput => 0,
    };
    (variant.images, variant.load.settings.thread_count(), variant.scenario.name(), demand)
}

fn peak(candidate: &Candidate, measured: &Measured) -> anyhow::Result<Peak> {
    let times = describe(&measured.times)?;
    let settings = &candidate.variant.load.settings;
    Ok(Peak {
        runtime: candidate.variant.load.runtime.name().to_owned(),
        threads: settings.thread_count(),
        cpus: settings.cpus.clone(),
        multiply_adds_per_second: Product::MULTIPLY_ADDS as f64 / (times.median.value * 1e-3),
        times_ms: times,
    })
}

fn describe(times: &Blocks) -> Result<Description, Failure> {
    Description::of(times).ok_or_else(|| Failure::failed("no run was measured"))
}

impl VariantReport {
    fn new(row: &Row<'_>, peaks: &[Peak], first: &Measured) -> anyhow::Result<Self> {
        let Row { model, candidate, checked, warm_up, measured } = row;
        let variant = &candidate.variant;
        let settings = &variant.load.settings;
        let times = describe(&measured.times)?;
        let images = variant.images as f64;
        let rate = |ms: f64| images * 1e3 / ms;
        let images_per_second = match variant.scenario {
            Scenario::Latency => Interval {
                value: rate(times.mean.value),
                interval: times.mean.interval.map(|[low, high]| [rate(high), rate(low)]),
            },
            Scenario::Throughput | Scenario::Server(_) => {
                measured.rate().map(Interval::from).ok_or_else(|| Failure::failed("no round was measured"))?
            }
        };
        let per_run = model.multiply_adds.map(|madds| madds as f64 * images);
        let multiply_adds_per_second = per_run.map(|madds| match variant.scenario {
            Scenario::Latency => madds / (times.median.value * 1e-3),
            Scenario::Throughput | Scenario::Server(_) => madds / images * images_per_second.value,
        });
        let own = |peak: &&Peak| {
            let on_device = variant.load.runtime.has_own_memory();
            peak.threads == settings.thread_count()
                && peak.cpus == settings.cpus
                && (!on_device || peak.runtime == variant.load.runtime.name())
        };
        let peak = peaks.iter().find(own);
        let ratio = measured.times.ratio_of_medians(&first.times, Pairing::Rounds).map(Interval::from);
        Ok(Self {
            model: ModelReport {
                name: model.name.clone(),
                file: model.file.path.display().to_string(),
                sha256: model.sha256.clone(),
                bytes: model.bytes,
                architecture: model.network.as_ref().map(|(architecture, _)| architecture.clone()),
                weights: model.network.as_ref().map(|(_, weights)| weights.clone()),
                multiply_adds: model.multiply_adds,
            },
            runtime: variant.load.runtime.name().to_owned(),
            build: candidate.build.clone(),
            precision: settings.precision.name().to_owned(),
            inputs: variant.load.inputs.clone(),
            batch: variant.images,
            threads: settings.thread_count(),
            cpus: settings.cpus.clone(),
            streams: candidate.streams(),
            scenario: match variant.scenario {
                Scenario::Server(demand) => Scenario::Server(Demand::Rate(candidate.demanded(demand))),
                other => other,
            },
            load_seconds: candidate.load_time.as_secs_f64(),
            first_run_ms: candidate.first_run.as_secs_f64() * 1e3,
            warm_up: *warm_up,
            check: checked.clone(),
            placement: candidate.placement.clone(),
            operators: Vec::new(),
            share_of_peak: multiply_adds_per_second
                .zip(peak)
                .map(|(madds, peak)| madds / peak.multiply_adds_per_second),
            multiply_adds_per_second,
            times_ms: times,
            images_per_second,
            // The first compared with itself says nothing.
            ratio: ratio.filter(|_| !std::ptr::eq(first, *measured)),
            processors_busy: measured.processors.iter().sum::<f64>() / measured.processors.len().max(1) as f64,
            preempted: measured.preempted,
            samples_ms: measured.times.blocks().to_vec(),
        })
    }

    /// What it is, in a few words.
    pub(super) fn label(&self, with_model: bool) -> String {
        let mut words = vec![self.runtime.clone()];
        if with_model {
            words.insert(0, self.model.name.clone());
        }
        if self.precision != "f32" {
            words.push(self.precision.clone());
        }
        words.push(format!("batch {}", self.batch));
        words.push(units::counted(self.threads, "thread"));
        if let Scenario::Server(Demand::Rate(rate)) = self.scenario {
            words.push(format!("{rate:.3} requests/s"));
        }
        words.join(", ")
    }
}
