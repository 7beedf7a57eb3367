//! What the inputs of a training are made with, as plain data (`REFERENCE.md` section 5).

use bossnas_model::preprocess::{Interpolation, Preprocessing};
use serde::{Deserialize, Serialize};

use super::erasing::Erasing;
use super::rand_augment::{OperationKind, RandAugment};
use crate::augment::check::{Judge, RecipeError};
use crate::augment::crop::Crop;
use crate::augment::jitter::Jitter;

/// Up to this size the published code crops images with black around them, and resizes nothing.
const SMALL: usize = 32;

/// What happens to an image, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// Height and width of an input, in pixels.
    pub size: usize,
    /// Which part of the image is seen. For a padded crop, an image of another size is resized to that of the input first.
    pub crop: Crop,
    /// Probability that left and right change places.
    pub flip: f64,
    /// Changes of its colours, where there is no RandAugment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Jitter>,
    /// Operations drawn from a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rand_augment: Option<RandAugment>,
    /// What is erased after the numbers were normalised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erasing: Option<Erasing>,
    /// Subtracted from each channel (red, green, blue) of a pixel scaled to `[0, 1]`.
    pub mean: [f64; 3],
    /// Then each channel is divided by this.
    pub std: [f64; 3],
}

impl Recipe {
    /// DeiT's recipe, as the published networks were retrained with it: `rand-m9-mstd0.5-inc1`, a quarter of the inputs with a
    /// part erased. Up to 32 pixels the crop is that of CIFAR.
    pub fn deit(size: usize) -> Self {
        Self {
            size,
            crop: if size > SMALL { Crop::PUBLISHED } else { Crop::Padded { padding: 4 } },
            flip: 0.5,
            jitter: None,
            rand_augment: Some(RandAugment::published()),
            erasing: Some(Erasing::published()),
            mean: Preprocessing::IMAGENET_MEAN,
            std: Preprocessing::IMAGENET_STD,
        }
    }

    /// For small pictures on black that must stay what they are, like handwritten digits: they move by up to an eighth of
    /// their size, and are turned and sheared a little; nothing is mirrored, no colour changes.
    pub fn small(size: usize) -> Self {
        let moves = [OperationKind::Rotate, OperationKind::ShearX, OperationKind::ShearY];
        Self {
            size,
            crop: Crop::Padded { padding: size.div_ceil(8) },
            flip: 0.0,
            jitter: None,
            rand_augment: Some(RandAugment {
                magnitude: 4.0,
                std: 2.0,
                among: moves.to_vec(),
                fill: Some([0; 3]),
                ..RandAugment::published()
            }),
            erasing: None,
            // Mean and standard deviation over all pixels of the digits that are compiled in.
            mean: [0.3053; 3],
            std: [0.3759; 3],
        }
    }

    /// The transform that networks trained like this are evaluated with: as published for resized crops, and all of the image
    /// where the crop shows all of it.
    pub fn evaluation(&self) -> Preprocessing {
        let size = [self.size; 2];
        let resize = match self.crop {
            Crop::Resized { .. } => Preprocessing::published(size).resize,
            Crop::Padded { .. } | Crop::Whole => size,
        };
        Preprocessing { size, resize, interpolation: Interpolation::Bicubic, mean: self.mean, std: self.std }
    }

    /// Numbers of an input, `3 x size x size`. Call [`check`](Self::check) first: an impossible size may overflow.
    pub fn numbers(&self) -> usize {
        3 * self.size * self.size
    }

