//! What views are made with, as plain data (`REFERENCE.md` section 4).

use bossnas_model::preprocess::Preprocessing;
use serde::{Deserialize, Serialize};

use crate::augment::check::{Judge, RecipeError};
use crate::augment::crop::Crop;
use crate::augment::jitter::Jitter;

/// The most pairs of views of an image.
const MAX_PAIRS: usize = 64;

/// The largest sigma of a blur, in pixels.
const MAX_SIGMA: f64 = 64.0;

/// The views of an image: [`pairs`](Self::pairs) by the first pipeline, then as many by the second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// Height and width of a view, in pixels.
    pub size: usize,
    /// Views by each of the two pipelines.
    pub pairs: usize,
    /// How the views of the first half are made, and those of the second.
    pub halves: [Pipeline; 2],
    /// Subtracted from each channel (red, green, blue) of a pixel scaled to `[0, 1]`.
    pub mean: [f64; 3],
    /// Then each channel is divided by this.
    pub std: [f64; 3],
}

/// What happens to an image, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pipeline {
    /// Which part of it is seen.
    pub crop: Crop,
    /// Probability that left and right change places.
    pub flip: f64,
    /// Changes of its colours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Jitter>,
    /// Probability that it becomes grey.
    pub grey: f64,
    /// How it is blurred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blur: Option<Blur>,
    /// Probability that levels from 128 on are inverted.
    pub solarise: f64,
}

/// Pillow's `GaussianBlur`, whose radius is the standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Blur {
    /// Probability that the view is blurred at all.
    pub probability: f64,
    /// Smallest and largest standard deviation, in pixels of the view.
    pub sigma: [f64; 2],
}

impl Recipe {
    /// The recipe of BYOL that the published searches of HyTra and MBConv use, at 224 pixels with 4 pairs.
    pub fn byol(size: usize, pairs: usize) -> Self {
        let jitter = Jitter { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1 };
        let half = |blur, solarise| Pipeline {
            crop: Crop::PUBLISHED,
            flip: 0.5,
            jitter: Some(jitter),
            grey: 0.2,
            blur: Some(Blur { probability: blur, sigma: [0.1, 2.0] }),
            solarise,
        };
        Self {
            size,
            pairs,
            halves: [half(0.1, 0.0), half(1.0, 0.2)],
            mean: Preprocessing::IMAGENET_MEAN,
            std: Preprocessing::IMAGENET_STD,
        }
    }

    /// The recipe of the published search of NATS-Bench's space on CIFAR: 32 pixels, one pair.
    pub fn nats() -> Self {
        let half = Pipeline {
            crop: Crop::Padded { padding: 4 },
            flip: 0.5,
            jitter: None,
            grey: 0.0,
            blur: None,
            solarise: 0.0,
        };
        Self {
            size: 32,
            pairs: 1,
            halves: [half.clone(), half],
            mean: [0.4914, 0.4822, 0.4465],
            std: [0.2023, 0.1994, 0.201],
        }
    }

    /// For [handwritten digits](crate::dataset::DataSet::digits), which must stay what they are: nothing is mirrored or
    /// inverted, and most of a digit is always seen. One pair.
    pub fn digits(size: usize) -> Self {
        let half = |blur| Pipeline {
            crop: Crop::Resized { scale: [0.6, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] },
            flip: 0.0,
            jitter: Some(Jitter { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.0, hue: 0.0 }),
            grey: 0.0,
            blur: Some(Blur { probability: blur, sigma: [0.1, 1.0] }),
            solarise: 0.0,
        };
        // Mean and standard deviation over all pixels of the set.
        Self { size, pairs: 1, halves: [half(0.1), half(1.0)], mean: [0.3053; 3], std: [0.3759; 3] }
    }

    /// Views of an image.
    pub fn views(&self) -> usize {
        2 * self.pairs
    }

    /// The pipeline of a view. There is none beyond the last view; those too are of the second half.
    pub fn pipeline(&self, view: u64) -> &Pipeline {
        &self.halves[usize::from(view >= self.pairs as u64)]
    }

    /// Numbers of a view, `3 x size x size`. Call [`check`](Self::check) first: an impossible size may overflow.
    pub fn numbers(&self) -> usize {
        3 * self.size * self.size
    }

    /// Refuses what cannot be: all of it at once.
    pub fn check(&self) -> Result<(), RecipeError> {
        let Self { size, pairs, halves, mean, std } = self;
        let mut judge = Judge::default();
        judge.input(*size, mean, std);
        judge.demand((1..=MAX_PAIRS).contains(pairs), "pairs", pairs, &format!("from 1 to {MAX_PAIRS}"));
        for (half, pipeline) in halves.iter().enumerate() {
            judge.within(&format!("halves[{half}]"), |judge| pipeline.check(*size, judge));
        }
        judge.verdict()
    }
}

