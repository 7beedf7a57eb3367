//! The files of a run as they are.

use std::collections::BTreeMap;
use std::path::Path;

use bossnas_model::arch::ArchFile;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::event::{Event, Rating, Step};
use crate::journal::page::{MAX_TEXT, is_drawable, text};
use crate::journal::{JournalError, log};

/// Bytes that the history may have.
const MAX_HISTORY: u64 = 256 << 20;

const PARTIAL: &str = "bossnas-train/partial-arch/1";
const RATE: &str = "bossnas-train/rate/1";

/// What lies in the folder of a run.
#[derive(Debug)]
pub(super) struct Run {
    /// In their order.
    pub(super) events: Vec<Event>,
    /// In order of time; of ratings after the same epoch the last one.
    pub(super) history: Vec<Scored>,
    /// What is decided.
    pub(super) chosen: Option<Chosen>,
    /// The text of `config.toml`.
    pub(super) config: Option<String>,
}

/// The event that begins a run.
pub(super) struct Start<'a> {
    pub(super) version: &'a str,
    pub(super) space: &'a str,
    pub(super) rules: &'a Map<String, Value>,
    pub(super) steps: u64,
}

/// A rating with the scores of all paths.
#[derive(Debug, Deserialize)]
pub(super) struct Scored {
    schema: String,
    pub(super) stage: usize,
    pub(super) epoch: u64,
    /// By path, in the order of the stage's paths; `null` where a score is no number.
    pub(super) scores: Map<String, Value>,
}

/// What `arch.json` holds.
#[derive(Debug)]
pub(super) enum Chosen {
    /// The best paths of the first stages.
    Partial(Vec<String>),
    /// An architecture.
    Whole(Box<ArchFile>),
}

impl Run {
    /// Reads the files. The log must be there.
    pub(super) fn read(folder: &Path) -> Result<Self, JournalError> {
        let events = log::read(&folder.join(log::NAME))?;
        let mut history: Vec<Scored> = Vec::new();
        let path = folder.join("ratings").join("history.json");
        if let Some(text) = text(&path, MAX_HISTORY)? {
            let wrong = |problem: &dyn ToString| JournalError::malformed(&path, &problem.to_string());
            let all: Vec<Scored> = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
            if let Some(other) = all.iter().find(|scores| scores.schema != RATE) {
                let schema: String = other.schema.chars().take(80).collect();
                return Err(wrong(&format!("the schema of a rating is `{}`, not `{RATE}`", schema.escape_debug())));
            }
            let is_score = |value: &Value| value.is_number() || value.is_null();
            for scores in all {
                if let Some((path, score)) = scores.scores.iter().find(|(_, score)| !is_score(score)) {
                    return Err(wrong(&format!("the score of `{}` is {score}", path.escape_debug())));
                }
                history.retain(|before| (before.stage, before.epoch) != (scores.stage, scores.epoch));
                history.push(scores);
            }
        }
        Ok(Self {
            events,
            history,
            chosen: chosen(&folder.join("arch.json"))?,
            config: text(&folder.join("config.toml"), MAX_TEXT)?,
        })
    }

    /// How it began.
    pub(super) fn start(&self) -> Option<Start<'_>> {
        self.events.iter().find_map(|event| match event {
            Event::Start { version, space, rules, steps, .. } => Some(Start { version, space, rules, steps: *steps }),
            _ => None,
        })
    }

    /// The batches, in their order.
    pub(super) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.events.iter().filter_map(|event| if let Event::Step(step) = event { Some(step) } else { None })
    }

    /// The ratings, in their order; of several after the same epoch the last one.
    pub(super) fn ratings(&self) -> Vec<&Rating> {
        let mut ratings: Vec<&Rating> = Vec::new();
        for event in &self.events {
            if let Event::Rating(rating) = event {
                ratings.retain(|before| (before.stage, before.epoch) != (rating.stage, rating.epoch));
                ratings.push(rating);
            }
        }
        ratings
    }

    /// The ratings of each stage, in order of the stages and then of time.
    pub(super) fn scores_of_stages(&self) -> BTreeMap<usize, Vec<&Scored>> {
        let mut stages: BTreeMap<usize, Vec<&Scored>> = BTreeMap::new();
        for scores in &self.history {
            stages.entry(scores.stage).or_default().push(scores);
        }
        stages
    }
}

impl Scored {
    /// Paths with their scores, from the best to the worst and of equal scores the earlier first; those without a number are left out.
    pub(super) fn ranked(&self) -> Vec<(&str, f64)> {
        let finite = self.scores.iter().filter_map(|(path, score)| Some((path.as_str(), score.as_f64()?)));
        let mut ranked: Vec<(&str, f64)> = finite.filter(|(_, score)| is_drawable(*score)).collect();
        ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
        ranked
    }
}

fn chosen(path: &Path) -> Result<Option<Chosen>, JournalError> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    #[derive(Deserialize)]
    struct Partial {
        best_paths: Vec<String>,
    }
    let Some(text) = text(path, MAX_TEXT)? else { return Ok(None) };
    let Head { schema } = serde_json::from_str(&text).map_err(|error| JournalError::malformed(path, &error))?;
    let chosen = if schema == PARTIAL {
        let partial: Partial = serde_json::from_str(&text).map_err(|error| JournalError::malformed(path, &error))?;
        Chosen::Partial(partial.best_paths)
    } else {
        let file = ArchFile::from_json(&text).map_err(|error| JournalError::malformed(path, &error))?;
        Chosen::Whole(Box::new(file))
    };
    Ok(Some(chosen))
}
