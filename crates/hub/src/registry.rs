//! The models and data sets that have a name.

use std::path::Path;
use std::sync::Arc;

use bossnas_files::{Digest, SourceFile};
use bossnas_model::arch::Architecture;
use bossnas_model::preprocess::Preprocessing;
use url::Url;

use crate::{Embedded, RegistryError, parse};

const BUILT_IN: &str = include_str!("../../../registry.toml");

/// Which of a checkpoint's state dicts holds the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateDict {
    /// `model_ema` where there is one, else `model`, else the file itself.
    Auto,
    /// The moving average of the weights.
    ModelEma,
    /// The weights.
    Model,
}

impl StateDict {
    /// The name in registries and on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ModelEma => "model_ema",
            Self::Model => "model",
        }
    }
}

/// A file at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// What it is called where it is unpacked: the last part of its address unless the registry says otherwise.
    pub name: String,
    /// Where it is published.
    pub url: Url,
    /// Where else it may be had, in the order in which to ask.
    pub mirrors: Vec<Url>,
    /// Its size, where it is known.
    pub bytes: Option<u64>,
    /// Its digest, where it is known.
    pub sha256: Option<Digest>,
}

/// A file of weights, which several models may share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its name within the registry.
    pub name: String,
    /// The file.
    pub file: RemoteFile,
    /// Which state dict to take.
    pub state_dict: StateDict,
    /// What its publisher says about its licence.
    pub licence: String,
}

/// What the files of a data set are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// CIFAR-10 for Python: a tar.gz archive of pickled batches.
    Cifar10,
    /// CIFAR-100 for Python, likewise.
    Cifar100,
    /// Ratings of paths and accuracies, as YAML.
    RankFiles,
    /// The handwritten digits that are part of the program: there is no file.
    Digits,
}

impl Layout {
    pub(crate) const ALL: [Self; 4] = [Self::Cifar10, Self::Cifar100, Self::RankFiles, Self::Digits];

    /// The name in registries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::RankFiles => "rank-files",
            Self::Digits => "digits",
        }
    }

    /// Whether it is one archive that is unpacked.
    pub const fn is_archive(self) -> bool {
        match self {
            Self::Cifar10 | Self::Cifar100 => true,
            Self::RankFiles | Self::Digits => false,
        }
    }

    /// Whether it is part of the program, so that there is nothing to fetch.
    pub const fn is_embedded(self) -> bool {
        match self {
            Self::Digits => true,
            Self::Cifar10 | Self::Cifar100 | Self::RankFiles => false,
        }
    }
}

/// Data with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// Its name.
    pub name: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// What its files are.
    pub layout: Layout,
    /// Whose work it is.
    pub source: String,
    /// What its publisher says about its licence.
    pub licence: String,
    /// Its files; of an archive exactly one, of one that is part of the program none.
    pub files: Vec<RemoteFile>,
}

impl DataSet {
    /// Its name, then its aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }
}

/// What can be fetched, or need not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'r> {
    /// The weights of one or more models.
    Checkpoint(&'r Checkpoint),
    /// The weights of one or more models, which are part of the program.
    Embedded(&'r Embedded),
    /// A data set.
    DataSet(&'r DataSet),
}

/// Figures that were published for a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Top-1 accuracy, in per cent.
    pub top1: f64,
    /// Top-5 accuracy, in per cent.
    pub top5: f64,
    /// The data set on whose test part that is; `None` for ImageNet's validation set.
    pub data_set: Option<String>,
    /// Multiply-adds of one image, as rounded in the source.
    pub madds: Option<u64>,
    /// Time of one step on the publisher's GPU, in milliseconds.
    pub step_ms: Option<f64>,
    /// Who says so.
    pub source: String,
}

/// A model with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// What it is.
    pub arch: Architecture,
    /// Height and width of its input.
    pub size: usize,
    /// Its weights.
    pub weights: ModelWeights,
    /// How images are prepared for its size; `None` for what is usual for networks of its kind.
    pub preprocessing: Option<Preprocessing>,
    /// The names of its classes; `None` for ImageNet's.
    pub classes: Option<Vec<String>>,
    /// What is known of it.
    pub published: Option<Published>,
}

/// Where the weights of a model are; other models may share them.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelWeights {
    /// In a file that is fetched.
    Checkpoint(Arc<Checkpoint>),
    /// In the program.
    Embedded(Arc<Embedded>),
}

/// Everything with a name, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Registry {
    origin: String,
    contents: Contents,
}

/// What is in a registry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contents {
    pub(crate) checkpoints: Vec<Arc<Checkpoint>>,
    pub(crate) embedded: Vec<Arc<Embedded>>,
    pub(crate) models: Vec<Model>,
    pub(crate) data_sets: Vec<DataSet>,
}

impl Registry {
    /// The largest file that is read as a registry.
    pub const MAX_BYTES: u64 = 1 << 20;
    /// The compiled-in registry.
    pub fn built_in() -> Result<Self, RegistryError> {
        Self::parse("registry.toml (built in)", BUILT_IN)
    }

    /// The registry in a file.
    pub fn read(path: &Path) -> Result<Self, RegistryError> {
        let file = SourceFile::open(path)?;
        let origin = path.display().to_string();
        if file.len() > Self::MAX_BYTES {
            return Err(RegistryError::TooLarge { origin, bytes: file.len(), limit: Self::MAX_BYTES });
        }
        Self::parse(&origin, &String::from_utf8_lossy(&file.read_at(0, file.len())?))
    }

    /// The registry in a text; `origin` is for error messages.
    pub fn parse(origin: &str, text: &str) -> Result<Self, RegistryError> {
        let invalid =
            |(line, problem)| RegistryError::Invalid { origin: origin.to_owned(), line, problem: Box::new(problem) };
        Ok(Self { origin: origin.to_owned(), contents: parse::contents(text).map_err(invalid)? })
    }

