//! What decides the numbers of a run.

use bossnas_data::views::Recipe;
use bossnas_model::space::{Space, SpaceError};
use serde::{Deserialize, Serialize};

use super::preset::Preset;
use crate::run::{Amp, Configuration};
use crate::search::Rules;

/// A search. Two runs of the same configuration on the same images end in the same bytes, where their libtorch has the same
/// number of threads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The search space, by name.
    pub space: String,
    /// Its base width; 64 in the published ones.
    pub base: usize,
    /// Decides everything random.
    pub seed: u64,
    /// Threads of libtorch, on which last digits depend; 0 is its own choice.
    pub threads: usize,
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

impl Config {
    /// The search space that it names.
    pub fn space(&self) -> Result<Space, SpaceError> {
        let named = Space::PUBLISHED.into_iter().find(|space| space.name() == self.space);
        let space = named.unwrap_or(Space::hytra());
        Ok(space.with_base(self.base)?.with_orientation(self.rules.attention))
    }
}

impl Configuration for Config {
    const KIND: &'static str = "a search";
    const BASE: &'static str = "preset";
    const IMPLIED_BY: &'static str = "space";

    fn names() -> Vec<&'static str> {
        Preset::ALL.map(Preset::name).to_vec()
    }

    fn named(name: &str) -> Option<Self> {
        name.parse().ok().map(Preset::config)
    }

    fn fallback() -> Self {
        Preset::Hytra.config()
    }

    fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut demand = |fine: bool, key: &str, message: String| {
            if !fine {
                problems.push((key.to_owned(), message));
            }
        };
        let names = Space::PUBLISHED.map(|space| space.name().to_owned());
        demand(self.threads <= 1024, "threads", "is at most 1024".to_owned());
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

    /// Both columns of the rules have a name.
    fn shorthand(key: &str, text: &str) -> Option<Result<Vec<(String, toml::Value)>, String>> {
        if key != "rules" {
            return None;
        }
        let rules = match text {
            "published" => Rules::published(),
            "corrected" => Rules::corrected(),
            _ => return Some(Err("`rules` is \"published\", \"corrected\", or a table of switches".to_owned())),
        };
        let Ok(toml::Value::Table(table)) = toml::Value::try_from(rules) else { return None };
        let on = toml::Value::try_from(RatingData::of(rules)).map(|value| ("rating.on".to_owned(), value)).into_iter();
        Some(Ok(table.into_iter().map(|(key, value)| (format!("rules.{key}"), value)).chain(on).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_differs_from_its_preset() {
        let config =
            Config::parse("preset = \"digits\"\nbase = 16\n[training]\nepochs = 2\nlearning-rate = 1\n").unwrap();
        let mut expected = Preset::Digits.config();
        expected.base = 16;
        (expected.training.epochs, expected.training.learning_rate) = (2, 1.0);
        assert_eq!(config, expected);
        let published = Config::parse("space = \"nats-c10\"\nrules = \"published\"\n").unwrap();
        let mut expected = Config { rules: Rules::published(), ..Preset::NatsC10.config() };
        expected.rating.on = RatingData::TestSet;
        assert_eq!(published, expected);
        let one = Config::parse("preset = \"hytra\"\n[rules]\nattention = \"transposed\"\n").unwrap();
        assert_eq!(one.rules, Rules { attention: Rules::published().attention, ..Rules::corrected() });
    }

    #[test]
    fn every_preset_is_what_its_own_text_says() {
        for preset in Preset::ALL {
            let config = preset.config();
            assert_eq!(config.problems(), [], "{}", preset.name());
            assert_eq!(Config::parse(&config.to_toml()).unwrap(), config, "{}", preset.name());
        }
    }

    #[test]
    fn all_mistakes_are_told_with_their_lines() {
        let text = "preset = \"digits\"\nbase = 0\nsede = 1\n\n[training]\nepochs = \"six\"\nbatch-size = 1\n\
                    [rules]\nprefix = \"thawed\"\n[views]\npairs = 0\n";
        let mistakes = Config::parse(text).unwrap_err();
        let lines: Vec<Option<usize>> = mistakes.0.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [2, 3, 6, 7, 9, 11].map(Some), "{mistakes}");
        let text = mistakes.to_string();
        for part in ["line 3: there is no `sede`", "`training.epochs` is a whole number", "thawed", "`views` is wrong"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(Config::parse("base = 1\nbase = 2").unwrap_err().0[0].line, Some(2));
        assert!(Config::parse("preset = \"x\"").unwrap_err().to_string().contains("nats-c100"));
    }

    #[test]
    fn differences_are_named() {
        let (ours, mut theirs) = (Preset::Digits.config(), Preset::Digits.config());
        assert_eq!(ours.differences(&theirs), []);
        theirs.training.epochs = 7;
        assert_eq!(ours.differences(&theirs), [("training.epochs".to_owned(), "6".to_owned(), "7".to_owned())]);
    }
}
