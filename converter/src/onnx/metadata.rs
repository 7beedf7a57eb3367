//! What a file of ours says about itself, in ONNX's `metadata_props`.
//!
//! The same input gives the same bytes: nothing here depends on when, where or from which path a file was made. What is
//! read back is input like any other: numbers are finite and within bounds, or the file is refused.

use bossnas_files::Digest;
use bossnas_model::arch::Architecture;
use bossnas_model::pass::Pass;
use bossnas_model::preprocess::Preprocessing;
use bossnas_model::space::Side;

use super::proto::StringStringEntryProto;
use crate::preprocessing;

const ARCHITECTURE: &str = "bossnas.architecture";
const MODEL: &str = "bossnas.model";
const PASSES: &str = "bossnas.passes";
const STATE_DICT: &str = "bossnas.state_dict";
const SEED: &str = "bossnas.untrained_seed";
const SUPERNET: &str = "bossnas.supernet";
const WEIGHTS_DIGEST: &str = "bossnas.weights_sha256";
const INITIALIZERS_DIGEST: &str = "bossnas.initializers_sha256";
const PREPROCESSING: &str = "bossnas.preprocessing";
const LABELS: &str = "bossnas.labels";
const LICENCE: &str = "bossnas.licence";
const TOOL: &str = "bossnas.tool";

/// Where the weights of a file come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Drawn from a seed: the network was never trained.
    Untrained {
        /// The seed.
        seed: u64,
    },
    /// A state dict of a checkpoint.
    StateDict(String),
    /// One side of a search's supernet: what its paths share. The path was never trained by itself.
    Supernet(Side),
}

/// What stands before the side in a file's metadata, for those who read them there.
const NOT_RETRAINED: &str = "supernet weights, not retrained: ";

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Untrained { seed } => write!(f, "untrained (seed {seed})"),
            Self::StateDict(name) => write!(f, "state dict {name}"),
            Self::Supernet(side) => write!(f, "supernet weights, not retrained ({} side)", side.as_str()),
        }
    }
}

impl Source {
    fn entry(&self) -> (&'static str, String) {
        match self {
            Self::StateDict(name) => (STATE_DICT, name.clone()),
            Self::Untrained { seed } => (SEED, seed.to_string()),
            Self::Supernet(side) => (SUPERNET, format!("{NOT_RETRAINED}{}", side.as_str())),
        }
    }

    /// Reads it from the metadata of a file, given what is under each key.
    pub(super) fn parse<'a>(find: impl Fn(&str) -> Option<&'a str>) -> Result<Self, String> {
        match [STATE_DICT, SEED, SUPERNET].map(find) {
            [Some(name), None, None] => Ok(Self::StateDict(name.to_owned())),
            [None, Some(seed), None] => Ok(Self::Untrained { seed: seed.parse().map_err(|_| malformed(SEED))? }),
            [None, None, Some(text)] => {
                let side = text.strip_prefix(NOT_RETRAINED).and_then(Side::from_name);
                side.map(Self::Supernet).ok_or_else(|| malformed(SUPERNET))
            }
            _ => Err(format!("its metadata have not exactly one of `{STATE_DICT}`, `{SEED}` and `{SUPERNET}`")),
        }
    }
}

fn malformed(key: &str) -> String {
    format!("its metadata entry `{key}` is malformed")
}

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// The network before any pass.
    pub architecture: Architecture,
    /// Its name in the registry.
    pub model: Option<String>,
    /// The passes it went through, in order.
    pub passes: Vec<Pass>,
    /// Where its weights come from.
    pub source: Source,
    /// What must happen to a photograph before it.
    pub preprocessing: Preprocessing,
    /// The names of its classes; empty where nobody knows them.
    pub labels: Vec<String>,
    /// The licence of its weights, or what is known of it.
    pub licence: Option<String>,
}

/// Digests of the tensors behind a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digests {
    /// Of the state dict before any pass.
    pub(super) weights: Digest,
    /// Of the initializers as they are in the file.
    pub(super) initializers: Digest,
}

