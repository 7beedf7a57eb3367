//! The folder that `bossnas-train search` writes: how far the search is, what it rated, and the weights of its supernets.
//!
//! ```text
//! RUN/checkpoint.json       space, rules, stage, best paths, and which file has the weights      checkpoint
//! RUN/ratings/stage-K.json  the last rating of stage K                                          ratings
//! RUN/checkpoint-N.safetensors   both supernets under their siamese names: read when asked for  weights
//! ```
//!
//! All of it is input like any other: sizes are looked at before anything is read, names lead nowhere else, paths must be
//! paths of the space, and the weights are those whose digest is noted.

mod checkpoint;
mod error;
mod ratings;
#[cfg(test)]
mod tests;
mod weights;

use std::path::{Path, PathBuf};

use bossnas_model::arch::{ArchFile, ParseError, SearchNet, SearchPath};
use bossnas_model::graph::Orientation;
use bossnas_model::space::{PathError, Space};
use serde_json::{Map, Value};

pub use self::checkpoint::Checkpoint;
pub use self::error::{Problem, RunError};
pub use self::ratings::{Ratings, Scored};
pub use self::weights::of_side;
use crate::rank;

/// The folder of a search, as far as it has come.
#[derive(Debug, Clone)]
pub struct RunFolder {
    /// Where it is.
    pub path: PathBuf,
    /// What its last checkpoint says.
    pub checkpoint: Checkpoint,
    /// The stages of its space, in order.
    pub stages: Vec<Stage>,
    /// Stages whose ratings were left out: they were rated after the checkpoint, in a future that the search will find anew.
    pub left_out: Vec<usize>,
}

/// One stage of a search.
#[derive(Debug, Clone)]
pub struct Stage {
    /// How far it is.
    pub state: State,
    /// The path that the search went on with.
    pub decided: Option<Vec<u8>>,
    /// Its last rating.
    pub ratings: Option<Ratings>,
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its best path is chosen.
    Decided,
    /// It is being trained, and was rated at least once.
    Rated,
    /// It is being trained.
    Running,
    /// It has not begun.
    Waiting,
}

impl State {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Rated => "rated",
            Self::Running => "running",
            Self::Waiting => "waiting",
        }
    }
}

impl Stage {
    /// The path that was chosen, else the best so far.
    pub fn best(&self) -> Option<&[u8]> {
        let rated =
            || self.ratings.as_ref().and_then(|ratings| ratings.scores.first()).map(|best| best.path.as_slice());
        self.decided.as_deref().or_else(rated)
    }
}

impl RunFolder {
    /// Reads the folder at `path`; weights are not looked at.
    pub fn open(path: &Path) -> Result<Self, RunError> {
        let checkpoint = Checkpoint::read(path)?;
        let best = &checkpoint.best_paths;
        let mut stages = Vec::new();
        let mut left_out = Vec::new();
        for number in 0..checkpoint.space.stages() {
            let file = path.join("ratings").join(format!("stage-{number}.json"));
            let there = file.symlink_metadata().is_ok();
            // Paths of a stage depend on the one before it: beyond the first that is not decided there are none.
            let known = number <= best.len();
            if there && !known {
                left_out.push(number);
            }
            let ratings = if there && known { Some(Ratings::read(&file, &checkpoint, number)?) } else { None };
            let decided = best.get(number).cloned();
            let state = match (&decided, &ratings) {
                (Some(_), _) => State::Decided,
                (None, Some(_)) => State::Rated,
                (None, None) if number == checkpoint.stage => State::Running,
                (None, None) => State::Waiting,
            };
            stages.push(Stage { state, decided, ratings });
        }
        Ok(Self { path: path.to_owned(), checkpoint, stages, left_out })
    }

    /// The search space, with the widths, the attention and the depths of this search.
    pub fn space(&self) -> Space {
        self.checkpoint.space
    }

    /// The architecture that was found; `None` while a stage is not decided.
    pub fn found(&self) -> Option<SearchNet> {
        let stages: Option<Vec<Vec<u8>>> = self.stages.iter().map(|stage| stage.decided.clone()).collect();
        self.net(&stages?)
    }

    /// The number of the first stage that is not decided.
    pub fn undecided(&self) -> Option<usize> {
        self.stages.iter().position(|stage| stage.decided.is_none())
    }

    /// What the digits of a whole path mean here, `5433/3230/0010/0000`, also with the space's name before them.
    pub fn parse(&self, text: &str) -> Result<SearchNet, ParseError> {
        rank::path_of(self.space(), text).map(|path| self.net_of(path))
    }

    /// Whether the supernet holds the weights of a path, and if not, why.
    pub fn check(&self, path: &SearchPath) -> Result<(), PathError> {
        let mut before = None;
        for (stage, ops) in path.stages().iter().enumerate() {
            self.space().check_path(stage, before, ops)?;
            before = ops.last().copied();
        }
        Ok(())
    }

    /// The network of these operations, one list a stage; `None` if they are none.
    pub fn net(&self, stages: &[Vec<u8>]) -> Option<SearchNet> {
        let digits: Vec<String> = stages.iter().map(|ops| digits(ops)).collect();
        self.parse(&digits.join("/")).ok()
    }

    /// A path with the widths and the attention of this search.
    fn net_of(&self, path: SearchPath) -> SearchNet {
        let attention = match self.space() {
            Space::Hytra(space) => space.orientation(),
            Space::Mbconv(_) | Space::Nats(_) => Orientation::Standard,
        };
        SearchNet { path, base: self.space().base(), attention }
    }

    /// The score of each stage's path in `path`, where all of them were rated.
    pub fn scores(&self, path: &SearchPath) -> Option<Vec<f64>> {
        let stages = path.stages();
        let score = |(stage, ops): (&Stage, &Vec<u8>)| stage.ratings.as_ref()?.score(ops);
        self.stages.iter().zip(&stages).map(score).collect()
    }

    /// What was found as an `arch.json`, with the scores of those of its stages that were rated.
    pub fn arch_file(&self, found: SearchNet) -> ArchFile {
        let Checkpoint { image_size, rules, step, .. } = &self.checkpoint;
        let mut file = ArchFile::new(found.into());
        for (number, stage) in self.stages.iter().enumerate() {
            let score = stage.decided.as_ref().and_then(|path| stage.ratings.as_ref()?.score(path));
            file.scores.extend(score.map(|score| (format!("stage {}", number + 1), score)));
        }
        let provenance: [(&str, Value); 3] =
            [("rules", rules.clone().into()), ("image_size", (*image_size).into()), ("step", (*step).into())];
        file.provenance =
            Some(provenance.map(|(key, value)| (key.to_owned(), value)).into_iter().collect::<Map<_, _>>());
        file
    }
}

/// Operations as files and commands write them: `5433`.
pub fn digits(ops: &[u8]) -> String {
    ops.iter().map(u8::to_string).collect()
}

/// The operations of a text of digits; `None` for any other.
fn operations(text: &str) -> Option<Vec<u8>> {
    let digit = |c: char| c.to_digit(10).map(|digit| digit as u8);
    text.chars().map(digit).collect::<Option<Vec<u8>>>().filter(|ops| !ops.is_empty())
}
