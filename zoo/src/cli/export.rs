//! `export`: networks become ONNX or safetensors files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bossnas_converter::checkpoint::{Choice, write_safetensors};
use bossnas_converter::onnx::{Batch, DEFAULT_OPSET, MAX_OPSET, MIN_OPSET, Metadata, Options, Source};
use bossnas_model::init::Initial;
use bossnas_model::pass::Pass;
use bossnas_model::preprocess::Preprocessing;
use bossnas_model::weights::{SharedWeights, Weights};
use bossnas_report::{Exit, Failure, units};
use bossnas_zoo::export::{ExportError, Exported, Job, export};
use bossnas_zoo::labels;
use bossnas_zoo::verify::{TOLERANCE, VerifyError};
use clap::ValueEnum;
use serde::Serialize;

use super::context::Context;
use super::model;
use super::notes::Notes;
use super::size::Size;
use super::subject::Subject;

/// Write networks as ONNX files, verified
///
/// The weights come from a checkpoint (.pth, .pt or .safetensors), or from a seed, and then the network is untrained.
/// Batch norms and the scale of attention are folded into the weights. Before a file gets its name it is loaded by tract
/// and compared with a float64 evaluation of the network; one that differs is kept as NAME.rejected.onnx and the command
/// ends with exit code 3.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "Examples:
  bossnas-zoo export BossNet-T0 --checkpoint BossNet-T0-80_8.pth
  bossnas-zoo export T0 T0@288 --checkpoint BossNet-T0-80_8.pth -o models/
  bossnas-zoo export BossNet-T1 --checkpoint t1.pth --state-dict model --size 256x320 --batch 8 --opset 18
  bossnas-zoo export bossnet:1/0/1/0+silu+se+base=16+classes=10 --seed 7 -o tiny.onnx
  bossnas-zoo export BossNet-T0 --checkpoint BossNet-T0-80_8.pth --safetensors

A file is called <name>-<height>x<width>-b<batch>.onnx unless -o names it.")]
pub(crate) struct Args {
    /// Names from `bossnas-zoo list`, architectures, arch.json files or checkpoints
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    /// Take the weights from this file; without MODEL its network is recognised
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Which weights of a training checkpoint
    #[arg(
        long,
        value_name = "WHICH",
        default_value = "auto",
        help = "Which weights of a training checkpoint: auto takes model_ema where there is one"
    )]
    state_dict: StateDictArg,
    /// Write ONNX (what happens without any of the two)
    #[arg(long, conflicts_with = "safetensors")]
    onnx: bool,
    /// Write the state dict as safetensors instead, nothing folded
    #[arg(long, conflicts_with_all = ["size", "batch", "opset", "no_fold", "no_verify"])]
    safetensors: bool,
    /// File to write; a folder when it is one, ends in a slash, or there are several MODELs
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Size of the input [default: the published one, else 224]
    #[arg(long, value_name = "N|HxW")]
    size: Option<Size>,
    /// Images at a time: a number, or dynamic for any
    #[arg(long, value_name = "N|dynamic", default_value = "dynamic", value_parser = parse_batch)]
    batch: Batch,
    /// ONNX operator set, 13 to 21
    #[arg(long, value_name = "N", default_value_t = DEFAULT_OPSET,
          value_parser = clap::value_parser!(u8).range(i64::from(MIN_OPSET)..=i64::from(MAX_OPSET)))]
    opset: u8,
    /// Keep batch norms and the attention scale as nodes of their own
    #[arg(long)]
    no_fold: bool,
    /// Do not compare the file with the float64 evaluation
    #[arg(long)]
    no_verify: bool,
    /// Seed of the weights when there is no checkpoint
    #[arg(long, value_name = "N", default_value_t = 0, conflicts_with = "checkpoint")]
    seed: u64,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateDictArg {
    Auto,
    #[value(name = "model_ema")]
    ModelEma,
    Model,
}

impl From<StateDictArg> for Choice {
    fn from(argument: StateDictArg) -> Self {
        match argument {
            StateDictArg::Auto => Self::Auto,
            StateDictArg::ModelEma => Self::ModelEma,
            StateDictArg::Model => Self::Model,
        }
    }
}

/// Largest batch of a file.
const MAX_BATCH: usize = 4096;

fn parse_batch(text: &str) -> Result<Batch, String> {
    if text == "dynamic" {
        return Ok(Batch::Dynamic);
    }
    let batch = text.parse().ok().filter(|batch| (1..=MAX_BATCH).contains(batch));
    batch.map(Batch::Fixed).ok_or_else(|| format!("expected `dynamic` or a number from 1 to {MAX_BATCH}"))
}

#[derive(Serialize)]
struct Document {
    files: Vec<FileReport>,
}