impl Metadata {
    /// As entries of a file.
    pub(super) fn entries(&self, digests: Digests) -> Vec<StringStringEntryProto> {
        let passes: Vec<&str> = self.passes.iter().map(|pass| pass.name()).collect();
        let json = |value: serde_json::Result<String>| value.unwrap_or_default();
        let (origin, value) = self.source.entry();
        let entries = [
            (ARCHITECTURE, Some(self.architecture.to_string())),
            (MODEL, self.model.clone()),
            (PASSES, Some(passes.join(","))),
            (origin, Some(value)),
            (WEIGHTS_DIGEST, Some(digests.weights.to_string())),
            (INITIALIZERS_DIGEST, Some(digests.initializers.to_string())),
            (PREPROCESSING, Some(preprocessing::to_text(&self.preprocessing))),
            (LABELS, (!self.labels.is_empty()).then(|| json(serde_json::to_string(&self.labels)))),
            (LICENCE, self.licence.clone()),
            (TOOL, Some(concat!("bossnas-zoo ", env!("CARGO_PKG_VERSION")).to_owned())),
        ];
        let entry = |(key, value): (&str, Option<String>)| {
            Some(StringStringEntryProto { key: Some(key.to_owned()), value: Some(value?) })
        };
        entries.into_iter().filter_map(entry).collect()
    }

    /// Reads the entries of a file back; the error says which is missing or wrong.
    pub(super) fn parse(entries: &[StringStringEntryProto]) -> Result<(Self, Digests), String> {
        let find = |key: &str| entries.iter().find(|e| e.key.as_deref() == Some(key)).and_then(|e| e.value.as_deref());
        let need = |key: &str| find(key).ok_or_else(|| format!("its metadata have no `{key}`"));
        let architecture = need(ARCHITECTURE)?;
        let architecture = architecture.parse().map_err(|e| format!("`{ARCHITECTURE}`: {e}"))?;
        let passes = need(PASSES)?.split(',').filter(|name| !name.is_empty());
        let passes = passes.map(Pass::from_name).collect::<Option<Vec<_>>>().ok_or_else(|| malformed(PASSES))?;
        let source = Source::parse(find)?;
        let preprocessing = preprocessing::of_text(need(PREPROCESSING)?).ok_or_else(|| malformed(PREPROCESSING))?;
        let labels = find(LABELS)
            .map_or_else(|| Ok(Vec::new()), |text| serde_json::from_str(text).map_err(|_| malformed(LABELS)))?;
        let digest = |key: &str| need(key)?.parse().map_err(|_| malformed(key));
        let digests = Digests { weights: digest(WEIGHTS_DIGEST)?, initializers: digest(INITIALIZERS_DIGEST)? };
        let (model, licence) = (find(MODEL).map(str::to_owned), find(LICENCE).map(str::to_owned));
        Ok((Self { architecture, model, passes, source, preprocessing, labels, licence }, digests))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_reads_back_and_there_is_exactly_one() {
        let origins = [
            Source::Untrained { seed: 7 },
            Source::StateDict("model_ema".to_owned()),
            Source::Supernet(Side::Online),
            Source::Supernet(Side::Target),
        ];
        for origin in &origins {
            let (key, value) = origin.entry();
            assert_eq!(Source::parse(|wanted| (wanted == key).then_some(value.as_str())), Ok(origin.clone()));
            for (other, value_of_other) in origins.iter().map(Source::entry).filter(|(other, _)| *other != key) {
                let both = |wanted: &str| match wanted {
                    _ if wanted == key => Some(value.as_str()),
                    _ if wanted == other => Some(value_of_other.as_str()),
                    _ => None,
                };
                assert!(Source::parse(both).is_err(), "{key} and {other}");
            }
        }
        for bad in ["online", "supernet weights, not retrained: left", ""] {
            assert!(Source::parse(|wanted| (wanted == SUPERNET).then_some(bad)).is_err(), "{bad}");
        }
        assert!(Source::parse(|_| None).is_err());
    }
}
