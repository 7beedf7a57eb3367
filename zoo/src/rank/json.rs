//! JSON forms of ratings and accuracies.
//!
//! ```json
//! {"schema": "...", "stage": 0, "scores": {"00": -0.17, "01": -0.18}, "order": ["01", "00"]}
//! {"schema": "...", "space": "mbconv", "stages": [{"scores": {"00": -0.17}}, {"scores": {"0000": -0.2}}]}
//! {"space": "mbconv", "ratings": {"11/1111/1101/1011/1101": -13.2}}
//! {"space": "mbconv", "models": [{"path": "11/1111/1101/1011/1101", "top1": 75.52}]}
//! {"11/1111/1101/1011/1101": 75.52}
//! ```
//!
//! The first is one stage of a search, in a file of its own or as an element of the second; the third and the last are ratings or
//! accuracies of whole architectures. Fields of other names may be there, but for the last.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::source::Source;
use super::{Entry, MAX_ENTRIES, Problem, RankError, Space};

/// Which form a file has, and what it says of itself.
#[derive(Deserialize)]
pub(super) struct Head {
    space: Option<String>,
    pub(super) stage: Option<usize>,
    scores: Option<IgnoredAny>,
    stages: Option<IgnoredAny>,
    ratings: Option<IgnoredAny>,
    models: Option<IgnoredAny>,
}

/// The forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `scores`: the paths of one stage.
    Stage,
    /// `stages`.
    Stages,
    /// `ratings`.
    Ratings,
    /// `models`.
    Models,
    /// Architectures as fields.
    Map,
}

impl Head {
    pub(super) fn read(source: &Source) -> Result<Self, RankError> {
        parse(source)
    }

    pub(super) fn form(&self) -> Form {
        match self {
            Self { scores: Some(_), .. } => Form::Stage,
            Self { stages: Some(_), .. } => Form::Stages,
            Self { ratings: Some(_), .. } => Form::Ratings,
            Self { models: Some(_), .. } => Form::Models,
            _ => Form::Map,
        }
    }

    pub(super) fn space(&self, source: &Source) -> Result<Option<Space>, RankError> {
        let unknown = |name: &String| source.wrong(Problem::UnknownSpace { name: name.chars().take(80).collect() });
        self.space.as_ref().map(|name| name.parse().map_err(|_| unknown(name))).transpose()
    }
}

/// The paths of one stage with their scores.
#[derive(Deserialize)]
pub(crate) struct StageScores {
    scores: Entries,
    /// From the best to the worst, if the writer says.
    order: Option<Vec<String>>,
}

impl StageScores {
    /// The scores of a file of one stage.
    pub(crate) fn read(source: &Source) -> Result<Vec<Entry>, RankError> {
        parse::<Self>(source)?.checked(source)
    }

    /// The scores of a file of all stages.
    pub(super) fn read_all(source: &Source) -> Result<Vec<Vec<Entry>>, RankError> {
        #[derive(Deserialize)]
        struct File {
            stages: Vec<StageScores>,
        }
        parse::<File>(source)?.stages.into_iter().map(|stage| stage.checked(source)).collect()
    }

    /// An order must be one of all paths, and the scores must not fall along it.
    fn checked(self, source: &Source) -> Result<Vec<Entry>, RankError> {
        let Entries(entries) = self.scores;
        let Some(order) = self.order else { return Ok(entries) };
        let wrong = |problem: String| source.wrong(Problem::Order(problem));
        if order.len() != entries.len() {
            return Err(wrong(format!("it has {} paths, there are {} scores", order.len(), entries.len())));
        }
        let mut scores: HashMap<&str, f64> = entries.iter().map(|entry| (entry.key.as_str(), entry.value)).collect();
        let mut before = f64::NEG_INFINITY;
        for key in &order {
            match scores.remove(key.as_str()) {
                Some(score) if score >= before => before = score,
                Some(_) => return Err(wrong(format!("`{key}` is better than the path before it"))),
                None => return Err(wrong(format!("`{key}` has no score, or is there twice"))),
            }
        }
        Ok(entries)
    }
}

/// Ratings of whole architectures.
pub(super) fn ratings(source: &Source) -> Result<Vec<Entry>, RankError> {
    #[derive(Deserialize)]
    struct File {
        ratings: Entries,
    }
    Ok(parse::<File>(source)?.ratings.0)
}

/// Accuracies of published models.
pub(super) fn models(source: &Source) -> Result<Vec<Entry>, RankError> {
    #[derive(Deserialize)]
    struct Model {
        path: String,
        top1: f64,
    }
    #[derive(Deserialize)]
    struct File {
        models: Vec<Model>,
    }
    let models = parse::<File>(source)?.models;
    Ok(models.into_iter().map(|model| Entry { key: model.path, value: model.top1 }).collect())
}

/// Numbers of whole architectures, which are the fields themselves.
pub(super) fn map(source: &Source) -> Result<Vec<Entry>, RankError> {
    Ok(parse::<Entries>(source)?.0)
}

fn parse<'a, T: Deserialize<'a>>(source: &'a Source) -> Result<T, RankError> {
    serde_json::from_str(source.text()).map_err(|error| source.wrong(error))
}

/// A map from texts to numbers, in its order; two of the same key are both there. Texts are passed over where they are what a
/// file says of itself.
struct Entries(Vec<Entry>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from paths to numbers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    if matches!(key.as_str(), "schema" | "space" | "dataset" | "source") {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    if entries.len() == MAX_ENTRIES {
                        return Err(serde::de::Error::custom(Problem::TooMany));
                    }
                    let value = map.next_value()?;
                    entries.push(Entry { key, value });
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Map)
    }
}
