//! The training itself: batches, epochs, evaluations, and a checkpoint wherever it may be asked to stop.

use std::fmt::Write as _;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bossnas_data::classes::Classes;
use bossnas_data::dataset::DataSetError;
use bossnas_data::training::{Broken, TrainingBatch, TrainingLoader, TrainingLoaderOptions};
use bossnas_data::{DecodeOptions, Error as DataError};
use bossnas_model::draw;
use bossnas_model::weights::Weights;
use bossnas_report::{Bar, Counted, Progress, escape, units};
use tch::Device;

use super::checkpoint::{Checkpoint, Files};
use super::config::{Config, OptimizerKind};
use super::images::Images;
use super::journal::{Epoch, Event, Reason, Step, report};
use super::learner::{Batch, Learner, Regimen, Update};
use super::outputs::{OutputError, name_best, name_last};
use super::plan::Plan;
use super::pth;
use super::score::{Examination, ScoreError, Scores};
use super::start::Start;
use super::state::{Best, Losses, Position, State, Which};
use crate::journal::tensorboard::EventFile;
use crate::journal::{Event as _, JournalError, Log, log};
use crate::optim::{AdamW, Average, Optimizer, Sgd};
use crate::run::{CheckpointError, Folder, FolderError, Halt, Pace, Surroundings, broken_name, resident, unix_time};
use crate::torch::{TorchError, from_f32};

/// What a run does not depend on: where it computes, how far this process goes, how often it saves.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Where tensors are.
    pub device: Device,
    /// Threads that prepare images.
    pub workers: NonZero<usize>,
    /// How often it saves, and when it ends.
    pub pace: Pace,
    /// Whether each epoch leaves a checkpoint in DeiT's layout too.
    pub save_pth: bool,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All epochs are done.
    Done,
    /// So many batches as were asked for are done.
    MaxSteps,
    /// Somebody asked to stop.
    Interrupted,
}

impl From<Halt> for End {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Interrupted => Self::Interrupted,
            Halt::MaxSteps => Self::MaxSteps,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// How the process ended.
    pub end: End,
    /// The best weights so far.
    pub best: Option<Best>,
}