impl Pipeline {
    fn check(&self, size: usize, judge: &mut Judge) {
        let Self { crop, flip, jitter, grey, blur, solarise } = self;
        crop.check(size, judge);
        judge.probability("flip", *flip);
        if let Some(jitter) = jitter {
            jitter.check(judge);
        }
        judge.probability("grey", *grey);
        if let Some(Blur { probability, sigma }) = *blur {
            judge.within("blur", |judge| {
                judge.probability("probability", probability);
                judge.range("sigma", sigma, [0.0, MAX_SIGMA]);
            });
        }
        judge.probability("solarise", *solarise);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_recipes_can_be() {
        for recipe in [Recipe::byol(224, 4), Recipe::nats(), Recipe::digits(8), Recipe::digits(32)] {
            recipe.check().unwrap();
            assert_eq!(recipe.views(), 2 * recipe.pairs);
        }
        let recipe = Recipe::byol(224, 4);
        let halves: Vec<usize> =
            (0..8).map(|view| usize::from(std::ptr::eq(recipe.pipeline(view), &raw const recipe.halves[1]))).collect();
        assert_eq!(halves, [0, 0, 0, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn all_that_cannot_be_is_said_at_once() {
        let mut recipe = Recipe::byol(0, 0);
        recipe.std[1] = 0.0;
        recipe.mean[2] = f64::NAN;
        let [first, second] = &mut recipe.halves;
        *first = Pipeline {
            crop: Crop::Resized { scale: [0.0, 1.0], ratio: [2.0, 1.0] },
            flip: 1.5,
            jitter: Some(Jitter {
                probability: -0.1,
                brightness: f64::INFINITY,
                contrast: -1.0,
                saturation: 17.0,
                hue: 0.6,
            }),
            grey: f64::NAN,
            blur: Some(Blur { probability: 2.0, sigma: [2.0, 1.0] }),
            solarise: -1.0,
        };
        second.crop = Crop::Padded { padding: 1 };
        let error = recipe.check().unwrap_err();
        let expected = [
            "size 0 is not",
            "mean [0.485, 0.456, NaN] is not",
            "std [0.229, 0.0, 0.225] is not",
            "pairs 0 is not",
            "halves[0].crop.resized.scale [0.0, 1.0] is not",
            "halves[0].crop.resized.ratio [2.0, 1.0] is not a range within 0.01 to 100",
            "halves[0].flip 1.5 is not from 0 to 1",
            "halves[0].jitter.probability -0.1 is not",
            "halves[0].jitter.brightness inf is not from 0 to 16",
            "halves[0].jitter.contrast -1 is not",
            "halves[0].jitter.saturation 17 is not",
            "halves[0].jitter.hue 0.6 is not from 0 to 0.5",
            "halves[0].grey NaN is not",
            "halves[0].blur.probability 2 is not",
            "halves[0].blur.sigma [2.0, 1.0] is not a range within 0 to 64",
            "halves[0].solarise -1 is not",
            "halves[1].crop.padded.padding 1 is not at most the size of a view",
        ];
        assert_eq!(error.problems.len(), expected.len(), "{error}");
        for (problem, expected) in error.problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "`{problem}`, not `{expected}`");
            assert!(error.to_string().contains(problem));
        }
    }

    #[test]
    fn a_recipe_is_written_and_read_back_and_what_it_does_not_know_is_refused() {
        for recipe in [Recipe::byol(224, 4), Recipe::nats(), Recipe::digits(32)] {
            let text = toml::to_string(&recipe).unwrap();
            assert_eq!(toml::from_str::<Recipe>(&text).unwrap(), recipe);
            for (from, to) in [("flip", "flop"), ("pairs", "more = 1\npairs"), ("sigma", "sigmas"), ("hue", "hues")] {
                let changed = text.replace(from, to);
                assert!(changed == text || toml::from_str::<Recipe>(&changed).is_err(), "{changed}");
            }
        }
        let pipeline =
            |crop: &str| toml::from_str::<Pipeline>(&format!("crop.{crop}\nflip = 0\ngrey = 0.5\nsolarise = 1"));
        let expected = Pipeline {
            crop: Crop::Padded { padding: 4 },
            flip: 0.0,
            jitter: None,
            grey: 0.5,
            blur: None,
            solarise: 1.0,
        };
        assert_eq!(pipeline("padded.padding = 4").unwrap(), expected);
        for crop in
            ["padded = { padding = 4, fill = 0 }", "padded.padding = -1", "centre.size = 4", "resized.scale = [0.1, 1]"]
        {
            assert!(pipeline(crop).is_err(), "{crop}");
        }
    }
}
