//! Configurations by name: the published searches, and a small one.

use std::str::FromStr;

use bossnas_data::views::{Crop, Recipe};

use super::config::{Config, DataKind, Rating, RatingData, Training};
use crate::run::Amp;
use crate::search::Rules;

/// A configuration that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Preset {
    /// NATS-Bench's size space on CIFAR-10, as published.
    NatsC10,
    /// The same on CIFAR-100.
    NatsC100,
    /// `MBConv` on ImageNet, as published.
    Mbconv,
    /// `HyTra` on ImageNet, as published.
    Hytra,
    /// A narrow `HyTra` on handwritten digits: minutes on a processor.
    Digits,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::NatsC10, Self::NatsC100, Self::Mbconv, Self::Hytra, Self::Digits];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NatsC10 => "nats-c10",
            Self::NatsC100 => "nats-c100",
            Self::Mbconv => "mbconv",
            Self::Hytra => "hytra",
            Self::Digits => "digits",
        }
    }

    /// The configuration, under the corrected rules.
    pub fn config(self) -> Config {
        match self {
            Self::NatsC10 | Self::NatsC100 => Config {
                training: Training {
                    batch_size: 256,
                    accumulate: 16,
                    epochs: 50,
                    learning_rate: 0.48,
                    warmup_epochs: 2,
                    warmup_ratio: 1e-4,
                },
                rating: Rating { every: 10, images: 10_000, batch_size: 256, ..Self::rating() },
                views: Recipe::nats(),
                ..self.imagenet()
            },
            Self::Mbconv | Self::Hytra => self.imagenet(),
            Self::Digits => self.digits(),
        }
    }

    /// What both searches on ImageNet have in common. Published on 8 devices with 64 images each that add up 8 batches: one
    /// device adds up 64.
    fn imagenet(self) -> Config {
        Config {
            space: self.name().to_owned(),
            base: 64,
            seed: 0,
            threads: 0,
            precision: Amp::Off,
            data: DataKind::Files,
            training: Training {
                batch_size: 64,
                accumulate: 64,
                epochs: 6,
                learning_rate: 4.8,
                warmup_epochs: 1,
                warmup_ratio: 1e-4,
            },
            rating: Self::rating(),
            rules: Rules::corrected(),
            views: Recipe::byol(224, 4),
        }
    }

    /// All images that are rated on are held in memory, two views each: 2,048 of 224 pixels take 2.5 GB.
    const fn rating() -> Rating {
        Rating { every: 2, on: RatingData::HeldOut, images: 2048, batch_size: 64, bn_images: 64 }
    }

    fn digits(self) -> Config {
        let mut views = Recipe::digits(32);
        views.pairs = 1;
        for half in &mut views.halves {
            half.crop = Crop::Resized { scale: [0.5, 1.0], ratio: [0.75, 4.0 / 3.0] };
        }
        Config {
            space: Self::Hytra.name().to_owned(),
            base: 8,
            // Maps are so small that threads mostly wait for each other, and for whatever else runs on the machine.
            threads: 1,
            data: DataKind::Digits,
            training: Training {
                batch_size: 64,
                accumulate: 1,
                epochs: 6,
                learning_rate: 0.6,
                warmup_epochs: 1,
                warmup_ratio: 1e-4,
            },
            rating: Rating { every: 2, on: RatingData::HeldOut, images: 128, batch_size: 64, bn_images: 64 },
            views,
            ..self.imagenet()
        }
    }
}

impl FromStr for Preset {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|preset| preset.name() == name).ok_or(())
    }
}
