//! What a safetensors file of ours notes beside its tensors: which network it holds, where the weights come from, what images must
//! look like for it, and how its classes are called.
//!
//! Notes are input like any other: about the network they decide only between what the tensors themselves leave open.

use std::collections::BTreeMap;

use bossnas_model::arch::Architecture;
use bossnas_model::preprocess::Preprocessing;
use bossnas_model::space::Side;
use bossnas_model::weights::Weights;

use super::{Checkpoint, StateDictName, check};
use crate::onnx::Source;
use crate::preprocessing;

const ARCHITECTURE: &str = "architecture";
const STATE_DICT: &str = "state_dict";
const SEED: &str = "untrained_seed";
const SUPERNET: &str = "supernet";
const PREPROCESSING: &str = "preprocessing";
const LABELS: &str = "labels";

/// The notes of a file; empty for files that have none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Notes {
    /// The network, whose activation and last stride leave no trace in weights.
    pub architecture: Option<Architecture>,
    /// The state dict that the weights were, the supernet they are of, or that they were never trained.
    pub source: Option<Source>,
    /// What must happen to a photograph before the network.
    pub preprocessing: Option<Preprocessing>,
    /// The names of its classes, one for each; empty where nobody knows them.
    pub labels: Vec<String>,
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
        let architecture: Option<Architecture> = entries.get(ARCHITECTURE).and_then(|text| text.parse().ok());
        let labels: Option<Vec<String>> = entries.get(LABELS).and_then(|text| serde_json::from_str(text).ok());
        let classes = match &architecture {
            Some(Architecture::BossNet(network)) => Some(network.classes),
            Some(Architecture::Search(_)) | None => None,
        };
        Self {
            architecture,
            source: seed.or(state_dict).or(side),
            preprocessing: entries.get(PREPROCESSING).and_then(|text| preprocessing::of_text(text)),
            labels: labels.filter(|labels| Some(labels.len()) == classes).unwrap_or_default(),
        }
    }

    /// As entries of a file. Of weights whose network is not known only their origin is noted.
    pub fn entries(&self) -> BTreeMap<String, String> {
        let origin = self.source.as_ref().map(|source| match source {
            Source::StateDict(name) => (STATE_DICT, name.clone()),
            Source::Untrained { seed } => (SEED, seed.to_string()),
            Source::Supernet(side) => (SUPERNET, side.as_str().to_owned()),
        });
        let architecture = self.architecture.as_ref().map(|net| (ARCHITECTURE, net.to_string()));
        let preprocessing = self.preprocessing.as_ref().map(|how| (PREPROCESSING, preprocessing::to_text(how)));
        let labels = serde_json::to_string(&self.labels).ok().filter(|_| !self.labels.is_empty());
        let labels = labels.map(|labels| (LABELS, labels));
        let all = [architecture, origin, preprocessing, labels].into_iter().flatten();
        all.map(|(key, value)| (key.to_owned(), value)).collect()
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
                let architecture = Some(text.parse().unwrap());
                let notes = Notes { architecture, source: Some(source.clone()), ..Notes::default() };
                assert_eq!(Notes::parse(&notes.entries()), notes);
            }
        }
        let notes = Notes {
            architecture: Some("bossnet:1/0/1/0+relu+classes=2".parse().unwrap()),
            source: Some(Source::StateDict("model".to_owned())),
            preprocessing: Some(Preprocessing { mean: [0.1, 0.2, 1.0 / 3.0], ..Preprocessing::cifar([32, 48]) }),
            labels: vec!["a \"b\"".to_owned(), "\u{1b}".to_owned()],
        };
        assert_eq!(Notes::parse(&notes.entries()), notes);
        assert!(Notes::default().entries().is_empty());
    }

    #[test]
    fn notes_of_others_are_no_notes() {
        let entries = [
            ("architecture", "resnet50"),
            ("state_dict", "\u{1b}[31m"),
            ("untrained_seed", "x"),
            ("supernet", "x"),
            ("format", "pt"),
            ("labels", "[\"cat\"]"),
            ("preprocessing", "{}"),
        ];
        let entries = entries.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(Notes::parse(&entries.into_iter().collect()), Notes::default());
    }

    #[test]
    fn as_many_labels_as_classes_or_none() {
        let entries = [("architecture", "bossnet:1/0/1/0+relu+classes=2"), ("labels", "[\"a\", \"b\", \"c\"]")];
        let entries = entries.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert!(Notes::parse(&entries.into_iter().collect()).labels.is_empty());
    }
}
