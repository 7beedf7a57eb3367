//! One file to write: where it goes, which weights it holds, and the writing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bossnas_converter::checkpoint::{Choice, write_safetensors};
use bossnas_converter::onnx::{Options, Source};
use bossnas_model::arch::Architecture;
use bossnas_model::pass::Pass;
use bossnas_model::weights::{Cut, Weights};
use bossnas_report::Failure;
use bossnas_zoo::export::{ExportError, Job, export};
use bossnas_zoo::verify::VerifyError;

use super::Args;
use super::report::{FileReport, OnnxReport, WeightsReport};
use crate::cli::model;
use crate::cli::size::Size;
use crate::cli::stored::Stored;
use crate::cli::subject::{Origin, Subject};

/// One file to write.
pub(super) struct Plan<'a> {
    subject: &'a Subject,
    size: Size,
    pub(super) target: PathBuf,
}

impl<'a> Plan<'a> {
    pub(super) fn new(args: &Args, subject: &'a Subject, count: usize) -> anyhow::Result<Self> {
        let size = args.size.unwrap_or(subject.size);
        model::check_size(&subject.net, &subject.title(), size)?;
        if subject.checkpoint.is_some() && args.checkpoint.is_some() {
            let message = "a checkpoint as MODEL and --checkpoint exclude each other";
            return Err(Failure::usage(message).hint("give the network as MODEL").into());
        }
        let name = if args.safetensors {
            format!("{}.safetensors", subject.slug())
        } else {
            subject.onnx_name(size, args.batch)
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

    pub(super) fn carry_out(&self, args: &Args, choice: Choice) -> anyhow::Result<FileReport> {
        let subject = self.subject;
        let given = args.checkpoint.as_deref().or(subject.checkpoint.as_deref());
        let origin = subject.origin(given, choice, args.seed)?;
        let mut report = if args.safetensors { self.safetensors(&origin) } else { self.onnx(args, &origin) }?;
        report.weights.trust = origin.stored.map(Stored::trust);
        report.weights.unconfirmed = origin.stored.is_some_and(|stored| stored.unconfirmed().is_some());
        Ok(report)
    }

    fn onnx(&self, args: &Args, origin: &Origin<'_>) -> anyhow::Result<FileReport> {
        let passes = if args.no_fold { &Pass::INFERENCE[..1] } else { &Pass::INFERENCE[..] };
        let metadata = self.subject.metadata(self.size, passes, origin);
        let options = Options { opset: args.opset, batch: args.batch, size: self.size.into() };
        let job = Job { weights: origin.weights.clone(), metadata: &metadata, options, verify: !args.no_verify };
        let exported = export(&job, &self.target).map_err(|error| match error {
            ExportError::Verify(VerifyError::TooLarge(_)) => {
                Failure::failed(error.to_string()).hint("a smaller --size or --batch, or --no-verify").into()
            }
            error => anyhow::Error::from(error),
        })?;
        let mut report = self.report("onnx", &metadata.source, exported.written.bytes, exported.time);
        report.path.clone_from(&exported.path);
        report.weights.sha256 = Some(exported.written.weights_digest.to_string());
        report.onnx = Some(OnnxReport::new(&exported, options, passes));
        Ok(report)
    }

    fn safetensors(&self, origin: &Origin<'_>) -> anyhow::Result<FileReport> {
        let start = Instant::now();
        let notes = self.subject.notes(origin).entries();
        let weights = Cut::new(origin.weights.clone(), &self.subject.net.graph()?);
        write_safetensors(&self.target, &weights, &weights.names(), &notes)?;
        let bytes = std::fs::metadata(&self.target).map_or(0, |meta| meta.len());
        Ok(self.report("safetensors", &origin.source, bytes, start.elapsed()))
    }

    fn report(&self, format: &'static str, source: &Source, bytes: u64, time: Duration) -> FileReport {
        let (state_dict, seed, side) = match source {
            Source::StateDict(name) => (Some(name.clone()), None, None),
            Source::Untrained { seed } => (None, Some(*seed), None),
            Source::Supernet(side) => (None, None, Some(side.as_str())),
        };
        let output = match self.subject.net {
            Architecture::BossNet(_) => "logit",
            Architecture::Search(_) => "feature",
        };
        FileReport {
            path: self.target.clone(),
            format,
            name: self.subject.name.clone(),
            arch: self.subject.net.to_string(),
            bytes,
            weights: WeightsReport {
                source: source.to_string(),
                trained: seed.is_none(),
                state_dict,
                seed,
                supernet_side: side,
                sha256: None,
                trust: None,
                unconfirmed: false,
            },
            onnx: None,
            output,
            seconds: time.as_secs_f64(),
        }
    }
}