    /// The same registry, known by another origin.
    #[must_use]
    pub(crate) fn from(self, origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..self }
    }

    /// Where it came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The models.
    pub fn models(&self) -> &[Model] {
        &self.contents.models
    }

    /// The checkpoints, also those that no model uses.
    pub fn checkpoints(&self) -> &[Arc<Checkpoint>] {
        &self.contents.checkpoints
    }

    /// The weights that are part of the program, also those that no model uses.
    pub fn embedded(&self) -> &[Arc<Embedded>] {
        &self.contents.embedded
    }

    /// The data sets.
    pub fn data_sets(&self) -> &[DataSet] {
        &self.contents.data_sets
    }

    /// The model of that name or alias, in any case.
    pub fn find(&self, name: &str) -> Option<&Model> {
        self.models().iter().find(|model| model.names().any(|own| own.eq_ignore_ascii_case(name)))
    }

    /// The data set of that name or alias, in any case.
    pub fn data_set(&self, name: &str) -> Option<&DataSet> {
        self.data_sets().iter().find(|set| set.names().any(|own| own.eq_ignore_ascii_case(name)))
    }

    /// The models that use the checkpoint of that name.
    pub fn models_of(&self, checkpoint: &str) -> impl Iterator<Item = &Model> {
        self.models().iter().filter(move |model| model.checkpoint().is_some_and(|own| own.name == checkpoint))
    }

    /// The models that use the weights of that name in the program.
    pub fn models_of_embedded(&self, embedded: &str) -> impl Iterator<Item = &Model> {
        self.models().iter().filter(move |model| model.embedded().is_some_and(|own| own.name == embedded))
    }

    /// What can be fetched under a name, in any case: that of a data set, a model or a checkpoint, else that of a
    /// checkpoint's file. What is part of the program has such a name too.
    pub fn entry(&self, name: &str) -> Option<Entry<'_>> {
        let name = name.trim();
        if let Some(set) = self.data_set(name) {
            return Some(Entry::DataSet(set));
        }
        let name = match self.find(name).map(|model| &model.weights) {
            Some(ModelWeights::Embedded(embedded)) => return Some(Entry::Embedded(embedded)),
            Some(ModelWeights::Checkpoint(checkpoint)) => &checkpoint.name,
            None => name,
        };
        let called = |own: fn(&Checkpoint) -> &str| {
            self.checkpoints().iter().find(|checkpoint| own(checkpoint).eq_ignore_ascii_case(name))
        };
        called(|checkpoint| &checkpoint.name)
            .or_else(|| called(|checkpoint| &checkpoint.file.name))
            .map(|checkpoint| Entry::Checkpoint(checkpoint))
    }

    /// Models whose name or alias looks like `text`, the nearest first, at most three.
    pub fn nearest(&self, text: &str) -> Vec<&Model> {
        nearest(text, self.models().iter().map(|model| (model, model.names())))
    }

    /// Names of data sets that look like `text`, the nearest first, at most three.
    pub fn nearest_data_sets(&self, text: &str) -> Vec<String> {
        nearest(text, self.data_sets().iter().map(|set| (&set.name, set.names()))).into_iter().cloned().collect()
    }

    /// Names of models and data sets that look like `text`, the nearest first, at most three.
    pub fn nearest_entries(&self, text: &str) -> Vec<String> {
        let models = self.models().iter().map(|model| (&model.name, model.names().collect::<Vec<_>>()));
        let sets = self.data_sets().iter().map(|set| (&set.name, set.names().collect()));
        nearest(text, models.chain(sets)).into_iter().cloned().collect()
    }
}

/// The things with a name that looks like `text`, the nearest first, at most three.
fn nearest<'n, T>(text: &str, named: impl Iterator<Item = (T, impl IntoIterator<Item = &'n str>)>) -> Vec<T> {
    let text = text.to_ascii_lowercase();
    let distance = |name: &str| {
        let edits = strsim::damerau_levenshtein(&name.to_ascii_lowercase(), &text);
        // One slip in a short name, two in five characters of a longer one.
        (edits <= 1.max(name.len().max(text.len()) * 2 / 5)).then_some(edits)
    };
    let near = named.filter_map(|(thing, names)| Some((names.into_iter().filter_map(distance).min()?, thing)));
    let mut near: Vec<(usize, T)> = near.collect();
    near.sort_by_key(|(edits, _)| *edits);
    near.into_iter().take(3).map(|(_, thing)| thing).collect()
}

impl Model {
    /// Its name, then its aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }

    /// The file with its weights, if it is one that is fetched.
    pub fn checkpoint(&self) -> Option<&Arc<Checkpoint>> {
        match &self.weights {
            ModelWeights::Checkpoint(checkpoint) => Some(checkpoint),
            ModelWeights::Embedded(_) => None,
        }
    }

    /// Its weights, if they are part of the program.
    pub fn embedded(&self) -> Option<&Arc<Embedded>> {
        match &self.weights {
            ModelWeights::Checkpoint(_) => None,
            ModelWeights::Embedded(embedded) => Some(embedded),
        }
    }

    /// The licence of its weights, or what is known of it.
    pub fn licence(&self) -> &str {
        match &self.weights {
            ModelWeights::Checkpoint(checkpoint) => &checkpoint.licence,
            ModelWeights::Embedded(embedded) => &embedded.licence,
        }
    }

    /// How images are prepared for an input of `size` (height, width).
    pub fn preprocessing_at(&self, size: [usize; 2]) -> Preprocessing {
        match &self.preprocessing {
            Some(own) => own.at(size),
            None => Preprocessing::of(&self.arch, size),
        }
    }
}