#[derive(Serialize)]
struct FileReport {
    path: PathBuf,
    format: &'static str,
    name: Option<String>,
    arch: String,
    bytes: u64,
    weights: WeightsReport,
    #[serde(flatten)]
    onnx: Option<OnnxReport>,
    seconds: f64,
}

#[derive(Serialize)]
struct WeightsReport {
    /// In words: a state dict, or that the network is untrained.
    source: String,
    trained: bool,
    state_dict: Option<String>,
    seed: Option<u64>,
    sha256: Option<String>,
}

#[derive(Serialize)]
struct OnnxReport {
    size: [usize; 2],
    batch: Option<usize>,
    opset: u8,
    nodes: usize,
    passes: Vec<&'static str>,
    verification: Option<Verification>,
}

#[derive(Serialize)]
struct Verification {
    passed: bool,
    /// In units of the largest reference output.
    error: f64,
    tolerance: f64,
    images: usize,
    first_difference: Option<String>,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let registry = context.registry()?;
    let choice = Choice::from(args.state_dict);
    let subjects = match (args.models.as_slice(), &args.checkpoint) {
        ([], None) => {
            return Err(Failure::usage("nothing to export: no MODEL and no --checkpoint")
                .hint("`bossnas-zoo export BossNet-T0 --checkpoint FILE`, or `bossnas-zoo list` for the names")
                .into());
        }
        ([], Some(path)) => vec![Subject::of_checkpoint(&registry, path, choice)?],
        (models, _) => models
            .iter()
            .map(|text| Subject::find(&registry, text, choice))
            .collect::<anyhow::Result<Vec<Subject>>>()?,
    };
    for line in subjects.iter().flat_map(|subject| &subject.assumed) {
        context.console.note(line);
    }
    let plans =
        subjects.iter().map(|subject| Plan::new(args, subject, subjects.len())).collect::<Result<Vec<_>, _>>()?;
    if let Some(twice) = plans.iter().enumerate().find(|(i, plan)| plans[..*i].iter().any(|p| p.target == plan.target))
    {
        return Err(Failure::usage(format!("two files would be called `{}`", twice.1.target.display())).into());
    }
    let mut document = Document { files: Vec::new() };
    let mut rejected = None;
    for plan in plans {
        let report = plan.carry_out(args, choice)?;
        if !args.json {
            report.print(context)?;
        }
        if let Some(failure) = report.failure() {
            rejected.get_or_insert(failure);
        }
        document.files.push(report);
    }
    if args.json {
        context.console.json("export", &document)?;
    }
    rejected.map_or(Ok(()), |failure| Err(failure.into()))
}

/// One file to write.
struct Plan<'a> {
    subject: &'a Subject,
    size: Size,
    target: PathBuf,
}

impl<'a> Plan<'a> {
    fn new(args: &Args, subject: &'a Subject, count: usize) -> anyhow::Result<Self> {
        let size = args.size.unwrap_or(subject.size);
        model::check_size(&subject.net, &subject.title(), size)?;
        if subject.checkpoint.is_some() && args.checkpoint.is_some() {
            let message = "a checkpoint as MODEL and --checkpoint exclude each other";
            return Err(Failure::usage(message).hint("give the network as MODEL").into());
        }
        let name = if args.safetensors {
            format!("{}.safetensors", subject.slug())
        } else {
            let batch = match args.batch {
                Batch::Dynamic => "dyn".to_owned(),
                Batch::Fixed(n) => n.to_string(),
            };
            format!("{}-{size}-b{batch}.onnx", subject.slug())
        };
        let target = match &args.output {
            None => PathBuf::from(name),
            Some(path) if count > 1 || path.is_dir() || path.to_string_lossy().ends_with(['/', '\\']) => {
                std::fs::create_dir_all(path)
                    .with_context(|| format!("cannot make the folder `{}`", path.display()))?;
                path.join(name)
            }
            Some(path) => path.clone(),
        };
        Ok(Self { subject, size, target })
    }

    fn carry_out(&self, args: &Args, choice: Choice) -> anyhow::Result<FileReport> {
        let subject = self.subject;
        let (weights, source): (SharedWeights, Source) =
            match args.checkpoint.as_deref().or(subject.checkpoint.as_deref()) {
                Some(path) => {
                    let (weights, source) = subject.weights(path, choice)?;
                    (Arc::new(weights), source)
                }
                None => {
                    (Arc::new(Initial::new(&subject.net.graph(), args.seed)), Source::Untrained { seed: args.seed })
                }
            };
        if args.safetensors { self.safetensors(&*weights, &source) } else { self.onnx(args, weights, source) }
    }

