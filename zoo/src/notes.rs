//! What a safetensors file of ours notes beside its tensors: which network it holds, and where the weights come from.
//!
//! Notes are input like any other: they decide only between what the tensors themselves leave open.

use std::collections::BTreeMap;

use bossnas_converter::checkpoint::{Checkpoint, StateDictName, check};
use bossnas_converter::onnx::Source;
use bossnas_model::arch::BossNet;
use bossnas_model::weights::Weights;

const ARCHITECTURE: &str = "architecture";
const STATE_DICT: &str = "state_dict";
const SEED: &str = "untrained_seed";

/// The notes of a file; empty for files that have none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Notes {
    /// The network, whose activation and last stride leave no trace in weights.
    pub architecture: Option<BossNet>,
    /// The state dict that the weights were, or that they were never trained.
    pub source: Option<Source>,
}

impl Notes {
    /// The notes in a checkpoint.
    pub fn read(checkpoint: &Checkpoint) -> Self {
        checkpoint.metadata().map(Self::parse).unwrap_or_default()
    }

    /// The network that the file says it holds, if its weights fit it.
    pub fn network(&self, weights: &dyn Weights) -> Option<BossNet> {
        self.architecture.clone().filter(|net| check(net.graph().params(), weights).is_ok())
    }

    fn parse(entries: &BTreeMap<String, String>) -> Self {
        let state_dicts =
            [StateDictName::ModelEma, StateDictName::Model, StateDictName::StateDict, StateDictName::Plain];
        let known = |text: &String| state_dicts.iter().map(|name| name.name()).find(|name| name == text);
        let state_dict = entries.get(STATE_DICT).and_then(known).map(|name| Source::StateDict(name.to_owned()));
        let seed = entries.get(SEED).and_then(|seed| seed.parse().ok()).map(|seed| Source::Untrained { seed });
        Self { architecture: entries.get(ARCHITECTURE).and_then(|text| text.parse().ok()), source: seed.or(state_dict) }
    }

    /// As entries of a file. Of weights whose network is not known only their origin is noted.
    pub fn entries(net: Option<&BossNet>, source: &Source) -> BTreeMap<String, String> {
        let origin = match source {
            Source::StateDict(name) => (STATE_DICT.to_owned(), name.clone()),
            Source::Untrained { seed } => (SEED.to_owned(), seed.to_string()),
        };
        let architecture = net.map(|net| (ARCHITECTURE.to_owned(), net.to_string()));
        architecture.into_iter().chain([origin]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_back() {
        for source in [Source::Untrained { seed: 7 }, Source::StateDict("model_ema".to_owned())] {
            let notes = Notes::parse(&Notes::entries(Some(&BossNet::t1()), &source));
            assert_eq!(notes, Notes { architecture: Some(BossNet::t1()), source: Some(source) });
        }
    }

    #[test]
    fn notes_of_others_are_no_notes() {
        let entries =
            [("architecture", "resnet50"), ("state_dict", "\u{1b}[31m"), ("untrained_seed", "x"), ("format", "pt")];
        let entries = entries.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(Notes::parse(&entries.into_iter().collect()), Notes::default());
    }
}