    /// Refuses what cannot be: all of it at once.
    pub fn check(&self) -> Result<(), RecipeError> {
        let Self { size, crop, flip, jitter, rand_augment, erasing, mean, std } = self;
        let mut judge = Judge::default();
        judge.input(*size, mean, std);
        crop.check(*size, &mut judge);
        judge.probability("flip", *flip);
        if let Some(jitter) = jitter {
            jitter.check(&mut judge);
        }
        if let Some(rand_augment) = rand_augment {
            rand_augment.check(&mut judge);
        }
        judge.insist(jitter.is_none() || rand_augment.is_none(), "jitter and rand-augment exclude each other");
        if let Some(erasing) = erasing {
            erasing.check(&mut judge);
        }
        judge.verdict()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ErasingMode;
    use super::*;

    #[test]
    fn the_recipes_can_be_and_are_written_and_read_back() {
        let jitter = Recipe { rand_augment: None, jitter: Some(Jitter::even(0.4)), ..Recipe::deit(64) };
        let plain = Recipe { crop: Crop::Whole, erasing: None, ..jitter.clone() };
        for recipe in [Recipe::deit(224), Recipe::deit(32), Recipe::small(28), Recipe::small(8), jitter, plain] {
            recipe.check().unwrap();
            let text = toml::to_string(&recipe).unwrap();
            assert_eq!(toml::from_str::<Recipe>(&text).unwrap(), recipe);
            let json = serde_json::to_string(&recipe).unwrap();
            assert_eq!(serde_json::from_str::<Recipe>(&json).unwrap(), recipe);
            for name in ["flip", "magnitude", "among", "tries", "brightness", "scale"] {
                let changed = text.replace(name, &format!("x{name}"));
                assert!(changed == text || toml::from_str::<Recipe>(&changed).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn a_file_need_not_say_what_is_left_out() {
        let text = "size = 32\nflip = 0.5\ncrop = 'whole'\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n";
        let recipe: Recipe = toml::from_str(text).unwrap();
        assert!(recipe.jitter.is_none() && recipe.rand_augment.is_none() && recipe.erasing.is_none());
        let augment =
            "[rand-augment]\noperations = 2\nmagnitude = 9\nstd = 0.5\nincreasing = true\nprobability = 0.5\n";
        let recipe: Recipe = toml::from_str(&format!("{text}{augment}")).unwrap();
        assert_eq!(recipe.rand_augment, Some(RandAugment::published()));
        let named = format!("{text}{augment}among = ['shear-x', 'auto-contrast', 'solarise-add']\n");
        let among = toml::from_str::<Recipe>(&named).unwrap().rand_augment.unwrap().among;
        assert_eq!(among, [OperationKind::ShearX, OperationKind::AutoContrast, OperationKind::SolariseAdd]);
    }

    #[test]
    fn all_that_cannot_be_is_said_at_once() {
        let recipe = Recipe {
            size: 5000,
            crop: Crop::Resized { scale: [0.0, 1.0], ratio: [2.0, 1.0] },
            flip: -0.5,
            jitter: Some(Jitter { hue: 0.7, ..Jitter::even(20.0) }),
            rand_augment: Some(RandAugment {
                operations: 0,
                magnitude: 11.0,
                std: f64::NAN,
                increasing: true,
                probability: 2.0,
                among: vec![],
                fill: None,
            }),
            erasing: Some(Erasing {
                probability: 1.5,
                area: [0.5, 0.1],
                aspect: [0.0, 1.0],
                tries: 101,
                mode: ErasingMode::Pixel,
            }),
            mean: [f64::INFINITY; 3],
            std: [1.0, 1.0, -1.0],
        };
        let error = recipe.check().unwrap_err();
        let expected = [
            "size 5000 is not from 1 to 4096",
            "mean [inf, inf, inf] is not finite",
            "std [1.0, 1.0, -1.0] is not finite and positive",
            "crop.resized.scale [0.0, 1.0] is not a range above 0 and up to 1",
            "crop.resized.ratio [2.0, 1.0] is not a range within 0.01 to 100",
            "flip -0.5 is not from 0 to 1",
            "jitter.brightness 20 is not from 0 to 16",
            "jitter.contrast 20 is not from 0 to 16",
            "jitter.saturation 20 is not from 0 to 16",
            "jitter.hue 0.7 is not from 0 to 0.5",
            "rand-augment.operations 0 is not from 1 to 16",
            "rand-augment.magnitude 11 is not from 0 to 10",
            "rand-augment.std NaN is not from 0 to 10",
            "rand-augment.probability 2 is not from 0 to 1",
            "rand-augment.among names no operation",
            "jitter and rand-augment exclude each other",
            "erasing.probability 1.5 is not from 0 to 1",
            "erasing.area [0.5, 0.1] is not a range above 0 and up to 1",
            "erasing.aspect [0.0, 1.0] is not a range within 0.01 to 100",
            "erasing.tries 101 is not from 1 to 100",
        ];
        assert_eq!(error.problems, expected);
    }
}
