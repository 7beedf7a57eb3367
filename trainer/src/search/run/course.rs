//! The search itself: batches, ratings, stages, and a checkpoint wherever it may be asked to stop.

use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bossnas_data::dataset::{DataSet, DataSetError};
use bossnas_data::views::{Broken, ViewBatch, ViewLoader, ViewLoaderOptions};
use bossnas_files::{WriteError, write_file};
use bossnas_model::arch::{ArchFile, ArchFileError, Architecture, ParseError};
use bossnas_model::draw;
use bossnas_model::graph::{Orientation, Param};
use bossnas_model::init::Initial;
use bossnas_model::space::{DEFAULT_BASE, PathError, Space};
use bossnas_model::weights::{TensorInfo, Weights, WeightsError};
use bossnas_report::{Bar, Counted, Progress, escape, units};
use tch::{Device, Tensor};

use super::checkpoint::{Checkpoint, restore};
use super::images::{Fixed, Images, ImagesError};
use super::plan::Plan;
use super::ratings::{self, Document, HistoryError, name};
use super::state::{Decided, Position, State};
use crate::journal::tensorboard::EventFile;
use crate::journal::{Event as _, JournalError, Log, log};
use crate::optim::LossScaler;
use crate::optim::schedule::target_momentum;
use crate::run::{CheckpointError, Folder, FolderError, Halt, Pace, Surroundings, broken_name, resident, unix_time};
use crate::search::journal::{Event, Rating, Reason, Step, report};
use crate::search::rate::{Job, Need, RateError, Ratings, available_memory, shared};
use crate::search::siamese::{Batch, Extent, Learner, Siamese, StagePaths};
use crate::search::{World, draw_paths};
use crate::torch::{Params, Placement, Precision, TorchError, from_f32};

/// What a run does not depend on: where it computes, how far this process goes, how often it saves.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Where tensors are.
    pub device: Device,
    /// Threads that prepare images.
    pub workers: NonZero<usize>,
    /// The process ends before the stage where this ends.
    pub stages: Range<usize>,
    /// How often it saves, and when it ends.
    pub pace: Pace,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All stages are decided.
    Done,
    /// The stages that were asked for are.
    Stages,
    /// So many batches as were asked for are done.
    MaxSteps,
    /// Somebody asked to stop.
    Interrupted,
}

