//! What is said of a written file, for people and as JSON.

use std::path::PathBuf;
use std::time::Duration;

use bossnas_converter::onnx::Options;
use bossnas_hub::cache::Trust;
use bossnas_model::pass::Pass;
use bossnas_report::{Exit, Failure, units};
use bossnas_zoo::export::Exported;
use bossnas_zoo::verify::TOLERANCE;
use serde::Serialize;

use crate::cli::context::Context;

#[derive(Serialize)]
pub(super) struct FileReport {
    pub(super) path: PathBuf,
    pub(super) format: &'static str,
    pub(super) name: Option<String>,
    pub(super) arch: String,
    pub(super) bytes: u64,
    pub(super) weights: WeightsReport,
    #[serde(flatten)]
    pub(super) onnx: Option<OnnxReport>,
    /// What one number of its output is called.
    #[serde(skip)]
    pub(super) output: &'static str,
    pub(super) seconds: f64,
}

#[derive(Serialize)]
pub(super) struct WeightsReport {
    /// In words: a state dict, or that the network is untrained.
    pub(super) source: String,
    pub(super) trained: bool,
    pub(super) state_dict: Option<String>,
    pub(super) seed: Option<u64>,
    /// Of a search's supernet: the side that they are of. They were not retrained.
    pub(super) supernet_side: Option<&'static str>,
    pub(super) sha256: Option<String>,
    /// Of weights that were fetched: why they are believed to be the right ones.
    pub(super) trust: Option<Trust>,
    /// Whether nobody knows if they are.
    pub(super) unconfirmed: bool,
}

#[derive(Serialize)]
pub(super) struct OnnxReport {
    pub(super) size: [usize; 2],
    pub(super) batch: Option<usize>,
    pub(super) opset: u8,
    pub(super) nodes: usize,
    pub(super) passes: Vec<&'static str>,
    pub(super) verification: Option<Verification>,
}

#[derive(Serialize)]
pub(super) struct Verification {
    pub(super) passed: bool,
    /// In units of the largest reference output.
    pub(super) error: f64,
    pub(super) tolerance: f64,
    pub(super) images: usize,
    pub(super) first_difference: Option<String>,
}

impl OnnxReport {
    pub(super) fn new(exported: &Exported, options: Options, passes: &[Pass]) -> Self {
        let verification = exported.verdict.as_ref().map(|verdict| Verification {
            passed: verdict.passed,
            error: verdict.error,
            tolerance: TOLERANCE,
            images: verdict.images,
            first_difference: verdict.first_difference.as_ref().map(|difference| difference.value.clone()),
        });
        let passes = passes.iter().map(|pass| pass.name()).collect();
        Self {
            size: options.size,
            batch: options.batch.fixed(),
            opset: options.opset,
            nodes: exported.written.nodes,
            passes,
            verification,
        }
    }
}

impl FileReport {
    pub(super) fn print(&self, context: &Context) -> anyhow::Result<()> {
        let style = context.console.style();
        let line =
            |label: &str, text: String| context.console.line(format!("  {}  {text}", style.dim(format!("{label:8}"))));
        context.console.line(style.bold(self.name.as_deref().unwrap_or(&self.arch)))?;
        if self.name.is_some() {
            line("network", self.arch.clone())?;
        }
        line("weights", self.weights.source.clone())?;
        if let Some(trust) = self.weights.trust.filter(|_| self.weights.unconfirmed) {
            line("trust", style.yellow(trust.explain()))?;
        }
        let time = units::duration(Duration::from_secs_f64(self.seconds));
        let path = bossnas_report::escape(&self.path.display().to_string()).into_owned();
        line("file", format!("{path}, {}, {time}", units::bytes(self.bytes)))?;
        let Some(onnx) = &self.onnx else { return Ok(()) };
        let [height, width] = onnx.size;
        let batch = onnx.batch.map_or_else(|| "any batch".to_owned(), |n| format!("batch {n}"));
        line("graph", format!("{} nodes, opset {}, input {height}x{width}, {batch}", onnx.nodes, onnx.opset))?;
        let verified = match &onnx.verification {
            None => style.yellow("not verified"),
            Some(verification) => {
                let images = if verification.images == 1 { "image" } else { "images" };
                let word = if verification.passed { style.green("verified") } else { style.red("wrong") };
                format!(
                    "{word} in tract against float64: off by {:.1e} of the largest {}, {:.0e} is allowed ({} {images})",
                    verification.error, self.output, verification.tolerance, verification.images
                )
            }
        };
        line("check", verified)
    }

    pub(super) fn failure(&self) -> Option<Failure> {
        let verification = self.onnx.as_ref()?.verification.as_ref().filter(|verification| !verification.passed)?;
        let place = verification.first_difference.as_ref().map_or_else(String::new, |v| format!(", first in `{v}`"));
        let message = format!(
            "the file computes something else than {}: off by {:.1e} of the largest {}{place}",
            self.name.as_deref().unwrap_or(&self.arch),
            verification.error,
            self.output
        );
        Some(Failure::new(Exit::CheckFailed, message).hint(format!("it was kept as `{}`", self.path.display())))
    }
}
