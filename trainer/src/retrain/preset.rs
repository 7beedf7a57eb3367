//! Recipes by name: the published one, and one for small pictures.

use std::str::FromStr;

use bossnas_data::dataset::DataSetKind;
use bossnas_data::dataset::inat::Category;
use bossnas_data::training::{Mix, Recipe};

use super::config::{Config, Evaluation, OptimizerKind, OptimizerNumbers, Rules, Training};
use crate::run::Amp;

/// A recipe that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preset {
    /// DeiT's, with which the published networks were retrained.
    Deit,
    /// For small pictures, digits above all: minutes on a processor.
    Small,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Deit, Self::Small];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deit => "deit",
            Self::Small => "small",
        }
    }

    /// The configuration for inputs of a size, 224 (`deit`) or 32 (`small`) unless told.
    pub fn config(self, size: Option<usize>) -> Config {
        let adamw = OptimizerNumbers {
            kind: OptimizerKind::AdamW,
            weight_decay: 0.05,
            betas: [0.9, 0.999],
            eps: 1e-8,
            momentum: 0.9,
            nesterov: true,
        };
        let deit = || Config {
            recipe: self.name().to_owned(),
            arch: String::new(),
            data_set: DataSetKind::Folder,
            inat_category: Category::default().name().to_owned(),
            finetune: String::new(),
            seed: 0,
            threads: 0,
            precision: Amp::Off,
            training: Training {
                epochs: 300,
                cooldown_epochs: 10,
                warmup_epochs: 5,
                batch_size: 128,
                accumulate: 1,
                repeats: 3,
                learning_rate: 5e-4,
                warmup_rate: 1e-6,
                smallest_rate: 1e-5,
                clip_norm: 0.0,
                drop_path: 0.1,
                dropout: 0.0,
                ema_decay: 0.99996,
                ema_warmup: false,
            },
            optimizer: adamw,
            // One and a half times that of training, as published.
            evaluation: Evaluation { every: 1, batch_size: 192 },
            rules: Rules::corrected(),
            images: Recipe::deit(size.unwrap_or(224)),
            mix: Mix::published(),
        };
        match self {
            Self::Deit => deit(),
            Self::Small => Config {
                training: Training {
                    epochs: 100,
                    cooldown_epochs: 0,
                    warmup_epochs: 3,
                    batch_size: 64,
                    repeats: 1,
                    learning_rate: 2.4e-2,
                    smallest_rate: 1e-6,
                    drop_path: 0.0,
                    ema_decay: 0.995,
                    ema_warmup: true,
                    ..deit().training
                },
                // Small maps are not worth sharing among threads.
                threads: 1,
                evaluation: Evaluation { every: 1, batch_size: 64 },
                images: Recipe::small(size.unwrap_or(32)),
                mix: Mix::none(0.1),
                ..deit()
            },
        }
    }
}

impl FromStr for Preset {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|preset| preset.name() == name).ok_or(())
    }
}