/// Why a training cannot go on. What was saved stays.
#[derive(Debug, thiserror::Error)]
pub enum RetrainError {
    /// A data set.
    #[error(transparent)]
    Data(#[from] DataSetError),
    /// A batch.
    #[error(transparent)]
    Batch(#[from] DataError),
    /// libtorch or weights.
    #[error(transparent)]
    Torch(#[from] TorchError),
    /// An evaluation.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint in DeiT's layout.
    #[error(transparent)]
    Pth(#[from] pth::PthError),
    /// A file under a lasting name.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A log or report.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Training has run away.
    #[error("the loss is {loss} at step {step}")]
    NotFinite {
        /// The loss.
        loss: f64,
        /// The batch, from 1.
        step: u64,
        /// The checkpoint to go back to: its step and its file.
        last: Option<(u64, PathBuf)>,
    },
    /// Not one image of an evaluation can be read.
    #[error("none of the {0} images to judge by can be read")]
    NothingToJudgeBy(usize),
}

/// What a run begins with.
pub enum Beginning<'a> {
    /// These weights.
    Weights(&'a Start),
    /// A state of another training, in DeiT's layout.
    Pth(&'a pth::Saved),
}

/// Trains, or goes on with the training in the folder, until it is done or asked to stop.
pub fn retrain(
    plan: &Plan,
    images: &Images,
    beginning: &Beginning<'_>,
    folder: &Folder,
    options: &Options,
    surroundings: Surroundings,
) -> Result<Outcome, RetrainError> {
    let checkpoint = Checkpoint::read(folder.path())?;
    let (mut learner, state) = learner(plan, beginning, folder, options, checkpoint.as_ref())?;
    let mut training = Training::open(plan, images, folder, options, surroundings, state, checkpoint.as_ref())?;
    let end = training.run(&mut learner)?;
    training.finish(end)?;
    Ok(Outcome { end, best: training.state.best })
}

/// The network with its optimizer, as they were saved or as they begin.
fn learner(
    plan: &Plan,
    beginning: &Beginning<'_>,
    folder: &Folder,
    options: &Options,
    checkpoint: Option<&Checkpoint>,
) -> Result<(Learner, State), RetrainError> {
    let config = &plan.config;
    let new = |weights: &dyn Weights, average: Option<&dyn Weights>| {
        Learner::new(&plan.graph, weights, average, optimizer(config), regimen(config), options.device)
    };
    if let Some(checkpoint) = checkpoint {
        let missing =
            || CheckpointError::Document { path: folder.path().to_owned(), why: "it has no weights".to_owned() };
        let weights = checkpoint.weights(folder.path(), Which::Model)?.ok_or_else(missing)?;
        let average = checkpoint.weights(folder.path(), Which::ModelEma)?;
        let mut learner = new(&weights, average.as_ref().map(|weights| weights as &dyn Weights))?;
        checkpoint.restore(folder.path(), &mut learner)?;
        return Ok((learner, checkpoint.state()));
    }
    match beginning {
        Beginning::Weights(start) => Ok((new(*start, None)?, State::default())),
        Beginning::Pth(saved) => {
            let mut learner = new(saved.model(), saved.model_ema())?;
            saved.restore(&mut learner)?;
            let epoch = saved.next_epoch();
            let step = epoch * plan.batches;
            let updates = step / u64::from(config.training.accumulate);
            learner.updates = updates;
            let position = Position { epoch, batch: 0, step, updates };
            Ok((learner, State { position, ..State::default() }))
        }
    }
}

/// The optimizer that a configuration asks for.
pub(super) fn optimizer(config: &Config) -> Optimizer {
    let numbers = config.optimizer;
    match numbers.kind {
        OptimizerKind::AdamW => {
            let mut adamw = AdamW::new(numbers.weight_decay);
            (adamw.betas, adamw.eps) = (numbers.betas.into(), numbers.eps);
            Optimizer::AdamW(adamw)
        }
        OptimizerKind::Sgd => {
            let mut sgd = Sgd::new(numbers.momentum, numbers.weight_decay);
            sgd.nesterov = numbers.nesterov;
            Optimizer::Sgd(sgd)
        }
    }
}

/// What a configuration trains a network with.
pub(super) fn regimen(config: &Config) -> Regimen {
    let training = config.training;
    Regimen {
        seed: config.seed,
        drop_path: training.drop_path,
        dropout: training.dropout,
        clip: (training.clip_norm > 0.0).then_some(training.clip_norm),
        average: (training.ema_decay > 0.0).then_some(Average { decay: training.ema_decay }),
        average_warms_up: training.ema_warmup,
        precision: config.precision.into(),
    }
}

struct Training<'a> {
    plan: &'a Plan,
    images: &'a Images,
    folder: &'a Folder,
    options: &'a Options,
    surroundings: Surroundings,
    state: State,
    log: Log<Event>,
    events: EventFile,
    progress: Progress,
    bar: Bar,
    started: Instant,
    saved: Instant,
    last: Option<(u64, PathBuf)>,
    since_update: Sums,
}

/// Sums over the batches since an update.
#[derive(Default)]
struct Sums {
    images: usize,
    time: Duration,
    waited: Duration,
}

impl<'a> Training<'a> {
    fn open(
        plan: &'a Plan,
        images: &'a Images,
        folder: &'a Folder,
        options: &'a Options,
        surroundings: Surroundings,
        state: State,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Self, RetrainError> {
        let log_path = folder.file(log::NAME);
        if checkpoint.is_none() && log_path.exists() {
            std::fs::remove_file(&log_path).map_err(|source| FolderError::Io { path: log_path.clone(), source })?;
        }
        let Position { epoch, step, .. } = state.position;
        // An epoch whose evaluation is still to come has the steps of the checkpoint too.
        let done = |event: &Event| match event {
            Event::Epoch(of) => of.epoch < epoch,
            other => other.step() <= step,
        };
        Log::cut(&log_path, done)?;
        let resumed = checkpoint.map(|checkpoint| checkpoint.position.step);
        let progress = surroundings.console.progress();
        let bar = progress.bar_of("training", Counted::Things("steps"));
        bar.start(step, Some(plan.steps()));
        let now = Instant::now();
        let last = checkpoint.map(|checkpoint| (step, folder.file(&checkpoint.model.file)));
        let mut training = Self {
            plan,
            images,
            folder,
            options,
            surroundings,
            state,
            log: Log::open(&log_path)?,
            events: EventFile::create(folder.path(), resumed)?,
            progress,
            bar,
            started: now,
            saved: now,
            last,
            since_update: Sums::default(),
        };
        training.log_begin(resumed)?;
        Ok(training)
    }

    fn log_begin(&mut self, resumed: Option<u64>) -> Result<(), RetrainError> {
        let config = &self.plan.config;
        let event = match resumed {
            Some(step) => Event::Resume { time: unix_time(), step },
            None => Event::Start {
                time: unix_time(),
                step: self.state.position.step,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                arch: config.arch.clone(),
                recipe: config.recipe.clone(),
                data_set: config.data_set.to_string(),
                images: [self.images.training().len(), self.images.test().len()],
                epochs: config.epochs(),
                steps: self.plan.steps(),
            },
        };
        Ok(self.log.write(&event)?)
    }

    /// All epochs from where the run stands.
    fn run(&mut self, learner: &mut Learner) -> Result<End, RetrainError> {
        if self.last.is_none() {
            // So that there is a checkpoint to go back to from the very first step.
            self.save(learner)?;
        }
        while self.state.position.epoch < self.plan.config.epochs() {
            let mut end = self.pause(learner)?;
            if end.is_none() && self.state.position.batch < self.plan.batches {
                end = self.epoch(learner)?;
            }
            if end.is_none() {
                end = self.close(learner)?;
            }
            if let Some(end) = end {
                return Ok(end);
            }
        }
        Ok(End::Done)
    }

    /// The rest of an epoch's batches.
    fn epoch(&mut self, learner: &mut Learner) -> Result<Option<End>, RetrainError> {
        let Position { epoch, batch, .. } = self.state.position;
        let config = &self.plan.config;
        let batches = self.images.batches(config, epoch);
        let options = TrainingLoaderOptions { workers: self.options.workers, ..TrainingLoaderOptions::default() };
        let data = Arc::clone(self.images.training());
        let recipe = config.images.clone();
        let mut loader = TrainingLoader::start_at(data, batches, batch as usize, recipe, config.seed, epoch, options)?;
        loop {
            let (begun, waited) = (Instant::now(), loader.waited());
            let Some(batch) = loader.next() else { return Ok(None) };
            let mut batch = batch?;
            for broken in &batch.broken {
                self.broken(broken)?;
            }
            self.batch(learner, &mut batch)?;
            self.since_update.time += begun.elapsed();
            self.since_update.waited += loader.waited().saturating_sub(waited);
            self.since_update.images += batch.indices.len();
            loader.recycle(batch.values);
            self.update(learner)?;
            self.bar.set(self.state.position.step);
            if self.state.position.batch < self.plan.batches
                && let Some(end) = self.pause(learner)?
            {
                return Ok(Some(end));
            }
        }
    }

    /// The gradients of a batch.
    fn batch(&mut self, learner: &mut Learner, batch: &mut TrainingBatch) -> Result<(), RetrainError> {
        let (config, step) = (&self.plan.config, self.state.position.step);
        let (size, n, classes) = (config.images.size, batch.indices.len(), self.plan.network.classes);
        let mixed = config.mix.draw(config.seed, step, n, [size; 2]);
        mixed.apply(&mut batch.values, n, 3, size, size)?;
        let device = self.options.device;
        let images = from_f32(&batch.values, &[n, 3, size, size], device).map_err(TorchError::from)?;
        let targets =
            from_f32(&mixed.targets(&batch.labels, classes), &[n, classes], device).map_err(TorchError::from)?;
        let accumulate = config.training.accumulate;
        let loss = learner.accumulate(Batch { images: &images, targets: &targets, accumulate, number: step })?;
        if !loss.is_finite() {
            return Err(RetrainError::NotFinite { loss, step: step + 1, last: self.last.clone() });
        }
        let losses = &mut self.state.losses;
        losses.of_epoch += loss;
        losses.of_update += loss;
        losses.waiting += 1;
        Ok(())
    }

    /// Counts a batch, and updates the network when it is time.
    fn update(&mut self, learner: &mut Learner) -> Result<(), RetrainError> {
        let at = self.state.position;
        self.state.position = Position { batch: at.batch + 1, step: at.step + 1, ..at };
        if !self.plan.updates_after(at.step) {
            return Ok(());
        }
        let lr = self.plan.config.rate(at.epoch);
        let begun = Instant::now();
        let Update { norm, .. } = learner.update(lr, false)?;
        self.state.position.updates += 1;
        let losses = self.state.losses;
        self.state.losses = Losses { of_epoch: losses.of_epoch, ..Losses::default() };
        let sums = std::mem::take(&mut self.since_update);
        let seconds = (sums.time + begun.elapsed()).as_secs_f64().max(1e-9);
        let step = Step {
            time: unix_time(),
            epoch: at.epoch,
            step: self.state.position.step,
            loss: losses.of_update / f64::from(losses.waiting.max(1)),
            lr,
            norm,
            images_per_second: sums.images as f64 / seconds,
            waited: sums.waited.as_secs_f64() / seconds,
            memory: resident(),
            scale: learner.scaler.map(|scaler| scaler.scale()),
        };
        let curves = [
            ("loss", Some(step.loss)),
            ("lr", Some(step.lr)),
            ("norm", step.norm),
            ("images_per_second", Some(step.images_per_second)),
            ("waited", Some(step.waited)),
            ("memory", Some(step.memory as f64)),
        ];
        for (tag, value) in curves {
            if let Some(value) = value {
                self.events.scalar(tag, step.step, step.time, value)?;
            }
        }
        let best = self.state.best.map_or_else(String::new, |best| format!(" best {:.2} %", 100.0 * best.scores.top1));
        self.bar.say(&format!("{} loss {:.3}{best} {}", at.epoch, step.loss, units::bytes(step.memory)));
        Ok(self.log.write(&Event::Step(step))?)
    }

    /// Saves where it is time, and says whether the process is to end here.
    fn pause(&mut self, learner: &Learner) -> Result<Option<End>, RetrainError> {
        let step = self.state.position.step;
        let end = self.options.pace.halts(step, &self.surroundings.stop).map(End::from);
        let saved = self.last.as_ref().map(|(step, _)| *step);
        if (end.is_some() || self.options.pace.saves(step, self.saved.elapsed())) && saved != Some(step) {
            self.save(learner)?;
        }
        Ok(end)
    }

    fn save(&mut self, learner: &Learner) -> Result<(), RetrainError> {
        let files = Files::write(self.folder, self.plan, self.images.labels(), &self.state, learner)?;
        self.commit(files, learner)
    }

    fn commit(&mut self, files: Files, learner: &Learner) -> Result<(), RetrainError> {
        let written = Checkpoint::write(self.folder, self.plan, files, &self.state, learner)?;
        self.last = Some((written.position.step, self.folder.file(&written.model.file)));
        self.saved = Instant::now();
        Ok(())
    }

    /// What follows the last batch of an epoch: its evaluation, its files, its line in the log.
    fn close(&mut self, learner: &Learner) -> Result<Option<End>, RetrainError> {
        let at = self.state.position;
        let begun = Instant::now();
        let scores = if self.plan.evaluates_after(at.epoch) {
            match self.evaluate(learner)? {
                Some(scores) => scores,
                // Asked to stop: the evaluation is what comes next.
                None => return self.pause(learner),
            }
        } else {
            [None, None]
        };
        let better = self.judge(at.epoch, scores);
        let epoch = Epoch {
            time: unix_time(),
            epoch: at.epoch,
            step: at.step,
            lr: self.plan.config.rate(at.epoch),
            train_loss: self.state.losses.of_epoch / self.plan.batches as f64,
            model: scores[0],
            model_ema: scores[1],
            seconds: begun.elapsed().as_secs_f64(),
        };
        self.state.position = Position { epoch: at.epoch + 1, batch: 0, ..at };
        self.state.losses.of_epoch = 0.0;
        let files = Files::write(self.folder, self.plan, self.images.labels(), &self.state, learner)?;
        name_last(self.folder, &files)?;
        if let Some(which) = better {
            name_best(self.folder, &files, which)?;
        }
        if self.options.save_pth {
            pth::write(self.folder, self.plan, learner, at.epoch)?;
        }
        // A process that is killed between the two does the epoch again.
        self.log_epoch(epoch)?;
        self.commit(files, learner)?;
        self.report()?;
        Ok(None)
    }

    /// Takes note of the scores of an epoch; says whose weights are the best so far, if any are.
    fn judge(&mut self, epoch: u64, scores: [Option<Scores>; 2]) -> Option<Which> {
        let mut better = None;
        for (state_dict, scores) in [Which::Model, Which::ModelEma].into_iter().zip(scores) {
            let Some(scores) = scores else { continue };
            if self.state.best.is_none_or(|best| scores.beat(&best.scores)) {
                self.state.best = Some(Best { epoch, state_dict, scores });
                better = Some(state_dict);
            }
        }
        better
    }

    /// How good the network and its average are; `None` where somebody asked to stop.
    fn evaluate(&mut self, learner: &Learner) -> Result<Option<[Option<Scores>; 2]>, RetrainError> {
        let config = &self.plan.config;
        let examination = Examination {
            data: Arc::clone(self.images.test()),
            classes: Classes::between(self.images.test().class_names(), self.images.labels()),
            preprocessing: config.images.evaluation(),
            decode: DecodeOptions::default(),
            batch_size: config.evaluation.batch_size,
            workers: self.options.workers,
            device: self.options.device,
            precision: config.precision.into(),
        };
        let networks = std::iter::once(learner.module()).chain(learner.average().map(|(module, _)| module));
        let networks: Vec<_> = networks.collect();
        let bar = self.progress.bar_of("evaluation", Counted::Things("images"));
        bar.start(0, Some(examination.data.len() as u64));
        let Some(examined) = examination.run(&networks, &self.surroundings.stop, |done| bar.set(done))? else {
            return Ok(None);
        };
        drop(bar);
        let images = examination.data.len();
        let mut scores =
            examined.tallies.iter().map(|tally| tally.scores().ok_or(RetrainError::NothingToJudgeBy(images)));
        let both = [scores.next().transpose()?, scores.next().transpose()?];
        drop(scores);
        for (index, error) in &examined.broken {
            let name = broken_name(&examination.data, *index);
            self.note(format_args!("`{}` is left out: {}", escape(&name), escape(&error.to_string())));
            self.log_broken(name, error.to_string())?;
        }
        Ok(Some(both))
    }

    fn log_epoch(&mut self, epoch: Epoch) -> Result<(), RetrainError> {
        let mut said = format!("epoch {}/{}: loss {:.3}", epoch.epoch + 1, self.plan.config.epochs(), epoch.train_loss);
        for (name, scores) in [("model", epoch.model), ("model_ema", epoch.model_ema)] {
            let Some(scores) = scores else { continue };
            let _ = write!(said, ", {name} {:.2} %", 100.0 * scores.top1);
            for (what, value) in [("top1", scores.top1), ("top5", scores.top5), ("loss", scores.loss)] {
                self.events.scalar(&format!("{name}/{what}"), epoch.step, epoch.time, value)?;
            }
        }
        self.events.scalar("epoch/train_loss", epoch.step, epoch.time, epoch.train_loss)?;
        self.events.flush()?;
        self.note(format_args!("{said}"));
        Ok(self.log.write(&Event::Epoch(epoch))?)
    }

    fn broken(&mut self, broken: &Broken) -> Result<(), RetrainError> {
        let (name, error) = (broken_name(self.images.training(), broken.index), broken.error.to_string());
        self.note(format_args!("another image takes the place of `{}`: {}", escape(&name), escape(&error)));
        self.log_broken(name, error)
    }

    fn log_broken(&mut self, name: String, error: String) -> Result<(), RetrainError> {
        Ok(self.log.write(&Event::Broken { time: unix_time(), step: self.state.position.step, name, error })?)
    }

    fn report(&mut self) -> Result<(), RetrainError> {
        self.events.flush()?;
        let size = self.plan.config.images.size;
        let network = self.plan.network.clone().into();
        let drawing = draw::svg(&network, [size; 2], "", None).ok();
        Ok(report::write(self.folder.path(), drawing.as_deref())?)
    }

    fn finish(&mut self, end: End) -> Result<(), RetrainError> {
        let (time, step) = (unix_time(), self.state.position.step);
        let event = match end {
            End::Done => Event::End { time, step, seconds: self.started.elapsed().as_secs_f64() },
            End::Interrupted => Event::Stop { time, step, reason: Reason::Interrupt },
            End::MaxSteps => Event::Stop { time, step, reason: Reason::MaxSteps },
        };
        self.log.write(&event)?;
        self.report()
    }

    fn note(&self, text: std::fmt::Arguments<'_>) {
        self.progress.pause(|| self.surroundings.console.note(text));
    }
}
