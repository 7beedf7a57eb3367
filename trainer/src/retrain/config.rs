//! What decides the numbers of a retraining.

use bossnas_data::dataset::DataSetKind;
use bossnas_data::dataset::inat::Category;
use bossnas_data::training::{Crop, Jitter, Mix, Recipe, RepeatRule};
use bossnas_model::arch::{Architecture, BossNet};
use serde::{Deserialize, Serialize};

use super::preset::Preset;
use crate::optim::schedule::EpochRate;
use crate::run::{Amp, Configuration};

/// A retraining. Two runs of the same configuration on the same images end in the same bytes, on a machine of the same kind where the
/// number of threads is not told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The recipe that it began from.
    pub recipe: String,
    /// The network, classes included; empty where nobody has said.
    pub arch: String,
    /// What the images are.
    pub data_set: DataSetKind,
    /// Of iNaturalist: the level whose names are the classes.
    pub inat_category: String,
    /// Digest of the weights that training begins with; empty where they are drawn.
    pub finetune: String,
    /// Decides everything random.
    pub seed: u64,
    /// Threads of libtorch: another number gives other last digits. 0 for its own choice.
    pub threads: usize,
    /// Number format of the network's products.
    pub precision: Amp,
    /// How the network is trained.
    pub training: Training,
    /// Which optimizer, with its numbers.
    pub optimizer: OptimizerNumbers,
    /// How the network is evaluated.
    pub evaluation: Evaluation,
    /// Which of the published rules hold.
    pub rules: Rules,
    /// How inputs are made of images. Their size is that of the network's input.
    pub images: Recipe,
    /// How the images of a batch are mixed, and their targets smoothed.
    pub mix: Mix,
}

/// How a network is trained; see `REFERENCE.md` section 5.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Training {
    /// Epochs of the cosine, warm-up included.
    pub epochs: u64,
    /// Epochs at the smallest rate that follow.
    pub cooldown_epochs: u64,
    /// Epochs in which the rate grows.
    pub warmup_epochs: u64,
    /// Images of a batch.
    pub batch_size: usize,
    /// Batches whose gradients are added up before an update.
    pub accumulate: u32,
    /// How often each image comes in a row.
    pub repeats: usize,
    /// What the cosine starts from, for 512 images an update: more images, a higher rate.
    pub learning_rate: f64,
    /// What the warm-up starts from.
    pub warmup_rate: f64,
    /// What the cosine ends at.
    pub smallest_rate: f64,
    /// The most that the norm of all gradients may be; 0 for any.
    pub clip_norm: f64,
    /// Nominal rate of stochastic depth.
    pub drop_path: f64,
    /// Share of the features that is left out in front of the classifier.
    pub dropout: f64,
    /// What stays of the average of the weights at each update; 0 for no average.
    pub ema_decay: f64,
    /// Whether the average begins with a smaller decay: `(1 + n) / (10 + n)` at the n-th update.
    pub ema_warmup: bool,
}

/// An optimizer with its numbers. Those of the other one are not used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OptimizerNumbers {
    /// Which one.
    pub kind: OptimizerKind,
    /// Decay of weights that are neither 1-d nor biases, times the learning rate.
    pub weight_decay: f64,
    /// AdamW: decay of the mean of gradients and of their squares.
    pub betas: [f64; 2],
    /// AdamW: added to the root of the mean square.
    pub eps: f64,
    /// SGD: decay of the buffers.
    pub momentum: f64,
    /// SGD: whether a step looks ahead of the buffer.
    pub nesterov: bool,
}

/// An optimizer by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// The published one.
    #[serde(rename = "adamw")]
    AdamW,
    /// With momentum.
    Sgd,
}

/// How a network is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Evaluation {
    /// Epochs between evaluations; the last epoch is always followed by one.
    pub every: u64,
    /// Images of a batch.
    pub batch_size: usize,
}

