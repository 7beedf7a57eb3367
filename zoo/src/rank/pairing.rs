//! Ratings and accuracies of the same architectures.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use bossnas_model::arch::SearchPath;

use super::space::{named, path_of};
use super::{Accuracies, Entry, Problem, RankError, Ratings, Space, Stage};

/// What upstream's scripts add to the score of each stage.
const PUBLISHED_OFFSET: f64 = 4.0;

/// How the scores of the stages become the rating of an architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// They are added up.
    Plain,
    /// As upstream's scripts do it: 4 is added to each, and the sum is rounded to 4 decimals, which makes ties.
    Published,
}

/// What becomes of an architecture that has an accuracy and no rating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is an error.
    Refused,
    /// It is left out.
    LeftOut,
}

/// An architecture with both.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The architecture.
    pub arch: SearchPath,
    /// A loss: lower is better.
    pub rating: f64,
    /// Higher is better.
    pub accuracy: f64,
}

/// Ratings and accuracies, architecture by architecture.
#[derive(Debug, Clone)]
pub struct Pairing {
    /// The search space.
    pub space: Space,
    /// In the order of the accuracies; at least one.
    pub pairs: Vec<Pair>,
    /// Architectures with an accuracy that have no rating and were left out.
    pub missing: usize,
    /// Architectures that are rated, if a number says it: not for stages of HyTra, where not every path may follow any other.
    pub rated: Option<u64>,
}

/// Brings ratings and accuracies together. `asked` is the space if the caller knows it; else files say it, or the form of the
/// architectures does, if only one space has it.
pub fn pair(
    ratings: &Ratings,
    accuracies: &Accuracies,
    asked: Option<Space>,
    sum: Sum,
    missing: Missing,
) -> Result<Pairing, RankError> {
    let space = space(ratings, accuracies, asked)?;
    let index = Index::new(ratings, space, sum)?;
    let mut seen = HashSet::with_capacity(accuracies.entries.len());
    let mut pairs = Vec::with_capacity(accuracies.entries.len());
    let mut first_missing = None;
    let mut count = 0;
    for Entry { key, value } in &accuracies.entries {
        let arch = architecture(&accuracies.path, space, key)?;
        match index.rating(&arch) {
            Ok(rating) if !rating.is_finite() => return Err(RankError::Overflow { arch: key.clone() }),
            Ok(rating) => pairs.push(Pair { arch: arch.clone(), rating, accuracy: *value }),
            Err(stage) => {
                count += 1;
                first_missing.get_or_insert((key.clone(), stage));
            }
        }
        if !seen.insert(arch) {
            return Err(malformed(&accuracies.path, Problem::Twice { key: key.clone() }));
        }
    }
    let of = accuracies.entries.len();
    match first_missing {
        Some((arch, stage)) if missing == Missing::Refused => {
            return Err(RankError::Missing { count, of, arch, stage });
        }
        _ if pairs.is_empty() => return Err(RankError::NothingInCommon { accuracies: of }),
        _ => {}
    }
    Ok(Pairing { space, pairs, missing: count, rated: index.rated(space) })
}

/// The one space that everybody means.
fn space(ratings: &Ratings, accuracies: &Accuracies, asked: Option<Space>) -> Result<Space, RankError> {
    let quoted = |path: &Path| format!("`{}`", path.display());
    let said = [
        asked.map(|space| ("--space".to_owned(), space)),
        accuracies.space.map(|space| (quoted(&accuracies.path), space)),
        ratings.space().map(|space| (quoted(ratings.path()), space)),
    ];
    let mut said = said.into_iter().flatten();
    if let Some((first, space)) = said.next() {
        return match said.find(|(_, other)| *other != space) {
            Some((second, other)) => Err(RankError::Spaces { first, second, spaces: [space, other] }),
            None => Ok(space),
        };
    }
    let Some(Entry { key, .. }) = accuracies.entries.first() else {
        return Err(malformed(&accuracies.path, Problem::Empty("accuracies")));
    };
    if let Some(space) = named(key) {
        return Ok(space);
    }
    let fitting: Vec<Space> = Space::PUBLISHED.into_iter().filter(|&space| path_of(space, key).is_ok()).collect();
    if fitting.is_empty() {
        return Err(malformed(&accuracies.path, Problem::NoSpace { key: key.clone() }));
    }
    let fits = |space: &&Space| match ratings {
        // The stages tell NATS-Bench's two apart.
        Ratings::Stages { stages, .. } => {
            let layers = stages.iter().map(|stage| stage.scores.first().map_or(0, |score| score.key.len()));
            space.stage_layers().into_iter().eq(layers)
        }
        Ratings::Whole { entries, .. } => {
            entries.first().and_then(|entry| named(&entry.key)).is_none_or(|named| named == **space)
        }
    };
    match fitting[..] {
        // What does not fit is told of its stages.
        [space] => Ok(space),
        _ => match fitting.iter().filter(fits).collect::<Vec<_>>()[..] {
            [space] => Ok(*space),
            [] => Err(malformed(ratings.path(), Problem::OtherStages { key: key.clone(), fitting })),
            _ => Err(RankError::Ambiguous { arch: key.clone(), fitting }),
        },
    }
}

