//! Weights of models that were fetched.

use std::path::PathBuf;

use bossnas_converter::checkpoint::Choice;
use bossnas_hub::cache::{Cache, Fetched, Lock, Trust};
use bossnas_hub::{Checkpoint, Model, StateDict};
use bossnas_report::Failure;
use serde::Serialize;

/// The checkpoint of a model as it is in the cache.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    fetched: Fetched,
    /// Which state dict the registry prefers.
    preferred: StateDict,
}

/// What other commands say of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StoredReport {
    path: PathBuf,
    bytes: u64,
    sha256: String,
    trust: &'static str,
    unconfirmed: bool,
    source: String,
    date: String,
    state_dicts: Vec<String>,
}

impl StoredReport {
    /// In one word.
    pub(crate) fn word(&self) -> &'static str {
        if self.unconfirmed { "unconfirmed" } else { "yes" }
    }
}

impl Stored {
    /// The checkpoint of `model`, if it was fetched.
    pub(crate) fn of_model(model: &Model) -> anyhow::Result<Option<Self>> {
        let Some(checkpoint) = model.checkpoint() else { return Ok(None) };
        let cache = Cache::of_user()?;
        Ok(Self::of_checkpoint(checkpoint, &cache, &cache.lock()?))
    }

    /// A checkpoint of the registry, if it was fetched.
    pub(crate) fn of_checkpoint(checkpoint: &Checkpoint, cache: &Cache, lock: &Lock) -> Option<Self> {
        let fetched = cache.fetched_checkpoint(lock, checkpoint)?;
        Some(Self { fetched, preferred: checkpoint.state_dict })
    }

    /// The file with the chosen state dict.
    pub(crate) fn weights(&self, choice: Choice) -> Result<PathBuf, Failure> {
        let which = match choice {
            Choice::Auto => self.preferred,
            Choice::ModelEma => StateDict::ModelEma,
            Choice::Model => StateDict::Model,
        };
        let file = self.fetched.state_dict(which);
        file.map(|file| file.path.clone()).ok_or_else(|| {
            let names = self.fetched.state_dicts.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", ");
            Failure::failed(format!("`{}` has no state dict {}", self.fetched.record.name, which.name()))
                .hint(format!("it has {names}"))
        })
    }

    /// Digest of the file with the state dict that is taken unless told otherwise.
    pub(crate) fn digest(&self) -> Option<String> {
        self.fetched.state_dict(self.preferred).map(|file| file.sha256.to_string())
    }

    /// Why its bytes are believed to be the right ones.
    pub(crate) fn trust(&self) -> Trust {
        self.fetched.trust()
    }

    /// A warning, if nobody knows whether these are the right bytes.
    pub(crate) fn unconfirmed(&self) -> Option<&'static str> {
        (self.trust() == Trust::Unconfirmed).then(|| Trust::Unconfirmed.explain())
    }

    /// For JSON.
    pub(crate) fn report(&self) -> StoredReport {
        let record = &self.fetched.record;
        StoredReport {
            path: self.fetched.path.clone(),
            bytes: record.bytes,
            sha256: record.sha256.to_string(),
            trust: record.trust.name(),
            unconfirmed: record.trust == Trust::Unconfirmed,
            source: record.source.clone(),
            date: record.date.clone(),
            state_dicts: self.fetched.state_dicts.iter().map(|file| file.name.clone()).collect(),
        }
    }

    /// One line for people.
    pub(crate) fn line(&self) -> String {
        let record = &self.fetched.record;
        format!("{}, {}, {}", record.date, bossnas_report::units::bytes(record.bytes), record.trust.explain())
    }
}

/// A model whose weights are not on this machine, for commands that cannot do without.
pub(crate) fn not_fetched(model: &Model) -> Failure {
    Failure::failed(format!("the weights of `{}` were not fetched", model.name))
        .hint(format!("`bossnas-zoo fetch {}` brings them", model.name))
}
