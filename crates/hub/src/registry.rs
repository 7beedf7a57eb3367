//! The models that have a name.

use std::path::Path;

use bossnas_files::{Digest, SourceFile};
use bossnas_model::arch::Architecture;

use crate::{RegistryError, parse};

/// Names a file that takes the place of the compiled-in registry.
const ENVIRONMENT_VARIABLE: &str = "BOSSNAS_REGISTRY";

const BUILT_IN: &str = include_str!("../../../registry.toml");
const MAX_BYTES: u64 = 1 << 20;

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

/// A file of weights, which several models may share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its name within the registry.
    pub name: String,
    /// Where it is published, an https address.
    pub url: String,
    /// Its size, where it is known.
    pub bytes: Option<u64>,
    /// Its digest, where it is known.
    pub sha256: Option<Digest>,
    /// Which state dict to take.
    pub state_dict: StateDict,
    /// What its publisher says about its licence.
    pub licence: String,
}

/// Figures that were published for a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Top-1 accuracy on ImageNet's validation set, in per cent.
    pub top1: f64,
    /// Top-5 accuracy, in per cent.
    pub top5: f64,
    /// Multiply-adds of one image, as rounded in the source.
    pub madds: u64,
    /// Time of one step on the publisher's GPU, in milliseconds.
    pub step_ms: f64,
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
    pub checkpoint: Checkpoint,
    /// What is known of it.
    pub published: Option<Published>,
}

/// All models with a name, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Registry {
    origin: String,
    models: Vec<Model>,
}

impl Registry {
    /// The registry to use: the file that `--registry` names, else the one that `$BOSSNAS_REGISTRY` names, else the
    /// compiled-in one.
    pub fn open(given: Option<&Path>) -> Result<Self, RegistryError> {
        let named = std::env::var_os(ENVIRONMENT_VARIABLE).filter(|path| !path.is_empty());
        match given.or(named.as_deref().map(Path::new)) {
            Some(path) => Self::read(path),
            None => Self::built_in(),
        }
    }

    /// The compiled-in registry.
    pub fn built_in() -> Result<Self, RegistryError> {
        Self::parse("registry.toml (built in)", BUILT_IN)
    }

    /// The registry in a file.
    pub fn read(path: &Path) -> Result<Self, RegistryError> {
        let file = SourceFile::open(path)?;
        let origin = path.display().to_string();
        if file.len() > MAX_BYTES {
            return Err(RegistryError::TooLarge { origin, bytes: file.len(), limit: MAX_BYTES });
        }
        Self::parse(&origin, &String::from_utf8_lossy(&file.read_at(0, file.len())?))
    }

    /// The registry in a text; `origin` is for error messages.
    pub fn parse(origin: &str, text: &str) -> Result<Self, RegistryError> {
        let invalid =
            |(line, problem)| RegistryError::Invalid { origin: origin.to_owned(), line, problem: Box::new(problem) };
        Ok(Self { origin: origin.to_owned(), models: parse::models(text).map_err(invalid)? })
    }

    /// Where it came from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The models.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The model of that name or alias, in any case.
    pub fn find(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.names().any(|own| own.eq_ignore_ascii_case(name)))
    }

    /// Models whose name or alias looks like `text`, the nearest first, at most three.
    pub fn nearest(&self, text: &str) -> Vec<&Model> {
        let text = text.to_ascii_lowercase();
        let distance = |name: &str| {
            let edits = strsim::damerau_levenshtein(&name.to_ascii_lowercase(), &text);
            // One slip in a short name, two in five characters of a longer one.
            (edits <= 1.max(name.len().max(text.len()) * 2 / 5)).then_some(edits)
        };
        let near = self.models.iter().filter_map(|model| Some((model.names().filter_map(distance).min()?, model)));
        let mut near: Vec<(usize, &Model)> = near.collect();
        near.sort_by_key(|(edits, _)| *edits);
        near.into_iter().take(3).map(|(_, model)| model).collect()
    }
}

impl Model {
    /// Its name, then its aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }
}