/// The architecture that a file's text means.
fn architecture(path: &Path, space: Space, key: &str) -> Result<SearchPath, RankError> {
    let wrong = |problem| malformed(path, problem);
    let arch = path_of(space, key)
        .map_err(|error| wrong(Problem::Arch { key: key.to_owned(), space, error: Box::new(error) }))?;
    if Space::of(&arch) == space {
        return Ok(arch);
    }
    Err(RankError::Spaces {
        first: format!("`{key}` in `{}`", path.display()),
        second: "the rest".to_owned(),
        spaces: [Space::of(&arch), space],
    })
}

/// Ratings by what they belong to.
enum Index<'a> {
    Stages { scores: Vec<HashMap<&'a str, f64>>, sum: Sum },
    Whole(HashMap<SearchPath, f64>),
}

impl<'a> Index<'a> {
    fn new(ratings: &'a Ratings, space: Space, sum: Sum) -> Result<Self, RankError> {
        match ratings {
            Ratings::Stages { path, stages, .. } => {
                let layers = space.stage_layers();
                if stages.len() != layers.len() {
                    let problem = Problem::Stages { found: stages.len(), expected: layers.len(), space };
                    return Err(malformed(path, problem));
                }
                let numbered = stages.iter().zip(layers).enumerate();
                let scores = numbered.map(|(number, (stage, layers))| by_path(stage, number, layers, space));
                Ok(Self::Stages { scores: scores.collect::<Result<_, _>>()?, sum })
            }
            Ratings::Whole { path, .. } if sum == Sum::Published => Err(RankError::NoStages { path: path.clone() }),
            Ratings::Whole { path, entries, .. } => {
                let mut index = HashMap::with_capacity(entries.len());
                for Entry { key, value } in entries {
                    if index.insert(architecture(path, space, key)?, *value).is_some() {
                        return Err(malformed(path, Problem::Twice { key: key.clone() }));
                    }
                }
                Ok(Self::Whole(index))
            }
        }
    }

    /// The rating of an architecture, or the stage and path that it lacks.
    fn rating(&self, arch: &SearchPath) -> Result<f64, Option<(usize, String)>> {
        match self {
            Self::Whole(ratings) => ratings.get(arch).copied().ok_or(None),
            Self::Stages { scores, sum } => {
                let mut rating = 0.0;
                for (number, (stage, scores)) in arch.stages().iter().zip(scores).enumerate() {
                    let path: String = stage.iter().map(|&op| char::from(b'0' + op)).collect();
                    let score = scores.get(path.as_str()).ok_or_else(|| Some((number, path.clone())))?;
                    rating += match sum {
                        Sum::Plain => *score,
                        Sum::Published => *score + PUBLISHED_OFFSET,
                    };
                }
                Ok(match sum {
                    Sum::Plain => rating,
                    Sum::Published => rounded(rating),
                })
            }
        }
    }

    /// Number of architectures that have a rating.
    fn rated(&self, space: Space) -> Option<u64> {
        match self {
            Self::Whole(ratings) => Some(ratings.len() as u64),
            Self::Stages { scores, .. } if space.stages_are_independent() => {
                scores.iter().try_fold(1_u64, |product, stage| product.checked_mul(stage.len() as u64))
            }
            Self::Stages { .. } => None,
        }
    }
}

fn by_path(stage: &Stage, number: usize, layers: usize, space: Space) -> Result<HashMap<&str, f64>, RankError> {
    let mut scores = HashMap::with_capacity(stage.scores.len());
    for Entry { key, value } in &stage.scores {
        if key.len() != layers {
            let problem = Problem::StagePath { key: key.clone(), stage: number, space, layers };
            return Err(malformed(&stage.path, problem));
        }
        if scores.insert(key.as_str(), *value).is_some() {
            return Err(malformed(&stage.path, Problem::Twice { key: key.clone() }));
        }
    }
    Ok(scores)
}

/// To 4 decimals as Python's `round` does: the decimal that is nearest to the exact value of the number, of two the even one.
fn rounded(value: f64) -> f64 {
    // What was written from a number parses.
    format!("{value:.4}").parse().unwrap_or(value)
}

fn malformed(path: &Path, problem: Problem) -> RankError {
    RankError::Malformed { path: path.to_owned(), line: None, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_rounded_as_python_rounds_them() {
        // The first two are exact ties in decimal text only; the next two in binary too.
        for (value, expected) in [
            (2.67515, 2.6751),
            (1.00005, 1.0001),
            (0.03125, 0.0312),
            (0.09375, 0.0938),
            (3.51664, 3.5166),
            (-0.00004, 0.0),
            (1e300, 1e300),
        ] {
            assert_eq!(rounded(value), expected, "{value}");
        }
    }
}
