//! What views are made with, as plain data (`REFERENCE.md` section 4).

use bossnas_model::preprocess::Preprocessing;
use serde::{Deserialize, Serialize};

/// The largest side of a view.
const MAX_SIZE: usize = 4096;

/// The most pairs of views of an image.
const MAX_PAIRS: usize = 64;

/// The largest sigma of a blur, in pixels.
const MAX_SIGMA: f64 = 64.0;

/// The most that a brightness, contrast or saturation changes by.
const MAX_CHANGE: f64 = 16.0;

/// The widest and the narrowest window of a crop, as width by height.
const RATIOS: [f64; 2] = [0.01, 100.0];

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

/// Which part of an image a view shows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Crop {
    /// torchvision's `RandomResizedCrop`: a window of a random size and shape at a random place, resized (bicubic).
    Resized {
        /// The share of the image's area that the window has.
        scale: [f64; 2],
        /// Its width by its height; the logarithm is uniform.
        ratio: [f64; 2],
    },
    /// torchvision's `RandomCrop`: black is put around an image that has the size of a view, and a window of that size is
    /// taken at a random place.
    Padded {
        /// Pixels of black on each side.
        padding: usize,
    },
}

/// torchvision's `ColorJitter`: the four changes in a random order. A strength `s` means a factor from `max(0, 1 - s)` to
/// `1 + s`; of the hue, a part of its circle from `-s` to `s`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Jitter {
    /// Probability that the colours change at all.
    pub probability: f64,
    /// Strength of the change of brightness.
    pub brightness: f64,
    /// Strength of the change of contrast.
    pub contrast: f64,
    /// Strength of the change of saturation.
    pub saturation: f64,
    /// Strength of the change of hue, at most 0.5.
    pub hue: f64,
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

/// Everything that a recipe asks for and that cannot be, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the views cannot be made like that: {}", problems.join("; "))]
pub struct RecipeError {
    /// What is wrong, each with the name of the value.
    pub problems: Vec<String>,
}

impl Crop {
    /// The window that HyTra and MBConv were searched with.
    pub const PUBLISHED: Self = Self::Resized { scale: [0.08, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] };
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
        let mut problems = Vec::new();
        let mut demand = |fine: bool, problem: &dyn Fn() -> String| {
            if !fine {
                problems.push(problem());
            }
        };
        let Self { size, pairs, halves, mean, std } = self;
        demand((1..=MAX_SIZE).contains(size), &|| format!("size {size} is not from 1 to {MAX_SIZE}"));
        demand((1..=MAX_PAIRS).contains(pairs), &|| format!("pairs {pairs} is not from 1 to {MAX_PAIRS}"));
        demand(mean.iter().all(|mean| mean.is_finite()), &|| format!("mean {mean:?} is not finite"));
        let divides = |std: &f64| std.is_finite() && *std as f32 > 0.0;
        demand(std.iter().all(divides), &|| format!("std {std:?} is not finite and positive"));
        for (half, pipeline) in halves.iter().enumerate() {
            pipeline.check(self.size, &mut |name, fine, value, wanted| {
                demand(fine, &|| format!("halves[{half}].{name} {value} is not {wanted}"));
            });
        }
        if problems.is_empty() { Ok(()) } else { Err(RecipeError { problems }) }
    }
}

/// Takes the name of a value, whether it is fine, the value, and what it should be.
type Judge<'a> = &'a mut dyn FnMut(&str, bool, &dyn std::fmt::Display, &str);

/// A range as it is written in a file.
struct Shown([f64; 2]);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl Pipeline {
    fn check(&self, size: usize, judge: Judge<'_>) {
        let Self { crop, flip, jitter, grey, blur, solarise } = self;
        let within = |value: f64, [from, to]: [f64; 2]| (from..=to).contains(&value);
        let ordered = |range: [f64; 2], bounds| range[0] <= range[1] && range.iter().all(|&end| within(end, bounds));
        let mut probability = |name: &str, value: f64| judge(name, within(value, [0.0, 1.0]), &value, "from 0 to 1");
        probability("flip", *flip);
        probability("grey", *grey);
        probability("solarise", *solarise);
        if let Some(jitter) = jitter {
            probability("jitter.probability", jitter.probability);
        }
        if let Some(blur) = blur {
            probability("blur.probability", blur.probability);
            let fine = ordered(blur.sigma, [0.0, MAX_SIGMA]);
            judge("blur.sigma", fine, &Shown(blur.sigma), &format!("a range within 0 to {MAX_SIGMA}"));
        }
        if let Some(Jitter { brightness, contrast, saturation, hue, probability: _ }) = *jitter {
            for (name, value, most) in [
                ("jitter.brightness", brightness, MAX_CHANGE),
                ("jitter.contrast", contrast, MAX_CHANGE),
                ("jitter.saturation", saturation, MAX_CHANGE),
                ("jitter.hue", hue, 0.5),
            ] {
                judge(name, within(value, [0.0, most]), &value, &format!("from 0 to {most}"));
            }
        }
        match *crop {
            Crop::Resized { scale, ratio } => {
                let fine = ordered(scale, [0.0, 1.0]) && scale[0] > 0.0;
                judge("crop.resized.scale", fine, &Shown(scale), "a range above 0 and up to 1");
                let wanted = format!("a range within {} to {}", RATIOS[0], RATIOS[1]);
                judge("crop.resized.ratio", ordered(ratio, RATIOS), &Shown(ratio), &wanted);
            }
            Crop::Padded { padding } => {
                judge("crop.padded.padding", padding <= size, &padding, "at most the size of a view");
            }
        }
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
            "pairs 0 is not",
            "mean [0.485, 0.456, NaN] is not",
            "std [0.229, 0.0, 0.225] is not",
            "halves[0].flip 1.5 is not from 0 to 1",
            "halves[0].grey NaN is not",
            "halves[0].solarise -1 is not",
            "halves[0].jitter.probability -0.1 is not",
            "halves[0].blur.probability 2 is not",
            "halves[0].blur.sigma [2.0, 1.0] is not a range within 0 to 64",
            "halves[0].jitter.brightness inf is not from 0 to 16",
            "halves[0].jitter.contrast -1 is not",
            "halves[0].jitter.saturation 17 is not",
            "halves[0].jitter.hue 0.6 is not from 0 to 0.5",
            "halves[0].crop.resized.scale [0.0, 1.0] is not",
            "halves[0].crop.resized.ratio [2.0, 1.0] is not a range within 0.01 to 100",
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
