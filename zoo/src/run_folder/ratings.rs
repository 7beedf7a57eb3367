//! `ratings/stage-K.json`: the last rating of a stage.

use std::collections::HashMap;
use std::path::Path;

use bossnas_model::space::Space;
use serde::Deserialize;

use super::{Checkpoint, Problem, RunError, digits, operations};
use crate::rank::{Source, StageScores};

const SCHEMA: &str = "bossnas-train/rate/1";
/// Cosines are within 1, and a score adds up four of them.
const LARGEST: f64 = 8.0;

/// The rating of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratings {
    /// The epoch after which it was made, from 0.
    pub epoch: u64,
    /// The name of the rules that it was made by, if one fits.
    pub rules: Option<String>,
    /// All paths of the stage from the best to the worst, equal ones in published order.
    pub scores: Vec<Scored>,
}

/// A path of a stage and its score: the lower, the better.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The operations.
    pub path: Vec<u8>,
    /// A loss.
    pub score: f64,
}

#[derive(Deserialize)]
struct Head {
    schema: String,
    space: String,
    base: Option<usize>,
    stage: usize,
    epoch: u64,
    best_paths: Vec<String>,
    rules: Option<serde_json::Value>,
}

impl Ratings {
    /// The score of a path, if it has one.
    pub fn score(&self, path: &[u8]) -> Option<f64> {
        self.scores.iter().find(|scored| scored.path == path).map(|scored| scored.score)
    }

    /// Reads the rating of stage `number` of the run that `checkpoint` is of.
    pub(super) fn read(path: &Path, checkpoint: &Checkpoint, number: usize) -> Result<Self, RunError> {
        let source = Source::open(path)?;
        let wrong = |problem: Problem| RunError::new(path, problem);
        let head: Head = serde_json::from_str(source.text()).map_err(|error| wrong(error.into()))?;
        head.check(checkpoint, number).map_err(wrong)?;
        let mut scores = HashMap::new();
        for entry in StageScores::read(&source)? {
            if entry.value.abs() > LARGEST {
                return Err(wrong(Problem::Score { path: entry.key, score: entry.value }));
            }
            let ops = operations(&entry.key);
            let ops = ops.ok_or_else(|| wrong(Problem::NoPath { text: entry.key.clone(), stage: number }))?;
            if scores.insert(ops, entry.value).is_some() {
                return Err(wrong(Problem::Twice(entry.key)));
            }
        }
        let scores = in_order(&checkpoint.space, number, before(checkpoint, number), scores).map_err(wrong)?;
        if let Some(best) = checkpoint.best_paths.get(number).filter(|best| !scores.iter().any(|it| it.path == **best))
        {
            return Err(wrong(Problem::Missing(digits(best))));
        }
        let rules = head.rules.as_ref().and_then(|rules| rules.as_str()).map(str::to_owned);
        Ok(Self { epoch: head.epoch, rules, scores })
    }
}

/// The last operation of the stage before.
fn before(checkpoint: &Checkpoint, number: usize) -> Option<u8> {
    number.checked_sub(1).and_then(|stage| checkpoint.best_paths.get(stage)?.last().copied())
}

impl Head {
    /// A rating is of the search that the checkpoint is of.
    fn check(&self, checkpoint: &Checkpoint, number: usize) -> Result<(), Problem> {
        if self.schema != SCHEMA {
            let found = self.schema.chars().take(80).collect();
            return Err(Problem::Schema { found, expected: SCHEMA });
        }
        let space = checkpoint.space;
        let best: Vec<String> = checkpoint.best_paths.iter().take(number).map(|path| digits(path)).collect();
        let base = self.base.unwrap_or(space.base());
        let fields = [
            ("space", self.space.clone(), space.name().to_owned()),
            ("base", base.to_string(), space.base().to_string()),
            ("stage", self.stage.to_string(), number.to_string()),
            ("best_paths", format!("`{}`", self.best_paths.join("/")), format!("`{}`", best.join("/"))),
        ];
        for (field, found, expected) in fields {
            if found != expected {
                let found = found.chars().take(80).flat_map(char::escape_debug).collect();
                return Err(Problem::Contradiction { field, found, expected });
            }
        }
        Ok(())
    }
}

/// From the best to the worst. Every path of the stage that leaves one to the next stage must be there, and nothing that is
/// no path of the stage.
fn in_order(
    space: &Space,
    stage: usize,
    before: Option<u8>,
    mut scores: HashMap<Vec<u8>, f64>,
) -> Result<Vec<Scored>, Problem> {
    let mut ordered = Vec::with_capacity(scores.len());
    for path in space.paths(stage, before) {
        match scores.remove(&path) {
            Some(score) => ordered.push(Scored { path, score }),
            None if path.last().is_some_and(|&op| space.goes_on(stage, op)) => {
                return Err(Problem::Missing(digits(&path)));
            }
            None => {}
        }
    }
    if let Some(other) = scores.keys().min() {
        let error = space.check_path(stage, before, other).err();
        let missing = || Problem::NoPath { text: digits(other), stage };
        return Err(error.map_or_else(missing, |error| Problem::Path { path: digits(other), error }));
    }
    ordered.sort_by(|a, b| a.score.total_cmp(&b.score));
    Ok(ordered)
}
