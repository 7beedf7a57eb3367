//! What is known of a search: its stages, their best paths, and what it has found.

use std::fmt::Write as _;
use std::path::PathBuf;

use bossnas_model::space::Space;
use bossnas_report::{Align, Table, escape, units};
use bossnas_zoo::best::{PathCost, cost_of};
use bossnas_zoo::run_folder::{Checkpoint, RunFolder, Scored, Stage, State, digits};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::context::Context;

/// Paths after the best one that are shown.
const NEXT: usize = 3;

#[derive(Serialize)]
struct Document {
    run: PathBuf,
    space: &'static str,
    base: usize,
    image_size: usize,
    /// Which way round attention is; `None` in spaces that have none.
    attention: Option<&'static str>,
    rules: Map<String, Value>,
    stage: usize,
    epoch: u64,
    step: u64,
    stages: Vec<StageReport>,
    /// What was found, once all stages are decided.
    found: Option<Found>,
}

#[derive(Serialize)]
struct StageReport {
    /// From 0.
    stage: usize,
    state: State,
    /// The path that was chosen, else the best so far.
    best: Option<String>,
    score: Option<f64>,
    /// The paths that are rated best beside it.
    next: Vec<PathReport>,
    rating: Option<RatingReport>,
}

#[derive(Serialize)]
struct PathReport {
    path: String,
    score: f64,
}

#[derive(Serialize)]
struct RatingReport {
    epoch: u64,
    rules: Option<String>,
    paths: usize,
    best: f64,
    median: f64,
    worst: f64,
    /// The worst score less the best.
    spread: f64,
}

#[derive(Serialize)]
struct Found {
    arch: String,
    /// The sum over its stages, if all were rated.
    score: Option<f64>,
    /// Of one image, from the image to the features.
    madds: u64,
    params: u64,
    /// The network that is retrained from it, where the space has one.
    bossnet: Option<String>,
}

/// Prints what is known.
pub(super) fn print(run: &RunFolder, json: bool, context: &Context) -> anyhow::Result<()> {
    let document = Document::of(run)?;
    if json {
        return context.console.json("arch-run", &document);
    }
    let style = context.console.style();
    let mut text = format!("{}\n", style.bold(escape(&document.run.display().to_string())));
    for (title, value) in document.lines() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {title:<10}{}", escape(&value));
    }
    context.console.print(text + "\n" + &document.table().render(style))
}

impl Document {
    fn of(run: &RunFolder) -> anyhow::Result<Self> {
        let Checkpoint { space, image_size, rules, stage, epoch, step, .. } = &run.checkpoint;
        let attention = match space {
            Space::Hytra(hytra) => Some(hytra.orientation().name()),
            Space::Mbconv(_) | Space::Nats(_) => None,
        };
        Ok(Self {
            run: run.path.clone(),
            space: space.name(),
            base: space.base(),
            image_size: *image_size,
            attention,
            rules: rules.clone(),
            stage: *stage,
            epoch: *epoch,
            step: *step,
            stages: run.stages.iter().enumerate().map(|(number, stage)| StageReport::of(number, stage)).collect(),
            found: Found::of(run)?,
        })
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let side = self.image_size;
        let done = self.stages.iter().filter(|stage| stage.state == State::Decided).count();
        let progress = if done == self.stages.len() {
            format!("all {done} stages are decided, {}", units::counted(self.step as usize, "step"))
        } else {
            format!("stage {}, epoch {}, {} done", self.stage, self.epoch, units::counted(self.step as usize, "step"))
        };
        let mut lines = vec![
            ("space", format!("{}, base width {}, images of {side} x {side}", self.space, self.base)),
            ("rules", self.rules()),
            ("progress", progress),
        ];
        if let Some(found) = &self.found {
            let cost =
                format!("{} multiply-adds, {} parameters", units::count(found.madds), units::count(found.params));
            lines.push(("found", found.arch.clone()));
            lines.extend(found.score.map(|score| ("score", format!("{score:.6}, the sum over its stages"))));
            lines.push(("cost", format!("{cost}: for one image of {side} x {side}, without a classifier")));
            lines.extend(found.bossnet.clone().map(|net| ("retrain", net)));
        }
        lines
    }

    /// The name that ratings give them, else each rule.
    fn rules(&self) -> String {
        let named = self.stages.iter().find_map(|stage| stage.rating.as_ref()?.rules.clone());
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let each = || self.rules.iter().map(|(name, value)| format!("{name} {}", text(value))).collect::<Vec<_>>();
        let attention = self.attention.map(|attention| format!(", attention {attention}")).unwrap_or_default();
        match named {
            Some(name) => format!("{name}{attention}"),
            None => each().join(", "),
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new([
            ("stage", Align::Right),
            ("state", Align::Left),
            ("best", Align::Left),
            ("score", Align::Right),
            ("next", Align::Left),
            ("spread", Align::Right),
            ("rated", Align::Left),
        ]);
        for stage in &self.stages {
            let next = stage.next.iter().map(|next| format!("{} {:.4}", next.path, next.score));
            let rating = stage.rating.as_ref();
            table.row([
                stage.stage.to_string(),
                stage.state.name().to_owned(),
                stage.best.clone().unwrap_or_default(),
                stage.score.map(|score| format!("{score:.6}")).unwrap_or_default(),
                next.collect::<Vec<_>>().join(", "),
                rating.map(|rating| format!("{:.4}", rating.spread)).unwrap_or_default(),
                rating
                    .map(|it| format!("{}, epoch {}", units::counted(it.paths, "path"), it.epoch))
                    .unwrap_or_default(),
            ]);
        }
        table
    }
}

impl StageReport {
    fn of(number: usize, stage: &Stage) -> Self {
        let best = stage.best();
        let scores = stage.ratings.as_ref().map(|ratings| ratings.scores.as_slice()).unwrap_or_default();
        let others = scores.iter().filter(|scored| Some(scored.path.as_slice()) != best).take(NEXT);
        let report = |scored: &Scored| PathReport { path: digits(&scored.path), score: scored.score };
        Self {
            stage: number,
            state: stage.state,
            best: best.map(digits),
            score: best.and_then(|path| stage.ratings.as_ref()?.score(path)),
            next: others.map(report).collect(),
            rating: RatingReport::of(stage),
        }
    }
}

impl RatingReport {
    fn of(stage: &Stage) -> Option<Self> {
        let ratings = stage.ratings.as_ref()?;
        let scores = &ratings.scores;
        let (best, worst) = (scores.first()?.score, scores.last()?.score);
        let middle = |at: usize| scores[at].score;
        let median = f64::midpoint(middle((scores.len() - 1) / 2), middle(scores.len() / 2));
        let rules = ratings.rules.clone();
        Some(Self { epoch: ratings.epoch, rules, paths: scores.len(), best, median, worst, spread: worst - best })
    }
}

impl Found {
    fn of(run: &RunFolder) -> anyhow::Result<Option<Self>> {
        let Some(net) = run.found() else { return Ok(None) };
        let PathCost { multiply_adds, params } =
            cost_of(&run.space(), &net.path.stages(), [run.checkpoint.image_size; 2])?;
        Ok(Some(Self {
            score: run.scores(&net.path).map(|scores| scores.iter().sum()),
            madds: multiply_adds,
            params,
            bossnet: net.to_bossnet().map(|net| net.to_string()),
            arch: net.to_string(),
        }))
    }
}
