//! Strict reading of a registry: what is not understood is an error with its line.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::error::Problem;
use crate::registry::{Checkpoint, Model, Published, StateDict};
use crate::url;

/// The version that this program reads.
pub(crate) const SCHEMA: i64 = 1;

const MAX_SIDE: i64 = 4096;

/// A mistake and its line.
type Mistake = (usize, Problem);

#[derive(Deserialize)]
struct Head {
    schema: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRegistry {
    #[serde(rename = "schema")]
    _schema: i64,
    #[serde(default, rename = "checkpoint")]
    checkpoints: Vec<RawCheckpoint>,
    #[serde(default, rename = "model")]
    models: Vec<RawModel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheckpoint {
    name: Spanned<String>,
    url: Spanned<String>,
    bytes: Option<Spanned<i64>>,
    sha256: Option<Spanned<String>>,
    state_dict: Spanned<String>,
    licence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModel {
    name: Spanned<String>,
    #[serde(default)]
    aliases: Vec<Spanned<String>>,
    arch: Spanned<String>,
    size: Spanned<i64>,
    checkpoint: Spanned<String>,
    published: Option<RawPublished>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPublished {
    top1: Spanned<f64>,
    top5: Spanned<f64>,
    madds: Spanned<i64>,
    step_ms: Spanned<f64>,
    source: String,
}

/// The models of the registry `text`.
pub(crate) fn models(text: &str) -> Result<Vec<Model>, Mistake> {
    let reader = Reader { text };
    // The schema first, so that a newer registry is called that and not one with an unknown key.
    let head: Head = reader.toml()?;
    if *head.schema.get_ref() != SCHEMA {
        return Err(reader.at(&head.schema, Problem::Schema(*head.schema.get_ref())));
    }
    let raw: RawRegistry = reader.toml()?;
    let mut names = HashMap::new();
    let mut checkpoints = HashMap::new();
    for raw in raw.checkpoints {
        reader.name(&raw.name, &mut names)?;
        let checkpoint = reader.checkpoint(raw)?;
        checkpoints.insert(checkpoint.name.clone(), checkpoint);
    }
    let mut names = HashMap::new();
    let model = |raw: RawModel| {
        reader.name(&raw.name, &mut names)?;
        raw.aliases.iter().try_for_each(|alias| reader.name(alias, &mut names))?;
        reader.model(raw, &checkpoints)
    };
    raw.models.into_iter().map(model).collect()
}

struct Reader<'a> {
    text: &'a str,
}

impl Reader<'_> {
    fn line(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
    }

    fn at<T>(&self, place: &Spanned<T>, problem: Problem) -> Mistake {
        (self.line(place.span().start), problem)
    }

    fn toml<T: DeserializeOwned>(&self) -> Result<T, Mistake> {
        toml::from_str(self.text).map_err(|error| {
            let line = error.span().map_or(1, |span| self.line(span.start));
            (line, Problem::Toml(error.message().replace('\n', " ")))
        })
    }

    /// Checks a name and that nothing in `seen` has it, in whatever case.
    fn name(&self, name: &Spanned<String>, seen: &mut HashMap<String, usize>) -> Result<(), Mistake> {
        let text = name.get_ref();
        let typable = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, ':' | '\\');
        if text.is_empty() || text.len() > 64 || text.trim() != text || !text.chars().all(typable) {
            return Err(self.at(name, Problem::Name(text.clone())));
        }
        match seen.insert(text.to_ascii_lowercase(), self.line(name.span().start)) {
            Some(first_line) => Err(self.at(name, Problem::Duplicate { name: text.clone(), first_line })),
            None => Ok(()),
        }
    }

    fn checkpoint(&self, raw: RawCheckpoint) -> Result<Checkpoint, Mistake> {
        let address = raw.url.get_ref();
        url::check(address).map_err(|why| self.at(&raw.url, Problem::Url { url: address.clone(), why }))?;
        let digest = |hash: &Spanned<String>| {
            hash.get_ref().parse().map_err(|_| self.at(hash, Problem::Hash(hash.get_ref().clone())))
        };
        let state_dict = [StateDict::Auto, StateDict::ModelEma, StateDict::Model]
            .into_iter()
            .find(|known| known.name() == raw.state_dict.get_ref())
            .ok_or_else(|| self.at(&raw.state_dict, Problem::StateDict(raw.state_dict.get_ref().clone())))?;
        Ok(Checkpoint {
            bytes: raw.bytes.as_ref().map(|bytes| self.positive("bytes", bytes)).transpose()?,
            sha256: raw.sha256.as_ref().map(digest).transpose()?,
            state_dict,
            name: raw.name.into_inner(),
            url: raw.url.into_inner(),
            licence: raw.licence,
        })
    }

    fn model(&self, raw: RawModel, checkpoints: &HashMap<String, Checkpoint>) -> Result<Model, Mistake> {
        let text = raw.arch.get_ref();
        let arch = text.parse().map_err(|error| self.at(&raw.arch, Problem::Arch { arch: text.clone(), error }))?;
        if !(1..=MAX_SIDE).contains(raw.size.get_ref()) {
            return Err(self.number("size", &raw.size, "1 to 4096"));
        }
        let checkpoint = checkpoints
            .get(raw.checkpoint.get_ref())
            .ok_or_else(|| self.at(&raw.checkpoint, Problem::NoCheckpoint(raw.checkpoint.get_ref().clone())))?;
        Ok(Model {
            aliases: raw.aliases.into_iter().map(Spanned::into_inner).collect(),
            arch,
            size: raw.size.into_inner() as usize,
            checkpoint: checkpoint.clone(),
            published: raw.published.map(|raw| self.published(raw)).transpose()?,
            name: raw.name.into_inner(),
        })
    }

    fn published(&self, raw: RawPublished) -> Result<Published, Mistake> {
        for (key, accuracy) in [("top1", &raw.top1), ("top5", &raw.top5)] {
            if !(0.0..=100.0).contains(accuracy.get_ref()) {
                return Err(self.number(key, accuracy, "a percentage from 0 to 100"));
            }
        }
        if !(raw.step_ms.get_ref().is_finite() && *raw.step_ms.get_ref() > 0.0) {
            return Err(self.number("step_ms", &raw.step_ms, "a time above 0"));
        }
        Ok(Published {
            top1: raw.top1.into_inner(),
            top5: raw.top5.into_inner(),
            madds: self.positive("madds", &raw.madds)?,
            step_ms: raw.step_ms.into_inner(),
            source: raw.source,
        })
    }

    fn positive(&self, key: &'static str, number: &Spanned<i64>) -> Result<u64, Mistake> {
        match u64::try_from(*number.get_ref()) {
            Ok(value @ 1..) => Ok(value),
            _ => Err(self.number(key, number, "a whole number above 0")),
        }
    }

    fn number<T: ToString>(&self, key: &'static str, value: &Spanned<T>, expected: &'static str) -> Mistake {
        self.at(value, Problem::Number { key, value: value.get_ref().to_string(), expected })
    }
}