/// In what the released code differs from what it says (`REFERENCE.md` section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rules {
    /// When the learning rate steps.
    pub lr_by_epoch: LrByEpoch,
    /// How many images an epoch of repeated augmentation has.
    pub repeated_samples: RepeatedSamples,
}

/// When the learning rate steps (`QUIRKS.md` 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LrByEpoch {
    /// One epoch late, as published: two epochs at the warm-up's first rate, and no cool-down.
    Published,
    /// Each epoch trains at its own rate.
    Corrected,
}

/// How many images an epoch of repeated augmentation has (`QUIRKS.md` 20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepeatedSamples {
    /// A multiple of 256, as published: none of a data set that is smaller.
    Published,
    /// As many as the data set has.
    Corrected,
}

impl Rules {
    /// As the released code has them.
    pub const fn published() -> Self {
        Self { lr_by_epoch: LrByEpoch::Published, repeated_samples: RepeatedSamples::Published }
    }

    /// As they are meant.
    pub const fn corrected() -> Self {
        Self { lr_by_epoch: LrByEpoch::Corrected, repeated_samples: RepeatedSamples::Corrected }
    }
}

impl From<RepeatedSamples> for RepeatRule {
    fn from(rule: RepeatedSamples) -> Self {
        match rule {
            RepeatedSamples::Published => Self::Published,
            RepeatedSamples::Corrected => Self::Corrected,
        }
    }
}

/// Images of an update that the learning rate is told for.
const RATE_IMAGES: f64 = 512.0;

impl Config {
    /// The network, if the text is one that has classes.
    pub fn network(&self) -> Option<BossNet> {
        match self.arch.parse() {
            Ok(Architecture::BossNet(network)) => Some(network),
            Ok(Architecture::Search(_)) | Err(_) => None,
        }
    }

    /// The same for inputs of another size: a padded crop moves them by the same share of their side.
    #[must_use]
    pub fn with_size(mut self, size: usize) -> Self {
        if let Crop::Padded { padding } = self.images.crop {
            self.images.crop = Crop::Padded { padding: (padding * size).div_ceil(self.images.size.max(1)) };
        }
        self.images.size = size;
        self
    }

    /// Of iNaturalist: the level whose names are the classes.
    pub fn category(&self) -> Category {
        self.inat_category.parse().unwrap_or_default()
    }

    /// Images of an update.
    pub fn images_of_update(&self) -> u64 {
        self.training.batch_size as u64 * u64::from(self.training.accumulate)
    }

    /// The learning rate by epoch, for as many images as an update has.
    pub fn schedule(&self) -> EpochRate {
        let training = &self.training;
        EpochRate {
            base: training.learning_rate * self.images_of_update() as f64 / RATE_IMAGES,
            smallest: training.smallest_rate,
            warmup: training.warmup_rate,
            warmup_epochs: training.warmup_epochs,
            epochs: training.epochs,
        }
    }

    /// The learning rate of an epoch, counted from 0.
    pub fn rate(&self, epoch: u64) -> f64 {
        let schedule = self.schedule();
        match self.rules.lr_by_epoch {
            LrByEpoch::Published => schedule.at(epoch.saturating_sub(1)),
            LrByEpoch::Corrected => schedule.at(epoch),
        }
    }

    /// All epochs.
    pub fn epochs(&self) -> u64 {
        match self.rules.lr_by_epoch {
            LrByEpoch::Published => self.training.epochs,
            LrByEpoch::Corrected => self.training.epochs + self.training.cooldown_epochs,
        }
    }
}

/// Takes whether a value is fine, its key, and what it should be.
type Demand<'a> = &'a mut dyn FnMut(bool, &str, &str);

