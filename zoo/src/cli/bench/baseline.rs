//! Faster or slower than before?

use std::path::{Path, PathBuf};

use bossnas_files::SourceFile;
use bossnas_report::Failure;
use bossnas_report::statistics::{Blocks, Pairing};
use bossnas_zoo::bench::Scenario;
use serde::{Deserialize, Serialize};

use super::document::{Document, Peak, VariantReport};

/// Largest report that is read.
const MAX_BYTES: u64 = 256 << 20;
const SCHEMA: &str = "bossnas-zoo/bench/1";

/// A report that was written before.
pub(super) struct Baseline {
    path: PathBuf,
    document: Document,
}

/// What became of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Faster,
    Slower,
    /// The interval holds changes that are too small to matter, or it is wide.
    Undecided,
}

/// A variant beside what it was before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Comparison {
    pub(super) variant: String,
    pub(super) verdict: Verdict,
    /// The median now in units of the median then.
    pub(super) ratio: f64,
    /// Its 95 % interval, widened by what the machine itself changed.
    pub(super) interval: Option<[f64; 2]>,
    /// The time of the product of matrices now in units of its time then.
    pub(super) machine: Option<f64>,
    /// Whether the file is another one.
    pub(super) other_file: bool,
}

impl Comparison {
    pub(super) fn is_slower(&self) -> bool {
        self.verdict == Verdict::Slower
    }
}

impl Baseline {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            schema: String,
        }
        let source = SourceFile::open(path)?;
        let refused = |reason: String| {
            Failure::failed(format!("`{}` is no report of `bench`: {reason}", path.display()))
                .hint("`bossnas-zoo bench MODEL --json FILE.json` writes one")
        };
        if source.len() > MAX_BYTES {
            return Err(refused("it is too large".to_owned()).into());
        }
        let bytes = source.read_at(0, source.len())?;
        let head: Head = serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
        if head.schema != SCHEMA {
            return Err(refused(format!("its schema is `{}`, not `{SCHEMA}`", head.schema)).into());
        }
        let document: Document = serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
        let bad = |variant: &VariantReport| variant.samples_ms.iter().flatten().any(|&ms| !ms.is_finite() || ms <= 0.0);
        if document.variants.iter().any(bad) {
            return Err(refused("it holds times that are none".to_owned()).into());
        }
        Ok(Self { path: path.to_owned(), document })
    }

    /// Every variant of `now` that was measured then too.
    pub(super) fn compare(&self, now: &Document, threshold: f64) -> Result<Vec<Comparison>, Failure> {
        let then = &self.document;
        if then.machine.processor != now.machine.processor {
            let message = format!(
                "`{}` was measured on another machine ({}): what changed is not the model",
                self.path.display(),
                then.machine.processor
            );
            return Err(Failure::failed(message).hint("a baseline of this machine is needed"));
        }
        let with_model = now.has_several_models() || then.has_several_models();
        let found = now.variants.iter().filter_map(|variant| {
            let before = then.variants.iter().find(|before| is_same(before, variant, with_model))?;
            Some(compare(variant, before, drift(variant, now, then), threshold, now.has_several_models()))
        });
        let found: Vec<Comparison> = found.collect();
        if found.is_empty() {
            let message = format!("`{}` has none of the variants that were measured", self.path.display());
            return Err(Failure::usage(message).hint("the same models, providers, batches, threads and scenario"));
        }
        Ok(found)
    }
}

fn is_same(a: &VariantReport, b: &VariantReport, with_model: bool) -> bool {
    let key = |variant: &VariantReport| {
        let demand = match variant.scenario {
            Scenario::Latency | Scenario::Throughput => None,
            Scenario::Server(demand) => Some(demand),
        };
        (
            variant.runtime.clone(),
            variant.precision.clone(),
            variant.batch,
            variant.threads,
            variant.cpus.is_empty(),
            variant.scenario.name(),
            demand,
        )
    };
    (!with_model || a.model.name == b.model.name) && key(a) == key(b)
}

/// How much slower the machine itself became, by the product of matrices on the same threads.
fn drift(variant: &VariantReport, now: &Document, then: &Document) -> Option<f64> {
    let peak = |document: &Document| {
        let same = |peak: &&Peak| peak.threads == variant.threads && peak.cpus == variant.cpus;
        document.peaks.iter().find(same).map(|peak| (peak.runtime.clone(), peak.times_ms.median.value))
    };
    let ((runtime, before), (same, after)) = (peak(then)?, peak(now)?);
    (runtime == same).then_some(after / before)
}

fn compare(
    now: &VariantReport,
    then: &VariantReport,
    machine: Option<f64>,
    threshold: f64,
    with_model: bool,
) -> Comparison {
    let blocks = |variant: &VariantReport| Blocks::new(variant.samples_ms.clone());
    let estimate = blocks(now).ratio_of_medians(&blocks(then), Pairing::Apart);
    // What the machine itself became slower or faster is no news of the model, and no proof against it either.
    let drift = machine.unwrap_or(1.0);
    let interval = estimate
        .and_then(|estimate| estimate.interval)
        .map(|[low, high]| [low / drift.max(1.0), high / drift.min(1.0)]);
    let verdict = match interval {
        Some([low, _]) if low > 1.0 + threshold => Verdict::Slower,
        Some([_, high]) if high < 1.0 / (1.0 + threshold) => Verdict::Faster,
        Some(_) | None => Verdict::Undecided,
    };
    Comparison {
        variant: now.label(with_model),
        verdict,
        ratio: estimate.map_or(f64::NAN, |estimate| estimate.value),
        interval,
        machine,
        other_file: now.model.sha256 != then.model.sha256,
    }
}
