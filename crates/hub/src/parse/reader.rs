//! From raw entries to checked ones.

use std::collections::HashMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;
use url::Url;

use super::raw::{RawCheckpoint, RawDataSet, RawFile, RawModel, RawPublished};
use crate::address;
use crate::error::Problem;
use crate::registry::{Checkpoint, DataSet, Layout, Model, Published, RemoteFile, StateDict};

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

    pub(super) fn model(&self, raw: RawModel, checkpoints: &[Arc<Checkpoint>]) -> Result<Model, Mistake> {
        let text = raw.arch.get_ref();
        let arch = text.parse().map_err(|error| self.at(&raw.arch, Problem::Arch { arch: text.clone(), error }))?;
        if !(1..=MAX_SIDE).contains(raw.size.get_ref()) {
            return Err(self.number("size", &raw.size, "1 to 4096"));
        }
        let checkpoint = checkpoints
            .iter()
            .find(|checkpoint| checkpoint.name == *raw.checkpoint.get_ref())
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

    pub(super) fn data_set(&self, raw: RawDataSet) -> Result<DataSet, Mistake> {
        let text = raw.layout.get_ref();
        let layout = Layout::ALL.into_iter().find(|layout| layout.name() == text);
        let layout = layout.ok_or_else(|| self.at(&raw.layout, Problem::Layout(text.clone())))?;
        let count = raw.files.get_ref().len();
        let expected = if layout.is_archive() { 1..=1 } else { 1..=MAX_FILES };
        if !expected.contains(&count) {
            return Err(self.at(&raw.files, Problem::Files { layout: layout.name(), count }));
        }
        let mut seen = HashMap::new();
        let mut files = Vec::new();
        for raw in raw.files.into_inner() {
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
        let digest = |hash: &Spanned<String>| {
            hash.get_ref().parse().map_err(|_| self.at(hash, Problem::Hash(hash.get_ref().clone())))
        };
        Ok(RemoteFile {
            name,
            url,
            mirrors: raw.mirrors.iter().map(|mirror| self.url(mirror)).collect::<Result<_, _>>()?,
            bytes: raw.bytes.as_ref().map(|bytes| self.positive("bytes", bytes)).transpose()?,
            sha256: raw.sha256.as_ref().map(digest).transpose()?,
        })
    }

    fn url(&self, text: &Spanned<String>) -> Result<Url, Mistake> {
        address::parse(text.get_ref()).map_err(|why| self.at(text, Problem::Url { url: text.get_ref().clone(), why }))
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

/// A name that means the same file on every system.
fn is_file_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=128).contains(&name.len()) && !name.starts_with('.') && !name.ends_with('.') && name.chars().all(letter)
}
