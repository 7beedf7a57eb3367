//! From raw entries to checked ones.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bossnas_files::Digest;
use bossnas_model::arch::Architecture;
use bossnas_model::preprocess::{Interpolation, Preprocessing};
use serde::de::DeserializeOwned;
use toml::Spanned;
use url::Url;

use super::raw::{
    RawCheckpoint, RawDataSet, RawEmbedded, RawEmbeddedFile, RawFile, RawModel, RawPreprocessing, RawPublished,
};
use crate::address;
use crate::error::Problem;
use crate::registry::{Checkpoint, DataSet, Layout, Model, ModelWeights, Published, RemoteFile, StateDict};
use crate::{Embedded, EmbeddedFile};

const MAX_SIDE: i64 = 4096;

const MAX_FILES: usize = 1000;

/// A mistake and its line.
pub(crate) type Mistake = (usize, Problem);

/// Reads the entries of `text`.
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
}

impl Reader<'_> {
    fn line(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
    }

    pub(super) fn at<T>(&self, place: &Spanned<T>, problem: Problem) -> Mistake {
        (self.line(place.span().start), problem)
    }

    pub(super) fn toml<T: DeserializeOwned>(&self) -> Result<T, Mistake> {
        toml::from_str(self.text).map_err(|error| {
            let line = error.span().map_or(1, |span| self.line(span.start));
            (line, Problem::Toml(error.message().replace('\n', " ")))
        })
    }

    /// Checks that there are no more than `limit` entries of a section, whose names are `names`.
    pub(super) fn at_most<'n>(
        &self,
        limit: usize,
        section: &'static str,
        mut names: impl Iterator<Item = &'n Spanned<String>>,
    ) -> Result<(), Mistake> {
        names.nth(limit).map_or(Ok(()), |name| Err(self.at(name, Problem::TooMany { section, limit })))
    }

    /// Checks a name and that nothing in `seen` has it, in whatever case. `seen` has the offset of every name.
    pub(super) fn name(&self, name: &Spanned<String>, seen: &mut HashMap<String, usize>) -> Result<(), Mistake> {
        let text = name.get_ref();
        let typable = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, ':' | '\\');
        if text.is_empty() || text.len() > 64 || text.trim() != text || !text.chars().all(typable) {
            return Err(self.at(name, Problem::Name(text.clone())));
        }
        self.unique(name, text, seen)
    }

    /// Checks that nothing in `seen` is called `name`, in whatever case.
    pub(super) fn unique<T>(
        &self,
        place: &Spanned<T>,
        name: &str,
        seen: &mut HashMap<String, usize>,
    ) -> Result<(), Mistake> {
        // Lines are counted for a mistake alone: counting them for every name would take quadratic time.
        match seen.insert(name.to_ascii_lowercase(), place.span().start) {
            Some(first) => {
                Err(self.at(place, Problem::Duplicate { name: name.to_owned(), first_line: self.line(first) }))
            }
            None => Ok(()),
        }
    }

    pub(super) fn checkpoint(&self, raw: RawCheckpoint) -> Result<Checkpoint, Mistake> {
        let state_dict = [StateDict::Auto, StateDict::ModelEma, StateDict::Model]
            .into_iter()
            .find(|known| known.name() == raw.state_dict.get_ref())
            .ok_or_else(|| self.at(&raw.state_dict, Problem::StateDict(raw.state_dict.get_ref().clone())))?;
        let RawCheckpoint { url, mirrors, bytes, sha256, .. } = raw;
        let file = self.file(&RawFile { name: None, url, mirrors, bytes, sha256 })?;
        Ok(Checkpoint { name: raw.name.into_inner(), file, state_dict, licence: raw.licence })
    }

    pub(super) fn embedded(&self, raw: RawEmbedded, sets: &HashSet<String>) -> Result<Embedded, Mistake> {
        let name = raw.name.get_ref();
        if !Embedded::names().any(|known| known == name) {
            return Err(self.at(&raw.name, Problem::NotCompiledIn(name.clone())));
        }
        let seed = u64::try_from(*raw.seed.get_ref());
        Ok(Embedded {
            onnx: self.embedded_file(&raw.onnx)?,
            safetensors: self.embedded_file(&raw.safetensors)?,
            data_set: self.known_set(raw.data_set, sets)?,
            seed: seed.map_err(|_| self.number("seed", &raw.seed, "a whole number from 0 on"))?,
            made_by: raw.made_by,
            licence: raw.licence,
            name: raw.name.into_inner(),
        })
    }

    fn embedded_file(&self, raw: &RawEmbeddedFile) -> Result<EmbeddedFile, Mistake> {
        Ok(EmbeddedFile { bytes: self.positive("bytes", &raw.bytes)?, sha256: self.digest(&raw.sha256)? })
    }

    fn known_set(&self, name: Spanned<String>, sets: &HashSet<String>) -> Result<String, Mistake> {
        if sets.contains(&name.get_ref().to_ascii_lowercase()) {
            return Ok(name.into_inner());
        }
        Err(self.at(&name, Problem::NoDataSet(name.get_ref().clone())))
    }

    pub(super) fn model(
        &self,
        raw: RawModel,
        checkpoints: &[Arc<Checkpoint>],
        embedded: &[Arc<Embedded>],
        sets: &HashSet<String>,
    ) -> Result<Model, Mistake> {
        let text = raw.arch.get_ref();
        let arch = text.parse().map_err(|error| self.at(&raw.arch, Problem::Arch { arch: text.clone(), error }))?;
        if !(1..=MAX_SIDE).contains(raw.size.get_ref()) {
            return Err(self.number("size", &raw.size, "1 to 4096"));
        }
        let size = raw.size.into_inner() as usize;
        let weights = match (&raw.checkpoint, &raw.embedded) {
            (Some(name), None) => {
                let found = checkpoints.iter().find(|checkpoint| checkpoint.name == *name.get_ref());
                let found = found.ok_or_else(|| self.at(name, Problem::NoCheckpoint(name.get_ref().clone())))?;
                ModelWeights::Checkpoint(found.clone())
            }
            (None, Some(name)) => {
                let found = embedded.iter().find(|embedded| embedded.name == *name.get_ref());
                let found = found.ok_or_else(|| self.at(name, Problem::NoEmbedded(name.get_ref().clone())))?;
                ModelWeights::Embedded(found.clone())
            }
            (both, _) => {
                let problem = Problem::Weights { model: raw.name.get_ref().clone(), both: both.is_some() };
                return Err(self.at(&raw.name, problem));
            }
        };
        Ok(Model {
            aliases: raw.aliases.into_iter().map(Spanned::into_inner).collect(),
            size,
            weights,
            preprocessing: raw.preprocessing.map(|raw| self.preprocessing(&raw, size)).transpose()?,
            classes: raw.classes.map(|raw| self.classes(raw, &arch)).transpose()?,
            published: raw.published.map(|raw| self.published(raw, sets)).transpose()?,
            arch,
            name: raw.name.into_inner(),
        })
    }

    fn preprocessing(&self, raw: &RawPreprocessing, size: usize) -> Result<Preprocessing, Mistake> {
        let resize = usize::try_from(*raw.resize.get_ref()).ok();
        let resize = resize.filter(|resize| (size..=2 * MAX_SIDE as usize).contains(resize));
        let resize = resize.ok_or_else(|| self.number("resize", &raw.resize, "the size of the input, up to 8192"))?;
        let three = |key, numbers: &Spanned<[f64; 3]>, good: fn(f64) -> bool, expected| {
            let [r, g, b] = *numbers.get_ref();
            let value = || format!("[{r}, {g}, {b}]");
            let problem = || self.at(numbers, Problem::Number { key, value: value(), expected });
            [r, g, b].into_iter().all(good).then_some([r, g, b]).ok_or_else(problem)
        };
        Ok(Preprocessing {
            size: [size; 2],
            resize: [resize; 2],
            interpolation: Interpolation::Bicubic,
            mean: three("mean", &raw.mean, f64::is_finite, "three finite numbers")?,
            std: three("std", &raw.std, |x| x.is_finite() && x > 0.0, "three numbers above 0")?,
        })
    }

    fn classes(&self, raw: Spanned<Vec<String>>, arch: &Architecture) -> Result<Vec<String>, Mistake> {
        let count = raw.get_ref().len();
        match arch {
            Architecture::BossNet(net) if net.classes == count => Ok(raw.into_inner()),
            Architecture::BossNet(net) => Err(self.at(&raw, Problem::Classes { count, classes: net.classes })),
            Architecture::Search(_) => Err(self.at(&raw, Problem::Classes { count, classes: 0 })),
        }
    }

    pub(super) fn data_set(&self, raw: RawDataSet) -> Result<DataSet, Mistake> {
        let text = raw.layout.get_ref();
        let layout = Layout::ALL.into_iter().find(|layout| layout.name() == text);
        let layout = layout.ok_or_else(|| self.at(&raw.layout, Problem::Layout(text.clone())))?;
        let count = raw.files.as_ref().map_or(0, |files| files.get_ref().len());
        let expected = match layout {
            Layout::Cifar10 | Layout::Cifar100 => 1..=1,
            Layout::RankFiles => 1..=MAX_FILES,
            Layout::Digits => 0..=0,
        };
        if !expected.contains(&count) {
            let problem = Problem::Files { layout: layout.name(), count, expected };
            return Err(match &raw.files {
                Some(files) => self.at(files, problem),
                None => self.at(&raw.layout, problem),
            });
        }
        let mut seen = HashMap::new();
        let mut files = Vec::new();
        for raw in raw.files.map(Spanned::into_inner).unwrap_or_default() {
            let file = self.file(raw.get_ref())?;
            self.unique(&raw, &file.name, &mut seen)?;
            files.push(file);
        }
        Ok(DataSet {
            aliases: raw.aliases.into_iter().map(Spanned::into_inner).collect(),
            name: raw.name.into_inner(),
            layout,
            source: raw.source,
            licence: raw.licence,
            files,
        })
    }

    fn file(&self, raw: &RawFile) -> Result<RemoteFile, Mistake> {
        let url = self.url(&raw.url)?;
        let (place, name) = match &raw.name {
            Some(name) => (name, name.get_ref().clone()),
            None => (&raw.url, address::file_name(&url).unwrap_or_default()),
        };
        if !is_file_name(&name) {
            return Err(self.at(place, Problem::FileName(name)));
        }
        Ok(RemoteFile {
            name,
            url,
            mirrors: raw.mirrors.iter().map(|mirror| self.url(mirror)).collect::<Result<_, _>>()?,
            bytes: raw.bytes.as_ref().map(|bytes| self.positive("bytes", bytes)).transpose()?,
            sha256: raw.sha256.as_ref().map(|hash| self.digest(hash)).transpose()?,
        })
    }

    fn digest(&self, hash: &Spanned<String>) -> Result<Digest, Mistake> {
        hash.get_ref().parse().map_err(|_| self.at(hash, Problem::Hash(hash.get_ref().clone())))
    }

    fn url(&self, text: &Spanned<String>) -> Result<Url, Mistake> {
        address::parse(text.get_ref()).map_err(|why| self.at(text, Problem::Url { url: text.get_ref().clone(), why }))
    }

    fn published(&self, raw: RawPublished, sets: &HashSet<String>) -> Result<Published, Mistake> {
        for (key, accuracy) in [("top1", &raw.top1), ("top5", &raw.top5)] {
            if !(0.0..=100.0).contains(accuracy.get_ref()) {
                return Err(self.number(key, accuracy, "a percentage from 0 to 100"));
            }
        }
        if let Some(step_ms) = &raw.step_ms
            && !(step_ms.get_ref().is_finite() && *step_ms.get_ref() > 0.0)
        {
            return Err(self.number("step_ms", step_ms, "a time above 0"));
        }
        Ok(Published {
            top1: raw.top1.into_inner(),
            top5: raw.top5.into_inner(),
            data_set: raw.data_set.map(|name| self.known_set(name, sets)).transpose()?,
            madds: raw.madds.as_ref().map(|madds| self.positive("madds", madds)).transpose()?,
            step_ms: raw.step_ms.map(Spanned::into_inner),
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

/// A name that means the same file on every system.
fn is_file_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=128).contains(&name.len()) && !name.starts_with('.') && !name.ends_with('.') && name.chars().all(letter)
}