/// Why a search cannot go on. What was saved stays.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Images.
    #[error(transparent)]
    Images(#[from] ImagesError),
    /// A data set.
    #[error(transparent)]
    Data(#[from] DataSetError),
    /// libtorch or weights.
    #[error(transparent)]
    Torch(#[from] TorchError),
    /// A rating.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// A checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A log or report.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Earlier ratings.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A path of a checkpoint is none.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The architecture has no text.
    #[error(transparent)]
    Arch(#[from] ArchFileError),
    /// The architecture is none.
    #[error("the found path is no architecture: {0}")]
    Parse(#[from] ParseError),
    /// Training has run away.
    #[error("the loss of path {path} is {loss} at step {step}")]
    NotFinite {
        /// The path.
        path: String,
        /// Its loss.
        loss: f64,
        /// The batch, from 1.
        step: u64,
        /// The checkpoint to go back to: its step and its file.
        last: Option<(u64, String)>,
    },
    /// No path of a stage leaves any for the next.
    #[error("no path of stage {stage} can be followed by another")]
    DeadEnd {
        /// The stage, from 0.
        stage: usize,
    },
}

/// Runs a search, or goes on with the one in the folder, until it is done or asked to stop.
pub fn search(
    plan: &Plan,
    images: &Images,
    folder: &Folder,
    options: &Options,
    surroundings: Surroundings,
) -> Result<End, SearchError> {
    let checkpoint = Checkpoint::read(folder.path())?;
    let mut search = Search::open(plan, images, folder, options, surroundings, checkpoint.as_ref())?;
    let end = search.run(checkpoint.as_ref())?;
    search.finish(end)?;
    Ok(end)
}

struct Search<'a> {
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
    last: Option<(u64, String)>,
    /// Batches to rate on and the one for statistics; read when they are needed first.
    fixed: Option<(Vec<Tensor>, Tensor)>,
    since_update: Sums,
}

/// Sums over the batches since an update.
#[derive(Default)]
struct Sums {
    loss: f64,
    batches: u32,
    images: usize,
    time: Duration,
    waited: Duration,
}

impl<'a> Search<'a> {
    fn open(
        plan: &'a Plan,
        images: &'a Images,
        folder: &'a Folder,
        options: &'a Options,
        surroundings: Surroundings,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Self, SearchError> {
        let mut state = State::default();
        if let Some(checkpoint) = checkpoint {
            let history = ratings::history(folder, checkpoint.position)?;
            state = State { position: checkpoint.position, decided: checkpoint.decided(folder.path())?, history };
        }
        folder.make_folder("ratings")?;
        let log_path = folder.file(log::NAME);
        if checkpoint.is_none() && log_path.exists() {
            std::fs::remove_file(&log_path).map_err(|source| FolderError::Io { path: log_path.clone(), source })?;
        }
        Log::<Event>::cut(&log_path, |event| event.step() <= state.position.step)?;
        let resumed = checkpoint.map(|checkpoint| checkpoint.position.step);
        let progress = surroundings.console.progress();
        let bar = progress.bar_of("search", Counted::Things("steps"));
        bar.start(state.position.step, Some(plan.steps()));
        let now = Instant::now();
        let mut search = Self {
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
            last: checkpoint.map(|checkpoint| (checkpoint.position.step, checkpoint.tensors.file.clone())),
            fixed: None,
            since_update: Sums::default(),
        };
        search.log_begin(resumed)?;
        Ok(search)
    }

    fn log_begin(&mut self, resumed: Option<u64>) -> Result<(), SearchError> {
        let rules = match serde_json::to_value(self.plan.config.rules) {
            Ok(serde_json::Value::Object(rules)) => rules,
            _ => serde_json::Map::new(),
        };
        let event = match resumed {
            Some(step) => Event::Resume { time: unix_time(), step },
            None => Event::Start {
                time: unix_time(),
                step: 0,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                space: self.plan.config.space.clone(),
                rules,
                steps: self.plan.steps(),
            },
        };
        Ok(self.log.write(&event)?)
    }

    /// All stages from where the run stands.
    fn run(&mut self, checkpoint: Option<&Checkpoint>) -> Result<End, SearchError> {
        let weights = checkpoint.map(|checkpoint| checkpoint.tensors(self.folder.path())).transpose()?;
        let space = self.plan.space;
        let stages = space.stages();
        let mut params = match &weights {
            Some(weights) => load(space, weights, self.options.device)?,
            None => load(space, &Beginning::of(&space, self.plan.config.seed), self.options.device)?,
        };
        let mut unfinished = weights.as_ref().zip(checkpoint);
        while self.state.position.stage < stages {
            if self.state.position.stage >= self.options.stages.end {
                return Ok(End::Stages);
            }
            let stage = StagePaths::new(&space, self.state.best_paths())?;
            let siamese = Siamese::of(space, &stage.parts(), params)?;
            let mut learner = Learner::new(siamese, stage, self.plan.config.rules, World::alone())?;
            learner.precision = self.plan.config.precision.into();
            learner.scaler = (learner.precision == Precision::Fp16).then(LossScaler::default);
            if let Some((weights, checkpoint)) = unfinished.take() {
                restore(&mut learner, weights)?;
                learner.scaler = checkpoint.scaler().or(learner.scaler);
            } else if self.state.position.step == 0 {
                // So that there is a checkpoint to go back to from the very first step.
                self.save(&learner)?;
            }
            if let Some(end) = self.stage(&mut learner)? {
                return Ok(end);
            }
            params = learner.into_siamese()?.into_params();
            self.save_params(&params, None)?;
        }
        Ok(End::Done)
    }

    /// The epochs of a stage, and its decision; where the process is to end before, how.
    fn stage(&mut self, learner: &mut Learner) -> Result<Option<End>, SearchError> {
        while self.state.position.epoch < self.plan.config.training.epochs {
            let mut end = self.pause(learner)?;
            if end.is_none() && self.state.position.batch < self.plan.batches {
                end = self.epoch(learner)?;
            }
            if end.is_some() {
                return Ok(end);
            }
            let epoch = self.state.position.epoch;
            if self.plan.rates_after(epoch) {
                self.rate(learner)?;
            }
            let position = &mut self.state.position;
            (position.epoch, position.batch) = (epoch + 1, 0);
            if self.state.position.epoch < self.plan.config.training.epochs {
                self.save(learner)?;
                self.report()?;
            }
        }
        self.decide()?;
        Ok(None)
    }

    /// The rest of an epoch's batches.
    fn epoch(&mut self, learner: &mut Learner) -> Result<Option<End>, SearchError> {
        let Position { stage, epoch, batch, .. } = self.state.position;
        let config = &self.plan.config;
        let mut batches = self.plan.batches_of(self.images, stage, epoch);
        batches.drain(..(batch as usize).min(batches.len()));
        let options = ViewLoaderOptions { workers: self.options.workers, ..ViewLoaderOptions::default() };
        let number = self.plan.epoch_number(stage, epoch);
        let data = Arc::clone(self.images.data());
        let mut loader =
            ViewLoader::start(Arc::clone(&data), batches, config.views.clone(), config.seed, number, options)?;
        loop {
            let (begun, waited) = (Instant::now(), loader.waited());
            let Some(batch) = loader.next() else { return Ok(None) };
            let batch = batch?;
            for broken in &batch.broken {
                self.broken(&data, broken)?;
            }
            self.batch(learner, &batch)?;
            self.since_update.time += begun.elapsed();
            self.since_update.waited += loader.waited().saturating_sub(waited);
            self.since_update.images += batch.indices.len();
            loader.recycle(batch.values);
            self.update(learner)?;
            self.bar.set(self.state.position.step);
            if let Some(end) = self.pause(learner)? {
                return Ok(Some(end));
            }
        }
    }

    /// The gradients of a batch.
    fn batch(&mut self, learner: &mut Learner, batch: &ViewBatch) -> Result<(), SearchError> {
        let (config, position) = (&self.plan.config, self.state.position);
        let size = config.views.size;
        let shape = [batch.indices.len(), config.views.views(), 3, size, size];
        let images = from_f32(&batch.values, &shape, self.options.device).map_err(TorchError::from)?;
        let candidates = learner.stage().candidates();
        let paths = draw_paths(&self.plan.space, position.stage, candidates, config.seed, position.step);
        let report =
            learner.accumulate(Batch { images: &images, paths: &paths, accumulate: config.training.accumulate })?;
        for (path, losses) in paths.iter().zip(&report.losses) {
            let loss = losses[0] + losses[1];
            if !loss.is_finite() {
                let (path, step, last) = (name(path), position.step + 1, self.last.clone());
                return Err(SearchError::NotFinite { path, loss, step, last });
            }
        }
        let sum: f64 = report.losses.iter().flatten().sum();
        self.since_update.loss += sum / (2 * report.losses.len().max(1)) as f64;
        self.since_update.batches += 1;
        Ok(())
    }

    /// Counts a batch, and updates the networks when it is time.
    fn update(&mut self, learner: &mut Learner) -> Result<(), SearchError> {
        let at = self.state.position;
        self.state.position = Position { batch: at.batch + 1, step: at.step + 1, ..at };
        let iteration = at.epoch * self.plan.batches + at.batch;
        if !self.plan.updates_after(iteration) {
            return Ok(());
        }
        let lr = self.plan.rate().at(iteration);
        let momentum = target_momentum(iteration, self.plan.steps_of_stage());
        let begun = Instant::now();
        learner.update(lr, momentum)?;
        let sums = std::mem::take(&mut self.since_update);
        let seconds = (sums.time + begun.elapsed()).as_secs_f64().max(1e-9);
        let step = Step {
            time: unix_time(),
            stage: at.stage,
            epoch: at.epoch,
            step: self.state.position.step,
            loss: sums.loss / f64::from(sums.batches.max(1)),
            lr,
            momentum,
            images_per_second: sums.images as f64 / seconds,
            waited: sums.waited.as_secs_f64() / seconds,
            memory: resident(),
            scale: learner.scaler.map(|scaler| scaler.scale()),
        };
        let curves = [
            ("loss", step.loss),
            ("lr", step.lr),
            ("momentum", step.momentum),
            ("images_per_second", step.images_per_second),
            ("waited", step.waited),
            ("memory", step.memory as f64),
        ];
        for (tag, value) in curves {
            self.events.scalar(tag, step.step, step.time, value)?;
        }
        self.bar.say(&format!("{}.{} loss {:.3} {}", at.stage, at.epoch, step.loss, units::bytes(step.memory)));
        Ok(self.log.write(&Event::Step(step))?)
    }

    /// Saves where it is time, and says whether the process is to end here.
    fn pause(&mut self, learner: &Learner) -> Result<Option<End>, SearchError> {
        let step = self.state.position.step;
        let end = self.options.pace.halts(step, &self.surroundings.stop).map(|halt| match halt {
            Halt::Interrupted => End::Interrupted,
            Halt::MaxSteps => End::MaxSteps,
        });
        let saved = self.last.as_ref().map(|(step, _)| *step);
        let due = self.options.pace.saves(step, self.saved.elapsed());
        if (end.is_some() || due) && saved != Some(step) {
            self.save(learner)?;
        }
        Ok(end)
    }

    fn save(&mut self, learner: &Learner) -> Result<(), SearchError> {
        self.save_params(learner.siamese().params(), Some(learner))
    }

    fn save_params(&mut self, params: &Params, learner: Option<&Learner>) -> Result<(), SearchError> {
        let written = Checkpoint::write(self.folder, self.plan, &self.state, params, learner)?;
        self.last = Some((written.position.step, written.tensors.file));
        self.saved = Instant::now();
        Ok(())
    }

    /// Rates all paths of the stage.
    fn rate(&mut self, learner: &Learner) -> Result<(), SearchError> {
        let begun = Instant::now();
        if self.fixed.is_none() {
            self.fixed = Some(self.read_fixed()?);
        }
        let Some((images, bn_images)) = &self.fixed else { return Ok(()) };
        let (siamese, stage, rules) = (learner.siamese(), learner.stage(), self.plan.config.rules);
        let job = Job { siamese, stage, rules, images, bn_images };
        job.check()?;
        let largest = images.iter().map(|batch| batch.size()[0] as u64).max().unwrap_or(1);
        let wanted = Need::of(&job)?.default_limit(largest);
        let limit = available_memory().map_or(wanted, |available| wanted.min(available));
        let rating_bar = self.progress.bar_of("rating", Counted::Things("paths"));
        let ratings = shared(&job, limit, &mut |done, total| {
            if done == 0 {
                rating_bar.start(0, Some(total as u64));
            }
            rating_bar.set(done as u64);
        })?;
        drop(rating_bar);
        let document = Document::new(self.plan, self.state.position, &self.state.best_paths(), &ratings);
        self.state.history.push(document);
        ratings::write(self.folder, &ratings, &self.state.history)?;
        self.log_rating(&ratings, begun.elapsed().as_secs_f64())
    }

    fn log_rating(&mut self, ratings: &Ratings, seconds: f64) -> Result<(), SearchError> {
        let ranked = ratings.ranked();
        let (Some(best), Some(worst)) = (ranked.first(), ranked.last()) else { return Ok(()) };
        let Position { stage, epoch, step, .. } = self.state.position;
        let time = unix_time();
        let rating = Rating {
            time,
            stage,
            epoch,
            step,
            best: name(&best.path),
            score: best.score,
            median: ranked[ranked.len() / 2].score,
            worst: worst.score,
            paths: ranked.len(),
            seconds,
        };
        self.note(format_args!(
            "stage {stage}, epoch {}/{}: best {} with {:.4}, median {:.4}, of {} in {seconds:.1} s",
            epoch + 1,
            self.plan.config.training.epochs,
            rating.best,
            rating.score,
            rating.median,
            units::counted(rating.paths, "path")
        ));
        for (tag, value) in
            [("rating/best", rating.score), ("rating/median", rating.median), ("rating/worst", rating.worst)]
        {
            self.events.scalar(tag, step, time, value)?;
        }
        self.events.flush()?;
        Ok(self.log.write(&Event::Rating(rating))?)
    }

    fn read_fixed(&mut self) -> Result<(Vec<Tensor>, Tensor), SearchError> {
        let mut found: Vec<(String, String)> = Vec::new();
        let mut broken = |data: &DataSet, broken: &Broken| found.push(told(data, broken));
        let mut fixed = Fixed { device: self.options.device, workers: self.options.workers, broken: &mut broken };
        let config = &self.plan.config;
        let batches = self.images.rating_batches(config, &mut fixed)?;
        let estimation = self.images.estimation_batch(config, &mut fixed)?;
        for (name, error) in found {
            self.log_broken(name, error)?;
        }
        Ok((batches, estimation))
    }

    fn broken(&mut self, data: &DataSet, broken: &Broken) -> Result<(), SearchError> {
        let (name, error) = told(data, broken);
        self.log_broken(name, error)
    }

    fn log_broken(&mut self, name: String, error: String) -> Result<(), SearchError> {
        self.note(format_args!("another image takes the place of `{}`: {}", escape(&name), escape(&error)));
        Ok(self.log.write(&Event::Broken { time: unix_time(), step: self.state.position.step, name, error })?)
    }

    /// The best path of the last rating that leaves paths to the next stage goes on.
    fn decide(&mut self) -> Result<(), SearchError> {
        let stage = self.state.position.stage;
        let dead_end = SearchError::DeadEnd { stage };
        let Some(document) = self.state.history.last().filter(|document| document.stage == stage) else {
            return Err(dead_end);
        };
        let digits = |text: &String| text.bytes().map(|byte| byte - b'0').collect::<Vec<u8>>();
        let mut ranked = document.order.iter().map(|text| (text, digits(text)));
        let goes_on = |path: &[u8]| path.last().is_some_and(|&op| self.plan.space.goes_on(stage, op));
        let Some((text, path)) = ranked.find(|(_, path)| goes_on(path)) else { return Err(dead_end) };
        let score = document.scores.get(text).and_then(serde_json::Value::as_f64).unwrap_or(f64::NAN);
        let best = text.clone();
        self.state.decided.push(Decided { path, score });
        self.state.position = Position { stage: stage + 1, epoch: 0, batch: 0, ..self.state.position };
        ratings::write_best(self.folder, &self.state.best_paths())?;
        self.write_arch()?;
        self.note(format_args!("stage {stage} is decided: {best} with {score:.4}"));
        let step = self.state.position.step;
        self.log.write(&Event::Stage { time: unix_time(), stage, step, best, score })?;
        self.report()
    }

    /// `arch.json`: the whole architecture, or the stages so far.
    fn write_arch(&self) -> Result<(), SearchError> {
        let (config, decided) = (&self.plan.config, &self.state.decided);
        let scores = decided.iter().enumerate().map(|(stage, decided)| (format!("stage {}", stage + 1), decided.score));
        let text = if decided.len() < self.plan.space.stages() {
            let best: Vec<String> = decided.iter().map(|decided| name(&decided.path)).collect();
            let scores: serde_json::Map<String, serde_json::Value> =
                scores.map(|(name, score)| (name, score.into())).collect();
            let partial = serde_json::json!({
                "schema": "bossnas-train/partial-arch/1",
                "space": config.space,
                "best_paths": best,
                "scores": scores,
            });
            format!("{partial:#}\n")
        } else {
            let mut file = ArchFile::new(self.architecture()?);
            file.scores = scores.collect();
            let rules = serde_json::to_value(config.rules).unwrap_or_default();
            let provenance = [
                ("tool".to_owned(), format!("bossnas-train {}", env!("CARGO_PKG_VERSION")).into()),
                ("seed".to_owned(), config.seed.into()),
                ("image_size".to_owned(), config.views.size.into()),
                ("rules".to_owned(), rules),
            ];
            file.provenance = Some(provenance.into_iter().collect());
            file.to_json()?
        };
        Ok(write_file(self.folder.file("arch.json"), text.as_bytes())?)
    }

    /// The whole architecture; no text is one before all stages are decided.
    fn architecture(&self) -> Result<Architecture, ParseError> {
        let paths: Vec<String> = self.state.decided.iter().map(|decided| name(&decided.path)).collect();
        let Plan { config, .. } = self.plan;
        let mut text = format!("{}:{}", config.space, paths.join("/"));
        if config.base != DEFAULT_BASE {
            text.push_str("+base=");
            text.push_str(&config.base.to_string());
        }
        if matches!(self.plan.space, Space::Hytra(hytra) if hytra.orientation() == Orientation::Transposed) {
            text += "+attention=transposed";
        }
        text.parse()
    }

    fn report(&mut self) -> Result<(), SearchError> {
        self.events.flush()?;
        let size = self.plan.config.views.size;
        let drawing = self.architecture().ok().and_then(|arch| draw::svg(&arch, [size; 2], "", None).ok());
        Ok(report::write(self.folder.path(), drawing.as_deref())?)
    }

    fn finish(&mut self, end: End) -> Result<(), SearchError> {
        let (time, step) = (unix_time(), self.state.position.step);
        let event = match end {
            End::Done => Event::End { time, step, seconds: self.started.elapsed().as_secs_f64() },
            End::Interrupted => Event::Stop { time, step, reason: Reason::Interrupt },
            End::MaxSteps => Event::Stop { time, step, reason: Reason::MaxSteps },
            End::Stages => Event::Stop { time, step, reason: Reason::Stages },
        };
        self.log.write(&event)?;
        self.report()
    }

    fn note(&self, text: std::fmt::Arguments<'_>) {
        self.progress.pause(|| self.surroundings.console.note(text));
    }
}

fn told(data: &DataSet, broken: &Broken) -> (String, String) {
    (broken_name(data, broken.index), broken.error.to_string())
}

/// All tensors of both networks; the target's gather no gradients.
fn load(space: Space, weights: &dyn Weights, device: Device) -> Result<Params, SearchError> {
    let placement = Placement { device, ..Placement::TRAINED };
    Ok(Siamese::load(space, &[], Extent::Whole, weights, placement)?.into_params())
}

/// The weights that a search begins with: drawn by parameter, the same on both sides.
struct Beginning(Initial);

impl Beginning {
    fn of(space: &Space, seed: u64) -> Self {
        Self(Initial::of_params(space.parameters().into_iter().map(Param::from), seed))
    }

    fn relative(name: &str) -> &str {
        name.strip_prefix("online_").or_else(|| name.strip_prefix("target_")).unwrap_or(name)
    }
}

impl Weights for Beginning {
    fn names(&self) -> Vec<&str> {
        self.0.names()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.0.info(Self::relative(name))
    }

    fn bytes(&self, name: &str) -> Result<std::borrow::Cow<'_, [u8]>, WeightsError> {
        self.0.bytes(Self::relative(name))
    }
}
