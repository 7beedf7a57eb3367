//! Settings that are remembered for a file, in the cache: `tuned/<sha256 of the file>.json`.

use std::path::{Path, PathBuf};

use bossnas_files::{ReadError, SourceFile, WriteError, write_file};
use serde::{Deserialize, Serialize};

use super::setting::Setting;
use crate::bench::Machine;

const SCHEMA: &str = "bossnas-zoo/tuned/1";
const MAX_BYTES: u64 = 1 << 20;

/// What a setting was chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// The fastest run.
    Latency,
    /// The most images a second.
    Throughput,
}

/// A setting that was chosen, and what it gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// How to run.
    pub setting: Setting,
    /// Milliseconds of a run.
    pub latency_ms: f64,
    /// Images a second.
    pub images_per_second: f64,
    /// How far the outputs were from the reference's, in units of the largest element.
    pub error: f64,
}

/// What was chosen for a file on a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuned {
    schema: String,
    /// The machine's processor.
    pub processor: String,
    /// How many processors could be used.
    pub cpu_count: usize,
    /// For the fastest run.
    pub latency: Choice,
    /// For the most images a second.
    pub throughput: Choice,
}

/// Why there is no choice to use.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// Nothing was saved.
    #[error("nothing was tuned for this file")]
    Missing,
    /// It was saved elsewhere.
    #[error("it was tuned on another machine ({0})")]
    Elsewhere(String),
    /// What was saved cannot be understood.
    #[error("`{path}` is damaged: {reason}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Tuned {
    /// What was chosen on this machine.
    pub fn new(machine: &Machine, latency: Choice, throughput: Choice) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            processor: machine.processor.clone(),
            cpu_count: machine.cpu_count,
            latency,
            throughput,
        }
    }

    /// The choice for a goal.
    pub fn choice(&self, goal: Goal) -> &Choice {
        match goal {
            Goal::Latency => &self.latency,
            Goal::Throughput => &self.throughput,
        }
    }

    /// Remembers it for the file with this digest; returns where.
    pub fn save(&self, folder: &Path, sha256: &str) -> Result<PathBuf, ChoiceError> {
        let path = path(folder, sha256);
        let damaged = |reason: String| ChoiceError::Damaged { path: path.clone(), reason };
        let text = serde_json::to_vec_pretty(self).map_err(|error| damaged(error.to_string()))?;
        write_file(&path, &text)?;
        Ok(path)
    }

    /// What was chosen for the file with this digest on this machine.
    pub fn load(folder: &Path, sha256: &str, machine: &Machine) -> Result<Self, ChoiceError> {
        let path = path(folder, sha256);
        if !path.exists() {
            return Err(ChoiceError::Missing);
        }
        let damaged = |reason: String| ChoiceError::Damaged { path: path.clone(), reason };
        let source = SourceFile::open(&path)?;
        if source.len() > MAX_BYTES {
            return Err(damaged("it is too large".to_owned()));
        }
        let bytes = source.read_at(0, source.len())?;
        let tuned: Self = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if tuned.schema != SCHEMA {
            return Err(damaged(format!("its schema is `{}`, not `{SCHEMA}`", tuned.schema)));
        }
        if (tuned.processor.as_str(), tuned.cpu_count) != (machine.processor.as_str(), machine.cpu_count) {
            return Err(ChoiceError::Elsewhere(format!("{}, {} processors", tuned.processor, tuned.cpu_count)));
        }
        let plausible = |choice: &Choice| {
            (1..=4096).contains(&choice.setting.threads) && (1..=4096).contains(&choice.setting.batch)
        };
        if !plausible(&tuned.latency) || !plausible(&tuned.throughput) {
            return Err(damaged("threads or batch are out of range".to_owned()));
        }
        Ok(tuned)
    }
}

fn path(folder: &Path, sha256: &str) -> PathBuf {
    folder.join(format!("{sha256}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{Precision, Runtime};

    fn tuned(machine: &Machine) -> Tuned {
        let setting = Setting {
            runtime: Runtime::Tract,
            precision: Precision::F32,
            threads: 1,
            pinned: true,
            batch: 1,
            streams: false,
        };
        let choice = Choice { setting, latency_ms: 1.5, images_per_second: 700.0, error: 1e-7 };
        Tuned::new(machine, choice.clone(), choice)
    }

    #[test]
    fn what_is_saved_comes_back_on_the_same_machine_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut machine = Machine::observe();
        assert!(matches!(Tuned::load(folder.path(), "ab", &machine), Err(ChoiceError::Missing)));
        let tuned = tuned(&machine);
        tuned.save(folder.path(), "ab").unwrap();
        assert_eq!(Tuned::load(folder.path(), "ab", &machine).unwrap(), tuned);
        machine.cpu_count += 1;
        assert!(matches!(Tuned::load(folder.path(), "ab", &machine), Err(ChoiceError::Elsewhere(_))));
    }

    #[test]
    fn what_was_changed_by_hand_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::observe();
        let path = tuned(&machine).save(folder.path(), "ab").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to) in
            [("\"threads\": 1", "\"threads\": 0"), ("tuned/1", "tuned/2"), ("tract", "tracks"), ("{", "[")]
        {
            assert!(text.contains(from), "{text}");
            std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
            assert!(matches!(Tuned::load(folder.path(), "ab", &machine), Err(ChoiceError::Damaged { .. })), "{to}");
        }
    }
}