    fn onnx(&self, args: &Args, weights: SharedWeights, source: Source) -> anyhow::Result<FileReport> {
        // Weights from a seed are nobody's work.
        let trained = matches!(source, Source::StateDict(_));
        let passes = if args.no_fold { &Pass::INFERENCE[..1] } else { &Pass::INFERENCE[..] };
        let metadata = Metadata {
            architecture: self.subject.net.clone(),
            model: self.subject.name.clone(),
            passes: passes.to_vec(),
            source,
            preprocessing: Preprocessing::published(self.size.into()),
            // Only of registered networks it is known what they were trained on.
            labels: if self.subject.name.is_some() { labels::imagenet() } else { Vec::new() },
            licence: self.subject.licence.clone().filter(|_| trained),
        };
        let options = Options { opset: args.opset, batch: args.batch, size: self.size.into() };
        let job = Job { weights, metadata: &metadata, options, verify: !args.no_verify };
        let exported = export(&job, &self.target).map_err(|error| match error {
            ExportError::Verify(VerifyError::TooLarge { .. }) => {
                Failure::failed(error.to_string()).hint("a smaller --size, or --no-verify").into()
            }
            error => anyhow::Error::from(error),
        })?;
        let mut report = self.report("onnx", &metadata.source, exported.written.bytes, exported.time);
        report.path.clone_from(&exported.path);
        report.weights.sha256 = Some(exported.written.weights_digest.to_string());
        report.onnx = Some(OnnxReport::new(&exported, options, passes));
        Ok(report)
    }

    fn safetensors(&self, weights: &dyn Weights, source: &Source) -> anyhow::Result<FileReport> {
        let start = std::time::Instant::now();
        let notes = Notes::entries(&self.subject.net, source);
        write_safetensors(&self.target, weights, &weights.names(), &notes)?;
        let bytes = std::fs::metadata(&self.target).map_or(0, |meta| meta.len());
        Ok(self.report("safetensors", source, bytes, start.elapsed()))
    }

    fn report(&self, format: &'static str, source: &Source, bytes: u64, time: Duration) -> FileReport {
        let (state_dict, seed) = match source {
            Source::StateDict(name) => (Some(name.clone()), None),
            Source::Untrained { seed } => (None, Some(*seed)),
        };
        FileReport {
            path: self.target.clone(),
            format,
            name: self.subject.name.clone(),
            arch: self.subject.net.to_string(),
            bytes,
            weights: WeightsReport {
                source: source.to_string(),
                trained: state_dict.is_some(),
                state_dict,
                seed,
                sha256: None,
            },
            onnx: None,
            seconds: time.as_secs_f64(),
        }
    }
}

impl OnnxReport {
    fn new(exported: &Exported, options: Options, passes: &[Pass]) -> Self {
        let verification = exported.verdict.as_ref().map(|verdict| Verification {
            passed: verdict.passed,
            error: verdict.error,
            tolerance: TOLERANCE,
            images: verdict.images,
            first_difference: verdict.first_difference.as_ref().map(|difference| difference.value.clone()),
        });
        let batch = match options.batch {
            Batch::Dynamic => None,
            Batch::Fixed(n) => Some(n),
        };
        let passes = passes.iter().map(|pass| pass.name()).collect();
        Self { size: options.size, batch, opset: options.opset, nodes: exported.written.nodes, passes, verification }
    }
}

impl FileReport {
    fn print(&self, context: &Context) -> anyhow::Result<()> {
        let style = context.console.style();
        let line =
            |label: &str, text: String| context.console.line(format!("  {}  {text}", style.dim(format!("{label:8}"))));
        context.console.line(style.bold(self.name.as_deref().unwrap_or(&self.arch)))?;
        if self.name.is_some() {
            line("network", self.arch.clone())?;
        }
        line("weights", self.weights.source.clone())?;
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
                    "{word} in tract against float64: off by {:.1e} of the largest logit, {:.0e} is allowed ({} {images})",
                    verification.error, verification.tolerance, verification.images
                )
            }
        };
        line("check", verified)
    }

    fn failure(&self) -> Option<Failure> {
        let verification = self.onnx.as_ref()?.verification.as_ref().filter(|verification| !verification.passed)?;
        let place = verification.first_difference.as_ref().map_or_else(String::new, |v| format!(", first in `{v}`"));
        let message = format!(
            "the file computes something else than {}: off by {:.1e} of the largest logit{place}",
            self.name.as_deref().unwrap_or(&self.arch),
            verification.error
        );
        Some(Failure::new(Exit::CheckFailed, message).hint(format!("it was kept as `{}`", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_a_number_or_dynamic() {
        assert_eq!(parse_batch("dynamic"), Ok(Batch::Dynamic));
        assert_eq!(parse_batch("8"), Ok(Batch::Fixed(8)));
        for bad in ["0", "-1", "4097", "dyn", ""] {
            assert!(parse_batch(bad).is_err(), "{bad}");
        }
    }
}
