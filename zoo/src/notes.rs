//! What a safetensors file of ours notes beside its tensors: which network it holds, and where the weights come from.
//!
//! Notes are input like any other: they decide only between what the tensors themselves leave open.

use std::collections::BTreeMap;

use bossnas_converter::checkpoint::{Checkpoint, StateDictName, check};
use bossnas_converter::onnx::Source;
use bossnas_model::arch::Architecture;
use bossnas_model::space::Side;
use bossnas_model::weights::Weights;

const ARCHITECTURE: &str = "architecture";
const STATE_DICT: &str = "state_dict";
const SEED: &str = "untrained_seed";
const SUPERNET: &str = "supernet";

/// The notes of a file; empty for files that have none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Notes {
    /// The network, whose activation and last stride leave no trace in weights.
    pub architecture: Option<Architecture>,
    /// The state dict that the weights were, the supernet they are of, or that they were never trained.
    pub source: Option<Source>,
}

impl Notes {
    /// The notes in a checkpoint.
    pub fn read(checkpoint: &Checkpoint) -> Self {
        checkpoint.metadata().map(Self::parse).unwrap_or_default()
    }

    /// The network that the file says it holds, if its weights fit it.
    pub fn network(&self, weights: &dyn Weights) -> Option<Architecture> {
        let fits = |net: &Architecture| net.graph().is_ok_and(|graph| check(graph.params(), weights).is_ok());
        self.architecture.clone().filter(fits)
    }

    fn parse(entries: &BTreeMap<String, String>) -> Self {
        let state_dicts =
            [StateDictName::ModelEma, StateDictName::Model, StateDictName::StateDict, StateDictName::Plain];
        let known = |text: &String| state_dicts.iter().map(|name| name.name()).find(|name| name == text);
        let state_dict = entries.get(STATE_DICT).and_then(known).map(|name| Source::StateDict(name.to_owned()));
        let seed = entries.get(SEED).and_then(|seed| seed.parse().ok()).map(|seed| Source::Untrained { seed });
        let side = entries.get(SUPERNET).and_then(|name| Side::from_name(name)).map(Source::Supernet);
        let architecture = entries.get(ARCHITECTURE).and_then(|text| text.parse().ok());
        Self { architecture, source: seed.or(state_dict).or(side) }
    }

    /// As entries of a file. Of weights whose network is not known only their origin is noted.
    pub fn entries(net: Option<&Architecture>, source: &Source) -> BTreeMap<String, String> {
        let origin = match source {
            Source::StateDict(name) => (STATE_DICT.to_owned(), name.clone()),
            Source::Untrained { seed } => (SEED.to_owned(), seed.to_string()),
            Source::Supernet(side) => (SUPERNET.to_owned(), side.as_str().to_owned()),
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
        let model_ema = Source::StateDict("model_ema".to_owned());
        for source in [Source::Untrained { seed: 7 }, model_ema, Source::Supernet(Side::Target)] {
            for text in ["bossnet:1/1/11101/000100000+silu+se+s1", "nats-c10:74/64/5+base=8"] {
                let net: Architecture = text.parse().unwrap();
                let notes = Notes::parse(&Notes::entries(Some(&net), &source));
                assert_eq!(notes, Notes { architecture: Some(net), source: Some(source.clone()) });
            }
        }
    }

    #[test]
    fn notes_of_others_are_no_notes() {
        let entries = [
            ("architecture", "resnet50"),
            ("state_dict", "\u{1b}[31m"),
            ("untrained_seed", "x"),
            ("supernet", "x"),
            ("format", "pt"),
        ];
        let entries = entries.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(Notes::parse(&entries.into_iter().collect()), Notes::default());
    }
}
