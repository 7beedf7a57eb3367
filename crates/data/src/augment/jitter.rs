//! torchvision's `ColorJitter`: which changes of the colours there are, how strong, and in what order.

use bossnas_model::random::Stream;
use serde::{Deserialize, Serialize};

use super::check::Judge;

/// The most that a brightness, contrast or saturation changes by.
const MAX_CHANGE: f64 = 16.0;

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

/// One change of colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Adjustment {
    /// Away from black (above 1) or towards it, by a factor.
    Brightness(f64),
    /// Away from the image's mean grey or towards it.
    Contrast(f64),
    /// Away from each pixel's grey or towards it.
    Saturation(f64),
    /// Around the circle of hues, by this part of it: from -0.5 to 0.5.
    Hue(f64),
}

impl Jitter {
    /// timm's `color_jitter`: brightness, contrast and saturation, always and alike.
    pub const fn even(strength: f64) -> Self {
        Self { probability: 1.0, brightness: strength, contrast: strength, saturation: strength, hue: 0.0 }
    }

    pub(crate) fn check(&self, judge: &mut Judge) {
        let Self { probability, brightness, contrast, saturation, hue } = *self;
        judge.within("jitter", |judge| {
            judge.probability("probability", probability);
            for (name, value) in [("brightness", brightness), ("contrast", contrast), ("saturation", saturation)] {
                judge.number(name, value, [0.0, MAX_CHANGE]);
            }
            judge.number("hue", hue, [0.0, 0.5]);
        });
    }

    /// The changes, in order. A strength of zero is no change and is left out.
    pub(crate) fn draw(&self, stream: &mut Stream) -> Vec<Adjustment> {
        if !stream.chance(self.probability) {
            return Vec::new();
        }
        let mut factor = |strength: f64| stream.between([(1.0 - strength).max(0.0), 1.0 + strength]);
        let factors = [self.brightness, self.contrast, self.saturation].map(&mut factor);
        let hue = stream.between([-self.hue, self.hue]);
        let all = [
            (self.brightness, Adjustment::Brightness(factors[0])),
            (self.contrast, Adjustment::Contrast(factors[1])),
            (self.saturation, Adjustment::Saturation(factors[2])),
            (self.hue, Adjustment::Hue(hue)),
        ];
        let mut changes: Vec<_> =
            all.into_iter().filter(|(strength, _)| *strength > 0.0).map(|(_, made)| made).collect();
        stream.shuffle(&mut changes);
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strength_beyond_one_never_turns_colours_around_and_none_is_left_out() {
        let jitter = Jitter { probability: 1.0, brightness: 3.0, contrast: 0.0, saturation: 0.0, hue: 0.0 };
        for part in 0..1000 {
            let made = jitter.draw(&mut Stream::of(1, &[part]));
            assert!(matches!(made[..], [Adjustment::Brightness(factor)] if (0.0..=4.0).contains(&factor)), "{made:?}");
        }
    }

    #[test]
    fn an_even_jitter_changes_three_things_and_never_the_hue() {
        for part in 0..1000 {
            let made = Jitter::even(0.4).draw(&mut Stream::of(1, &[part]));
            assert_eq!(made.len(), 3);
            let factor = |one: &Adjustment| match *one {
                Adjustment::Brightness(f) | Adjustment::Contrast(f) | Adjustment::Saturation(f) => f,
                Adjustment::Hue(_) => 0.0,
            };
            assert!(made.iter().all(|one| (0.6..=1.4).contains(&factor(one))), "{made:?}");
        }
    }
}
