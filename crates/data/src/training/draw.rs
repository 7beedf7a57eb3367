//! What is drawn for an input: a pure function of the recipe, the image's size and the key.

use bossnas_model::random::Stream;

use super::erasing::Erased;
use super::rand_augment::Operation;
use super::recipe::Recipe;
use crate::augment::crop::{self, Window};
use crate::augment::jitter::Adjustment;
use crate::augment::{Planes, colour};
use crate::batches::Key;
use crate::streams::TRAINING;
use crate::{Error, RgbImage};

/// Branches of an input's stream: what one step draws does not move what the others do.
#[derive(Clone, Copy)]
enum Step {
    Crop,
    Flip,
    Jitter,
    RandAugment,
    Erasing,
}

/// Everything that was drawn for an input.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// The part of the image that is seen.
    pub window: Window,
    /// Whether left and right change places.
    pub flip: bool,
    /// Changes of the colours, in order.
    pub adjustments: Vec<Adjustment>,
    /// RandAugment's operations, in order.
    pub operations: Vec<Operation>,
    /// What takes the place of what is moved out of sight.
    pub fill: [u8; 3],
    /// What is erased of the normalised numbers.
    pub erased: Option<Erased>,
}

impl Choices {
    /// What `key` decides for an image of this height and width.
    pub fn draw(recipe: &Recipe, image: [u32; 2], key: Key) -> Self {
        let Key { seed, epoch, image: number, occurrence } = key;
        let stream = Stream::of(seed, &[TRAINING, epoch, number, occurrence]);
        let step = |step: Step| stream.branch(step as u64);
        let Recipe { size, crop, flip, jitter, rand_augment, erasing, mean, std: _ } = recipe;
        // A padded crop is one of an image that has the input's size by then.
        let seen = if matches!(crop, crop::Crop::Padded { .. }) { [*size as u32; 2] } else { image };
        Self {
            window: crop::draw(crop, *size, seen, &mut step(Step::Crop)),
            flip: step(Step::Flip).chance(*flip),
            adjustments: jitter.map(|jitter| jitter.draw(&mut step(Step::Jitter))).unwrap_or_default(),
            operations: rand_augment.as_ref().map(|one| one.draw(&step(Step::RandAugment))).unwrap_or_default(),
            fill: rand_augment.as_ref().map_or([0; 3], |one| one.fill(mean)),
            erased: erasing.and_then(|erasing| erasing.draw([*size; 2], &mut step(Step::Erasing))),
        }
    }

    /// The bytes of an input of this height and width, before they are normalised and a part of them is erased.
    pub fn apply(&self, image: &RgbImage, size: [usize; 2]) -> Result<RgbImage, Error> {
        self.before_erasing(image, size)?.image()
    }

    pub(super) fn before_erasing(&self, image: &RgbImage, size: [usize; 2]) -> Result<Planes, Error> {
        let seen = [image.height(), image.width()];
        let mut made = match self.window {
            Window::Padded { .. } if seen.map(|side| side as usize) != size => {
                let resized = crop::cut(image, Window::whole(seen), size, false)?.image()?;
                crop::cut(&resized, self.window, size, self.flip)?
            }
            window => crop::cut(image, window, size, self.flip)?,
        };
        for &adjustment in &self.adjustments {
            colour::adjust(&mut made, adjustment);
        }
        for operation in &self.operations {
            operation.apply(&mut made, self.fill);
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Erasing;
    use super::*;

    const COUNT: u64 = 20_000;

    #[test]
    fn steps_happen_as_often_as_the_recipe_says_and_independently() {
        let recipe = Recipe::deit(224);
        let share = |expected: f64, holds: &dyn Fn(&Choices) -> bool| {
            let key = |image| Key { seed: 5, epoch: 2, image, occurrence: 1 };
            let found = (0..COUNT).filter(|&image| holds(&Choices::draw(&recipe, [300, 400], key(image)))).count();
            let deviation = (expected * (1.0 - expected) / COUNT as f64).sqrt();
            let found = found as f64 / COUNT as f64;
            assert!((found - expected).abs() <= 6.0 * deviation, "{found}, not {expected} +- {deviation}");
        };
        share(0.5, &|choices| choices.flip);
        share(0.25, &|choices| choices.erased.is_some());
        share(0.25, &|choices| choices.operations.is_empty());
        share(0.125, &|choices| choices.flip && choices.erased.is_some());
        share(0.0625, &|choices| choices.operations.len() == 2 && choices.erased.is_some());
    }

    #[test]
    fn every_number_of_a_key_counts() {
        let recipe =
            Recipe { erasing: Some(Erasing { probability: 1.0, ..Erasing::published() }), ..Recipe::deit(224) };
        let base = Key { seed: 1, epoch: 2, image: 3, occurrence: 0 };
        let choices = |key| Choices::draw(&recipe, [300, 400], key);
        assert_eq!(choices(base), choices(base));
        let others = [
            Key { seed: 2, ..base },
            Key { epoch: 3, ..base },
            Key { image: 2, ..base },
            Key { occurrence: 1, ..base },
            Key { epoch: 3, image: 2, ..base },
            Key { image: 0, occurrence: 3, ..base },
        ];
        for other in others.map(choices) {
            let first = choices(base);
            assert!(other.window != first.window && other.erased != first.erased);
        }
    }
}
