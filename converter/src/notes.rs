//! What a safetensors file of ours notes beside its tensors: which network it holds, where the weights come from, how images
//! are prepared for them and what the classes are called. Whoever trains writes them, whoever exports reads them.
//!
//! Notes are input like any other: they decide only what the tensors themselves leave open, and what is malformed is no note.

use std::collections::BTreeMap;

use bossnas_model::arch::Architecture;
use bossnas_model::preprocess::Preprocessing;
use bossnas_model::space::Side;
use bossnas_model::weights::Weights;

use crate::checkpoint::{Checkpoint, StateDictName, check};
use crate::onnx::Source;
use crate::text;

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
    /// How images were prepared when the network was evaluated.
    pub preprocessing: Option<Preprocessing>,
    /// The names of its classes; empty where nobody knows them.
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
        Self {
            architecture: entries.get(ARCHITECTURE).and_then(|text| text.parse().ok()),
            source: seed.or(state_dict).or(side),
            preprocessing: entries.get(PREPROCESSING).and_then(|text| text::parse_preprocessing(text)),
            labels: entries.get(LABELS).and_then(|text| text::parse_labels(text)).unwrap_or_default(),
        }
    }

    /// As entries of a file. What is not known is left out.
    pub fn entries(&self) -> BTreeMap<String, String> {
        let source = self.source.as_ref().map(|source| match source {
            Source::StateDict(name) => (STATE_DICT, name.clone()),
            Source::Untrained { seed } => (SEED, seed.to_string()),
            Source::Supernet(side) => (SUPERNET, side.as_str().to_owned()),
        });
        let architecture = self.architecture.as_ref().map(|net| (ARCHITECTURE, net.to_string()));
        let preprocessing = self.preprocessing.as_ref().map(|how| (PREPROCESSING, text::preprocessing(how)));
        let labels = (!self.labels.is_empty()).then(|| (LABELS, text::labels(&self.labels)));
        let entries = [architecture, source, preprocessing, labels].into_iter().flatten();
        entries.map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_back() {
        let model_ema = Source::StateDict("model_ema".to_owned());
        let plain = Preprocessing { mean: [0.1, 1.0 / 3.0, 0.3], ..Preprocessing::cifar([32, 48]) };
        for source in [Source::Untrained { seed: 7 }, model_ema, Source::Supernet(Side::Target)] {
            for text in ["bossnet:1/1/11101/000100000+silu+se+s1", "nats-c10:74/64/5+base=8"] {
                for (preprocessing, labels) in [(None, vec![]), (Some(plain.clone()), vec!["a \"b\"".to_owned()])] {
                    let architecture = Some(text.parse().unwrap());
                    let notes = Notes { architecture, source: Some(source.clone()), preprocessing, labels };
                    assert_eq!(Notes::parse(&notes.entries()), notes);
                }
            }
        }
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
            (
                "preprocessing",
                "{\"size\":[0,8],\"resize\":[8,8],\"interpolation\":\"bicubic\",\"mean\":[0,0,0],\"std\":[1,1,1]}",
            ),
            ("labels", "{\"0\": \"cat\"}"),
        ];
        let entries = entries.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(Notes::parse(&entries.into_iter().collect()), Notes::default());
    }
}
