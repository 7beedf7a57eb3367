//! How often is a classifier right? Every sample of a data set once, through any runtime.
//!
//! Threads read, decode and transform ahead ([`Loader`]). A few streams take batches of what is ready, each with a process
//! of its own that runs them ([`Session`]); on processors a stream has one thread, which is the fastest way to run many
//! images. So cores have work as long as there are images, and memory is bounded by what is in flight.

mod confusion;
mod prediction;
mod streams;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bossnas_data::classes::{Classes, ClassesError};
use bossnas_data::dataset::{DataSet, DataSetError};
use bossnas_data::loader::{Loaded, Loader, LoaderOptions, Times};

use crate::runtime::{Load, Placement, Session};
use crate::score::{ScoreError, Scored, score};

pub use confusion::Confusion;
pub use prediction::{ClassScore, Prediction, Scores};
pub use streams::{copies_in_memory, streams};

/// What is evaluated.
pub struct Job {
    /// A file with one input of images, loaded once for each stream. The batch is that of its input.
    pub streams: Vec<Load>,
    /// The images.
    pub data: Arc<DataSet>,
    /// Which of them, and in which order they are taken.
    pub indices: Vec<usize>,
    /// What the labels of the data set mean to the file.
    pub classes: Classes,
    /// How they are prepared.
    pub loader: LoaderOptions,
    /// Whether the first image that cannot be used ends it.
    pub strict: bool,
}

/// Why an evaluation ended early.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// A runtime failed, or the file is no classifier.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// Images cannot be read at all, or one of them is broken and that was not to be.
    #[error(transparent)]
    Data(#[from] DataSetError),
    /// The labels of the data set mean nothing to the file.
    #[error(transparent)]
    Classes(#[from] ClassesError),
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// A prediction for each image that could be used, in the order of the data set.
    pub predictions: Vec<Prediction>,
    /// The others: number and reason, in the same order.
    pub broken: Vec<(usize, String)>,
    /// Time that threads spent on images.
    pub times: Times,
    /// Time that the runtimes spent.
    pub inference: Duration,
    /// Time of everything, loading the file included.
    pub total: Duration,
    /// Time until the first batch could be run.
    pub load: Duration,
    /// Where the nodes ran, if the runtime tells.
    pub placement: Option<Placement>,
}

/// What a stream has seen.
#[derive(Default)]
struct Tally {
    predictions: Vec<Prediction>,
    broken: Vec<(usize, String)>,
    times: Times,
    inference: Duration,
    load: Duration,
    placement: Option<Placement>,
}

/// Evaluates; `progress` is told how many images are done.
pub fn evaluate(job: &Job, progress: impl Fn(u64) + Sync) -> Result<Outcome, EvalError> {
    let start = Instant::now();
    let loader = Loader::start(Arc::clone(&job.data), job.indices.iter().copied(), job.loader.clone())?;
    let source = Source {
        loader: Mutex::new(loader),
        done: Mutex::new(0),
        progress: &progress,
        job,
        failed: AtomicBool::new(false),
    };
    let tallies: Vec<Result<Tally, EvalError>> = thread::scope(|scope| {
        let streams: Vec<_> = job.streams.iter().map(|load| scope.spawn(|| source.watched(load))).collect();
        let join = |stream: thread::ScopedJoinHandle<'_, _>| match stream.join() {
            Ok(tally) => tally,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        streams.into_iter().map(join).collect()
    });
    let mut outcome = Outcome {
        predictions: Vec::with_capacity(job.indices.len()),
        broken: Vec::new(),
        times: Times::default(),
        inference: Duration::ZERO,
        total: Duration::ZERO,
        load: Duration::ZERO,
        placement: None,
    };
    for tally in tallies {
        let tally = tally?;
        outcome.predictions.extend(tally.predictions);
        outcome.broken.extend(tally.broken);
        outcome.times += tally.times;
        outcome.inference += tally.inference;
        outcome.load = outcome.load.max(tally.load);
        outcome.placement = outcome.placement.or(tally.placement);
    }
    outcome.predictions.sort_unstable_by_key(|prediction| prediction.index);
    outcome.broken.sort_unstable();
    outcome.total = start.elapsed();
    Ok(outcome)
}

/// Where streams get their images.
struct Source<'a, P> {
    loader: Mutex<Loader>,
    done: Mutex<u64>,
    progress: &'a P,
    job: &'a Job,
    /// A stream failed: the others end too.
    failed: AtomicBool,
}

impl<P: Fn(u64) + Sync> Source<'_, P> {
    fn watched(&self, load: &Load) -> Result<Tally, EvalError> {
        self.stream(load).inspect_err(|_| self.failed.store(true, Ordering::Relaxed))
    }

    /// Runs batches until there are no more images.
    fn stream(&self, load: &Load) -> Result<Tally, EvalError> {
        let start = Instant::now();
        let mut session = Session::load(load).map_err(ScoreError::from)?;
        let mut tally = Tally { load: start.elapsed(), ..Tally::default() };
        let batch = load.inputs[0].shape[0];
        loop {
            let samples = self.take(batch);
            if samples.is_empty() {
                return Ok(tally);
            }
            let count = samples.len() as u64;
            let usable = self.sort_out(samples, &mut tally)?;
            if !usable.is_empty() {
                self.run(&mut session, load, &usable, &mut tally)?;
            }
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            *done += count;
            (self.progress)(*done);
        }
    }

    fn take(&self, batch: usize) -> Vec<Loaded> {
        if self.failed.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        loader.by_ref().take(batch).collect()
    }

    /// Those that can be used; the others are counted.
    fn sort_out(&self, samples: Vec<Loaded>, tally: &mut Tally) -> Result<Vec<Usable>, EvalError> {
        let mut usable = Vec::with_capacity(samples.len());
        for Loaded { index, label, result, times } in samples {
            tally.times += times;
            match (result, label) {
                (Ok(values), Some(label)) => usable.push(Usable { index, label, values }),
                (Err(error), _) if self.job.strict => return Err(error.into()),
                (Err(error), _) => tally.broken.push((index, error.to_string())),
                (Ok(_), None) => tally.broken.push((index, "it has no label".to_owned())),
            }
        }
        Ok(usable)
    }

    /// Runs images, not more than a batch.
    fn run(&self, session: &mut Session, load: &Load, images: &[Usable], tally: &mut Tally) -> Result<(), EvalError> {
        let Scored { rows, time, placement } =
            score(session, load, images.iter().map(|image| image.values.as_slice()))?;
        tally.inference += time;
        tally.placement = tally.placement.take().or(placement);
        for (image, row) in images.iter().zip(&rows) {
            let label = self.job.classes.of(image.label, row.len())?;
            tally.predictions.push(Prediction::new(image.index, label, row));
        }
        Ok(())
    }
}

struct Usable {
    index: usize,
    label: u32,
    values: Vec<f32>,
}
