//! Ratings as files: of the last of each stage, of all of them, and in the published form. No file holds a time, so that runs
//! that do the same leave the same.

use bossnas_files::{SourceFile, write_file};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::plan::Plan;
use super::state::Position;
use crate::run::{Folder, FolderError};
use crate::search::journal::yaml;
use crate::search::rate::Ratings;

const SCHEMA: &str = "bossnas-train/rate/1";

/// More bytes than all ratings of any run.
const MAX_BYTES: u64 = 1 << 30;

/// A rating of a stage, with what `bossnas-train rate --json` prints of it, and when it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Kind and version.
    pub schema: String,
    /// The search space, by name.
    pub space: String,
    /// Its base width.
    pub base: usize,
    /// The stage, from 0.
    pub stage: usize,
    /// The epoch of the stage that it followed, from 0.
    pub epoch: u64,
    /// The best paths of the stages before.
    pub best_paths: Vec<String>,
    /// `published`, `corrected`, or `mixed`.
    pub rules: String,
    /// How it was computed.
    pub way: String,
    /// All paths in their order.
    pub scores: Map<String, Value>,
    /// From the best to the worst.
    pub order: Vec<String>,
}

/// The digits of a path.
pub(super) fn name(path: &[u8]) -> String {
    path.iter().map(u8::to_string).collect()
}

impl Document {
    /// The document of ratings after an epoch.
    pub(super) fn new(plan: &Plan, at: Position, best: &[Vec<u8>], ratings: &Ratings) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            space: plan.config.space.clone(),
            base: plan.config.base,
            stage: at.stage,
            epoch: at.epoch,
            best_paths: best.iter().map(|path| name(path)).collect(),
            rules: plan.config.rules.name().to_owned(),
            way: "shared".to_owned(),
            scores: ratings.0.iter().map(|rated| (name(&rated.path), rated.score.into())).collect(),
            order: ratings.ranked().iter().map(|rated| name(&rated.path)).collect(),
        }
    }
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    // A tree of numbers and names always has a text.
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}

/// Writes all files of the last rating.
pub(super) fn write(folder: &Folder, ratings: &Ratings, history: &[Document]) -> Result<(), FolderError> {
    let Some(last) = history.last() else { return Ok(()) };
    write_file(folder.file(&format!("ratings/stage-{}.json", last.stage)), &json(last))?;
    write_file(folder.file("ratings/history.json"), &json(&history))?;
    let ranked = ratings.ranked();
    let text = yaml::path_rank(ranked.iter().map(|rated| (rated.path.as_slice(), rated.score)));
    Ok(write_file(folder.file(&format!("ratings/{}", yaml::path_rank_name(last.stage))), text.as_bytes())?)
}

/// Writes the best paths up to a stage in the published form.
pub(super) fn write_best(folder: &Folder, paths: &[Vec<u8>]) -> Result<(), FolderError> {
    let Some(stage) = paths.len().checked_sub(1) else { return Ok(()) };
    let text = yaml::best_paths(paths.iter().map(Vec::as_slice));
    Ok(write_file(folder.file(&format!("ratings/{}", yaml::best_paths_name(stage))), text.as_bytes())?)
}

/// The ratings before a position; those of an unfinished epoch are done again.
pub(super) fn history(folder: &Folder, position: Position) -> Result<Vec<Document>, HistoryError> {
    let path = folder.file("ratings/history.json");
    if !path.exists() {
        return Ok(Vec::new());
    }
    let bytes = SourceFile::open(&path)?.read_up_to(0, MAX_BYTES)?;
    let all: Vec<Document> = serde_json::from_slice(&bytes)
        .map_err(|source| HistoryError::Json { path: path.display().to_string(), source })?;
    let before = |document: &Document| (document.stage, document.epoch) < (position.stage, position.epoch);
    Ok(all.into_iter().filter(before).collect())
}

/// Why earlier ratings cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The system said no.
    #[error(transparent)]
    Read(#[from] bossnas_files::ReadError),
    /// They are not what was written.
    #[error("`{path}` holds no ratings")]
    Json {
        /// The file.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
}
