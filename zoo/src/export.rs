//! From an architecture and weights to a verified ONNX file.
//!
//! The reference is computed while the file is written; the file is loaded from where it was written before it gets its
//! name. A file that fails is kept as `NAME.rejected.onnx`, never under its own name.
//!
//! Untrained residual branches end in a factor of 0, so a comparison of outputs says nothing about what is in them. An
//! untrained export is therefore verified twice: the file itself, and a twin that is the same but for those factors.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bossnas_converter::onnx::{self, Metadata, OnnxError, Options, Source, Written};
use bossnas_files::{AtomicFile, WriteError};
use bossnas_model::graph::Graph;
use bossnas_model::init::Initial;
use bossnas_model::pass;
use bossnas_model::weights::{Cut, SharedWeights};

use crate::verify::{self, Reference, Verdict, VerifyError};

/// What to export.
pub struct Job<'a> {
    /// The weights of the architecture that the metadata name, before any pass. Of a path, those of its layers may be as
    /// wide as the supernet's.
    pub weights: SharedWeights,
    /// What the file says about itself; its passes are carried out.
    pub metadata: &'a Metadata,
    /// Operator set, batch and size.
    pub options: Options,
    /// Whether the file is verified before it gets its name.
    pub verify: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Exported {
    /// Where the file is: as asked for, or the rejected one.
    pub path: PathBuf,
    /// What was written.
    pub written: Written,
    /// The verification, unless it was not wanted.
    pub verdict: Option<Verdict>,
    /// Time of everything.
    pub time: Duration,
}

impl Exported {
    /// Whether the verification found a difference.
    pub fn is_rejected(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| !verdict.passed)
    }
}

/// Why an export failed. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file could not be made.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The verification could not be carried out.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

/// Exports to `target`.
pub fn export(job: &Job<'_>, target: &Path) -> Result<Exported, ExportError> {
    let start = Instant::now();
    let graph = job.metadata.architecture.graph().map_err(OnnxError::from)?;
    if job.verify {
        verify::check_size(&graph, job.options.batch, job.options.size)?;
    }
    let mut file = AtomicFile::create(target)?;
    let (written, mut verdict) = write_and_verify(job, &graph, &mut file)?;
    if let (Some(outcome), Source::Untrained { seed }) = (&verdict, &job.metadata.source)
        && outcome.passed
    {
        let twin = Job { weights: Arc::new(Initial::with_open_branches(&graph, *seed)), ..*job };
        let (_, outcome) = write_and_verify(&twin, &graph, &mut AtomicFile::create(target)?)?;
        verdict = outcome.map(|outcome| outcome.or_worse(verdict));
    }
    let path = match &verdict {
        Some(verdict) if !verdict.passed => rejected(target),
        _ => target.to_owned(),
    };
    file.commit_as(&path)?;
    Ok(Exported { path, written, verdict, time: start.elapsed() })
}

/// Writes the file while the reference is computed, then compares the two.
fn write_and_verify(
    job: &Job<'_>,
    graph: &Graph,
    file: &mut AtomicFile,
) -> Result<(Written, Option<Verdict>), ExportError> {
    let Options { batch, size, .. } = job.options;
    let weights = used(job, graph);
    let (written, reference) = thread::scope(|scope| {
        let reference = job.verify.then(|| scope.spawn(|| Reference::compute(graph, &*weights, batch, size)));
        let written = write(job, graph, file);
        let reference = reference.map(|thread| match thread.join() {
            Ok(reference) => reference,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        Ok::<_, ExportError>((written?, reference.transpose().map_err(VerifyError::from)?))
    })?;
    let Some(reference) = reference else { return Ok((written, None)) };
    let verdict = reference.check(file.scratch_path()?, graph, &*weights)?;
    Ok((written, Some(verdict)))
}

fn write(job: &Job<'_>, graph: &Graph, file: &mut AtomicFile) -> Result<Written, OnnxError> {
    let (graph, weights) = pass::apply(&job.metadata.passes, graph, used(job, graph));
    onnx::write(file, &graph, &*weights, &*job.weights, job.options, job.metadata)
}

/// What the network uses of the weights.
fn used(job: &Job<'_>, graph: &Graph) -> SharedWeights {
    Arc::new(Cut::new(job.weights.clone(), graph))
}

/// `NAME.rejected.onnx` beside `NAME.onnx`.
fn rejected(target: &Path) -> PathBuf {
    target.with_extension("rejected.onnx")
}