impl Training {
    fn check(&self, demand: Demand<'_>) {
        let share = |value: f64| (0.0..1.0).contains(&value);
        let rate = |value: f64| value.is_finite() && value >= 0.0;
        demand((1..=100_000).contains(&self.epochs), "training.epochs", "is from 1 to 100000");
        demand(self.cooldown_epochs <= 100_000, "training.cooldown-epochs", "is at most 100000");
        let warm = self.epochs == 0 || self.warmup_epochs <= self.epochs;
        demand(warm, "training.warmup-epochs", &format!("is at most the {} epochs of the training", self.epochs));
        // One image leaves a batch norm over features without a variance.
        demand((2..=65_536).contains(&self.batch_size), "training.batch-size", "is from 2 to 65536");
        demand((1..=65_536).contains(&self.accumulate), "training.accumulate", "is from 1 to 65536");
        demand((1..=64).contains(&self.repeats), "training.repeats", "is from 1 to 64");
        let positive = self.learning_rate.is_finite() && self.learning_rate > 0.0;
        demand(positive, "training.learning-rate", "is a number above 0");
        demand(rate(self.warmup_rate), "training.warmup-rate", "is a number from 0 on");
        demand(rate(self.smallest_rate), "training.smallest-rate", "is a number from 0 on");
        demand(rate(self.clip_norm), "training.clip-norm", "is a number from 0 on");
        demand(share(self.drop_path), "training.drop-path", "is from 0 to below 1");
        demand(share(self.dropout), "training.dropout", "is from 0 to below 1");
        demand(share(self.ema_decay), "training.ema-decay", "is from 0 to below 1");
    }
}

impl OptimizerNumbers {
    fn check(&self, demand: Demand<'_>) {
        let share = |value: f64| (0.0..1.0).contains(&value);
        let decay = self.weight_decay.is_finite() && self.weight_decay >= 0.0;
        demand(decay, "optimizer.weight-decay", "is a number from 0 on");
        demand(self.betas.into_iter().all(share), "optimizer.betas", "is two numbers from 0 to below 1");
        demand(self.eps.is_finite() && self.eps > 0.0, "optimizer.eps", "is a number above 0");
        demand(share(self.momentum), "optimizer.momentum", "is from 0 to below 1");
        let looks_ahead = self.kind == OptimizerKind::Sgd && self.nesterov;
        demand(!looks_ahead || self.momentum > 0.0, "optimizer.nesterov", "needs a momentum above 0");
    }
}

