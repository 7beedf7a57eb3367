//! In what the released code differs from what it means to do (`REFERENCE.md` section 7), as switches.

use bossnas_model::graph::Orientation;
use serde::{Deserialize, Serialize};

use crate::optim::Treatment;

/// One switch for each point; the two columns of the table are [`Rules::published`] and [`Rules::corrected`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Which way round attention is.
    #[serde(with = "orientation")]
    pub attention: Orientation,
    /// Which parameters LARS leaves alone.
    pub lars_exclude: LarsExclude,
    /// What happens to the blocks before the stage that is trained.
    pub prefix: Prefix,
    /// Which statistics batch norms have while paths are rated.
    pub bn_recalibration: BnRecalibration,
    /// What the target of a rating is the mean of.
    pub rating_target: RatingTarget,
    /// What NATS-Bench's target does with the layer in front of its neck.
    pub channels_fix_target: ChannelsFixTarget,
}

/// Which parameters LARS neither decays nor scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LarsExclude {
    /// Those whose name looks like that of a batch norm or a bias, which misses every norm inside a `Sequential`. The last
    /// norm of an attention branch is among these: it starts at 0, where its local rate is 0, so the branch never trains
    /// (`QUIRKS.md` 35 and 36).
    ByName,
    /// Every parameter of one dimension.
    ByRole,
}

/// What happens to the blocks before the stage that is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prefix {
    /// Each side runs its own for every path, and the online one is trained along (`QUIRKS.md` 31).
    Trained,
    /// The target's own runs once for each view, without gradient, and both sides read what it gives, as in a rating.
    Frozen,
}

/// Which statistics batch norms have while paths are rated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BnRecalibration {
    /// Those of the last view; the predictor's are mean 0 and variance 1 (`QUIRKS.md` 38 and 39).
    LastView,
    /// Those of all views, the predictor's too.
    AllViews,
}

/// What the target of a rating is the mean of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RatingTarget {
    /// Projections as they are (`QUIRKS.md` 42).
    Raw,
    /// Projections of length 1, as in training.
    Normalised,
}

/// What the target does with `channels_fix`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelsFixTarget {
    /// It keeps its first values for ever (`QUIRKS.md` 32).
    Fixed,
    /// It follows like all else.
    Follows,
}

impl Rules {
    /// What the released code does.
    pub const fn published() -> Self {
        Self {
            attention: Orientation::Transposed,
            lars_exclude: LarsExclude::ByName,
            prefix: Prefix::Trained,
            bn_recalibration: BnRecalibration::LastView,
            rating_target: RatingTarget::Raw,
            channels_fix_target: ChannelsFixTarget::Fixed,
        }
    }

    /// What it means to do.
    pub const fn corrected() -> Self {
        Self {
            attention: Orientation::Standard,
            lars_exclude: LarsExclude::ByRole,
            prefix: Prefix::Frozen,
            bn_recalibration: BnRecalibration::AllViews,
            rating_target: RatingTarget::Normalised,
            channels_fix_target: ChannelsFixTarget::Follows,
        }
    }
}

impl Rules {
    /// What to call them: `published`, `corrected`, or `mixed`.
    pub fn name(&self) -> &'static str {
        match self {
            rules if *rules == Self::published() => "published",
            rules if *rules == Self::corrected() => "corrected",
            _ => "mixed",
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::corrected()
    }
}

impl LarsExclude {
    /// How LARS treats a parameter of the siamese network.
    pub fn treatment(self, name: &str, dimensions: usize) -> Treatment {
        let excluded = match self {
            Self::ByName => looks_excluded(name),
            Self::ByRole => dimensions == 1,
        };
        if excluded { Treatment::Excluded } else { Treatment::Adapted }
    }
}

/// The published patterns, which are searched for anywhere in a name: `(bn|gn)(\d+)?.(weight|bias)` and `bias`.
fn looks_excluded(name: &str) -> bool {
    let ends_a_norm = |at: usize| {
        let rest = name[at + 2..].trim_start_matches(|c: char| c.is_ascii_digit());
        let mut rest = rest.chars();
        rest.next().is_some() && (rest.as_str().starts_with("weight") || rest.as_str().starts_with("bias"))
    };
    let norms = ["bn", "gn"].into_iter().flat_map(|norm| name.match_indices(norm));
    name.contains("bias") || norms.into_iter().any(|(at, _)| ends_a_norm(at))
}

/// `Orientation` in files.
mod orientation {
    use bossnas_model::graph::Orientation;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Name {
        Standard,
        Transposed,
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
    pub(super) fn serialize<S: Serializer>(value: &Orientation, serializer: S) -> Result<S::Ok, S::Error> {
        let name = match value {
            Orientation::Standard => Name::Standard,
            Orientation::Transposed => Name::Transposed,
        };
        name.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Orientation, D::Error> {
        Ok(match Name::deserialize(deserializer)? {
            Name::Standard => Orientation::Standard,
            Name::Transposed => Orientation::Transposed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_match_where_the_published_ones_do() {
        for name in ["x.bn1.weight", "x.bn.weight", "x.fc0.bias", "x.bn12.bias", "x.gn3_weight"] {
            assert!(looks_excluded(name), "{name}");
        }
        for name in ["x.net.5.weight", "x.bn1_d.weight", "sbn.bn.3.weight", "x.bnweight", "x.conv1.weight"] {
            assert!(!looks_excluded(name), "{name}");
        }
    }

    #[test]
    fn switches_are_read_one_by_one_and_the_others_are_corrected() {
        let rules: Rules = serde_json::from_str(r#"{"attention": "transposed", "prefix": "trained"}"#).unwrap();
        let expected = Rules { attention: Orientation::Transposed, prefix: Prefix::Trained, ..Rules::corrected() };
        assert_eq!(rules, expected);
        assert!(serde_json::from_str::<Rules>(r#"{"attention": "sideways"}"#).is_err());
        assert!(serde_json::from_str::<Rules>(r#"{"lars": "by-name"}"#).is_err());
        let text = serde_json::to_string(&Rules::published()).unwrap();
        assert_eq!(serde_json::from_str::<Rules>(&text).unwrap(), Rules::published());
    }
}
