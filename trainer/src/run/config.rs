//! What decides the numbers of a run.

use bossnas_data::views::Recipe;
use bossnas_model::space::{Space, SpaceError};
use serde::{Deserialize, Serialize};

use crate::search::Rules;
use crate::torch::Precision;

/// A search, as it is written in `config.toml`. Two runs of the same configuration on the same images, with the same number
/// of threads, end in the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The search space, by name.
    pub space: String,
    /// Its base width; 64 in the published ones.
    pub base: usize,
    /// Decides everything random.
    pub seed: u64,
    /// Number format of the networks' products.
    pub precision: Amp,
    /// What the images are.
    pub data: DataKind,
    /// How the networks are trained.
    pub training: Training,
    /// How paths are rated.
    pub rating: Rating,
    /// Which of the published rules hold.
    pub rules: Rules,
    /// How views of images are made. Their size is that of the networks' input.
    pub views: Recipe,
}

/// What a run reads its images from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataKind {
    /// A folder or a list, which `--data` names.
    Files,
    /// The handwritten digits that the program brings along.
    Digits,
}

/// Number format by its name on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amp {
    /// All in float32.
    Off,
    /// bfloat16 where it is enough.
    Bf16,
    /// float16 with a scaled loss.
    Fp16,
}

/// How the networks are trained; see `REFERENCE.md` section 4.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Training {
    /// Images of a batch.
    pub batch_size: usize,
    /// Batches whose gradients are added up before an update.
    pub accumulate: u32,
    /// Epochs of each stage.
    pub epochs: u64,
    /// What the cosine of the learning rate starts from.
    pub learning_rate: f64,
    /// Epochs in which the rate grows to that.
    pub warmup_epochs: u64,
    /// The share of the rate that the warm-up starts from.
    pub warmup_ratio: f64,
}

/// How paths are rated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rating {
    /// Epochs between ratings; the last epoch of a stage is always followed by one.
    pub every: u64,
    /// Which images are rated on.
    pub on: RatingData,
    /// How many at the most. Of training images at most a tenth is held out.
    pub images: usize,
    /// Images of a batch.
    pub batch_size: usize,
    /// Training images that the statistics of batch norms are estimated from.
    pub bn_images: usize,
}

/// Which images are rated on (`REFERENCE.md` section 7, `rating_data`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RatingData {
    /// The test or validation set, as published: what is found is then chosen on the images that it is judged by.
    TestSet,
    /// A part of the training set that is not trained on.
    HeldOut,
}

impl RatingData {
    /// What goes with rules: the test set with the published ones alone.
    pub fn of(rules: Rules) -> Self {
        if rules == Rules::published() { Self::TestSet } else { Self::HeldOut }
    }
}

impl From<Amp> for Precision {
    fn from(amp: Amp) -> Self {
        match amp {
            Amp::Off => Self::Full,
            Amp::Bf16 => Self::Bf16,
            Amp::Fp16 => Self::Fp16,
        }
    }
}

impl Config {
    /// The search space that it names.
    pub fn space(&self) -> Result<Space, SpaceError> {
        let named = Space::PUBLISHED.into_iter().find(|space| space.name() == self.space);
        let space = named.unwrap_or(Space::hytra());
        Ok(space.with_base(self.base)?.with_orientation(self.rules.attention))
    }

    /// All values that cannot be: where they stand (`training.epochs`) and what is wrong with them.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut demand = |fine: bool, key: &str, message: String| {
            if !fine {
                problems.push((key.to_owned(), message));
            }
        };
        let names = Space::PUBLISHED.map(|space| space.name().to_owned());
        demand(names.contains(&self.space), "space", format!("is one of {}", names.join(", ")));
        if let Err(error) = self.space() {
            demand(false, "base", format!("is wrong: {error}"));
        }
        let Training { batch_size, accumulate, epochs, learning_rate, warmup_epochs, warmup_ratio } = self.training;
        // One image leaves a batch norm over features without a variance.
        demand((2..=65_536).contains(&batch_size), "training.batch-size", "is from 2 to 65536".to_owned());
        demand((1..=65_536).contains(&accumulate), "training.accumulate", "is from 1 to 65536".to_owned());
        demand((1..=100_000).contains(&epochs), "training.epochs", "is from 1 to 100000".to_owned());
        let positive = learning_rate.is_finite() && learning_rate > 0.0;
        demand(positive, "training.learning-rate", "is a number above 0".to_owned());
        let warm = epochs == 0 || warmup_epochs <= epochs;
        demand(warm, "training.warmup-epochs", format!("is at most the {epochs} epochs of a stage"));
        demand((0.0..=1.0).contains(&warmup_ratio), "training.warmup-ratio", "is from 0 to 1".to_owned());
        let Rating { every, on: _, images, batch_size, bn_images } = self.rating;
        demand(every >= 1, "rating.every", "is 1 or more epochs".to_owned());
        demand((1..=10_000_000).contains(&images), "rating.images", "is from 1 to 10000000".to_owned());
        demand((1..=65_536).contains(&batch_size), "rating.batch-size", "is from 1 to 65536".to_owned());
        demand((2..=65_536).contains(&bn_images), "rating.bn-images", "is from 2 to 65536".to_owned());
        if let Err(error) = self.views.check() {
            problems
                .extend(error.problems.into_iter().map(|problem| ("views".to_owned(), format!("is wrong: {problem}"))));
        }
        problems
    }

    /// Its text, with every key.
    pub fn to_toml(&self) -> String {
        // A tree of numbers, names and tables always has a text.
        toml::to_string(self).unwrap_or_default()
    }

    /// The keys in which another configuration differs, with both values.
    pub fn differences(&self, other: &Self) -> Vec<(String, String, String)> {
        let leaves = |config: &Self| {
            let mut leaves = Vec::new();
            if let Ok(toml::Value::Table(table)) = toml::Value::try_from(config) {
                flatten("", table, &mut leaves);
            }
            leaves
        };
        let (ours, theirs) = (leaves(self), leaves(other));
        let value = |leaves: &[(String, String)], key: &str| {
            let found = leaves.iter().find(|(name, _)| name == key);
            found.map_or("nothing".to_owned(), |(_, value)| value.clone())
        };
        let mut keys: Vec<&String> = ours.iter().chain(&theirs).map(|(key, _)| key).collect();
        keys.sort();
        keys.dedup();
        let both = keys.into_iter().map(|key| (key.clone(), value(&ours, key), value(&theirs, key)));
        both.filter(|(_, ours, theirs)| ours != theirs).collect()
    }
}

fn flatten(prefix: &str, table: toml::Table, leaves: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(table) => flatten(&path, table, leaves),
            value => leaves.push((path, value.to_string())),
        }
    }
}