impl Configuration for Config {
    const KIND: &'static str = "a retraining";
    const BASE: &'static str = "recipe";
    const IMPLIED_BY: &'static str = "arch";
    const CHOICES: &'static [&'static str] = &["images.crop"];

    fn names() -> Vec<&'static str> {
        Preset::ALL.map(Preset::name).to_vec()
    }

    fn named(name: &str) -> Option<Self> {
        name.parse().ok().map(|preset: Preset| preset.config(None))
    }

    fn fallback() -> Self {
        Preset::Deit.config(None)
    }

    fn known() -> Vec<Self> {
        let mut all: Vec<Self> = Preset::ALL.map(|preset| preset.config(None)).into();
        // No recipe has what replaces RandAugment.
        all.extend(all.first().cloned().map(|mut config| {
            let jitter = Jitter { probability: 1.0, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.0 };
            config.images.jitter = Some(jitter);
            config
        }));
        all
    }

    fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut demand = |fine: bool, key: &str, message: &str| {
            if !fine {
                problems.push((key.to_owned(), message.to_owned()));
            }
        };
        if !self.arch.is_empty() {
            match self.arch.parse::<Architecture>() {
                Ok(Architecture::BossNet(_)) => {}
                Ok(Architecture::Search(_)) => demand(false, "arch", "is a path of a search, not the network to train"),
                Err(error) => demand(false, "arch", &format!("is wrong at {error}")),
            }
        }
        if let Err(error) = self.inat_category.parse::<Category>() {
            demand(false, "inat-category", &format!("is wrong: {error}"));
        }
        demand(self.threads <= 1024, "threads", "is at most 1024");
        let is_digest = self.finetune.is_empty() || self.finetune.len() == 64;
        demand(is_digest, "finetune", "is a SHA-256, which --finetune sets");
        self.training.check(&mut demand);
        self.optimizer.check(&mut demand);
        let Evaluation { every, batch_size } = self.evaluation;
        demand(every >= 1, "evaluation.every", "is 1 or more epochs");
        demand((1..=65_536).contains(&batch_size), "evaluation.batch-size", "is from 1 to 65536");
        if let Err(error) = self.images.check() {
            error.problems.iter().for_each(|problem| demand(false, "images", &format!("is wrong: {problem}")));
        }
        if let Err(error) = self.mix.check() {
            error.problems.iter().for_each(|problem| demand(false, "mix", &format!("is wrong: {problem}")));
        }
        // What is mixed needs a partner.
        let mixes = self.mix.mixup_alpha > 0.0 || self.mix.cutmix_alpha > 0.0;
        let even = self.training.batch_size.is_multiple_of(2);
        demand(!mixes || even, "training.batch-size", "is even where images are mixed");
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
        Some(Ok(table.into_iter().map(|(key, value)| (format!("rules.{key}"), value)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_is_what_its_own_text_says() {
        for preset in Preset::ALL {
            for size in [32, 224] {
                let config = preset.config(Some(size));
                assert_eq!(config.problems(), [], "{}", preset.name());
                assert_eq!(toml::from_str::<Config>(&config.to_toml()).unwrap(), config, "{}", preset.name());
            }
            let config = preset.config(None);
            assert_eq!(Config::parse(&config.to_toml()).unwrap(), config, "{}", preset.name());
        }
    }

    #[test]
    fn the_published_rates_are_one_epoch_late_and_end_without_a_cool_down() {
        let mut config = Preset::Deit.config(None);
        (config.training.batch_size, config.training.accumulate) = (128, 8);
        let base = 5e-4 * 1024.0 / 512.0;
        assert_eq!((config.epochs(), config.rate(0), config.rate(5)), (310, 1e-6, config.schedule().at(5)));
        assert!((config.schedule().base - base).abs() < 1e-18);
        assert_eq!(config.rate(309), 1e-5);
        config.rules = Rules::published();
        assert_eq!((config.epochs(), config.rate(0), config.rate(1)), (300, 1e-6, 1e-6));
        assert_eq!(config.rate(6), config.schedule().at(5));
    }

    #[test]
    fn tables_that_a_recipe_lacks_may_be_added_and_others_taken_out() {
        let text = "recipe = \"small\"\n[images]\nrand-augment = \"none\"\ncrop = \"whole\"\n[images.erasing]\nprobability = 0.5\n";
        let config = Config::parse(text).unwrap();
        let deit = Preset::Deit.config(None);
        assert_eq!(config.images.rand_augment, None);
        assert_eq!(config.images.crop, Crop::Whole);
        let erasing = config.images.erasing.unwrap();
        assert_eq!((erasing.probability, erasing.area), (0.5, deit.images.erasing.unwrap().area));
        let text = "recipe = \"deit\"\nrules = \"published\"\n[images]\nrand-augment = \"none\"\njitter = {brightness = 0.3}\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.rules, Rules::published());
        let jitter = config.images.jitter.unwrap();
        assert_eq!((jitter.brightness, jitter.contrast), (0.3, 0.4));
    }

    #[test]
    fn all_mistakes_are_told_with_their_lines() {
        let text = "recipe = \"small\"\narch = \"hytra:5433/3230/0010/0000\"\n\n[training]\nepochs = 0\nbatchsize = 3\n\
                    [optimizer]\nkind = \"lars\"\n[mix]\nsmoothing = 2.0\n[images]\nsize = \"none\"\n";
        let mistakes = Config::parse(text).unwrap_err();
        let lines: Vec<Option<usize>> = mistakes.0.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [2, 5, 6, 8, 10, 12].map(Some), "{mistakes}");
        let text = mistakes.to_string();
        for part in ["there is no `training.batchsize`", "`arch` is a path", "lars", "smoothing", "a whole number"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
