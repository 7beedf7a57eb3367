//! What is drawn for a view: a pure function of the recipe, the image's size and four numbers.

use bossnas_model::random::Stream;

use super::Pipeline;
use crate::augment::crop::{self, Window};
use crate::augment::jitter::Adjustment;
use crate::streams::{ORDER, VIEWS};

/// What decides the draws of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Draw {
    /// Of the whole training.
    pub seed: u64,
    /// Number of the pass through the data set.
    pub epoch: u64,
    /// Number of the image in the data set.
    pub image: u64,
    /// Number of the view of the image, which also says by which half of the recipe it is made.
    pub view: u64,
}

/// Branches of a view's stream: what one step draws does not move what the others do.
#[derive(Clone, Copy)]
enum Step {
    Crop,
    Flip,
    Jitter,
    Grey,
    Blur,
    Solarise,
}

/// Everything that was drawn for a view.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// The part of the image that is seen.
    pub window: Window,
    /// Whether left and right change places.
    pub flip: bool,
    /// Changes of the colours, in order.
    pub adjustments: Vec<Adjustment>,
    /// Whether the colours are dropped.
    pub grey: bool,
    /// The standard deviation of the blur, in pixels.
    pub blur: Option<f64>,
    /// Whether levels from 128 on are inverted.
    pub solarise: bool,
}

impl Choices {
    /// What `draw` decides for an image of this height and width. `size` is the side of a view.
    pub fn draw(pipeline: &Pipeline, size: usize, image: [u32; 2], draw: Draw) -> Self {
        let Draw { seed, epoch, image: number, view } = draw;
        let stream = Stream::of(seed, &[VIEWS, epoch, number, view]);
        let step = |step: Step| stream.branch(step as u64);
        let Pipeline { crop, flip, jitter, grey, blur, solarise } = pipeline;
        Self {
            window: crop::draw(crop, size, image, &mut step(Step::Crop)),
            flip: step(Step::Flip).chance(*flip),
            adjustments: jitter.map(|jitter| jitter.draw(&mut step(Step::Jitter))).unwrap_or_default(),
            grey: step(Step::Grey).chance(*grey),
            blur: blur.and_then(|blur| {
                let mut stream = step(Step::Blur);
                stream.chance(blur.probability).then(|| stream.between(blur.sigma))
            }),
            solarise: step(Step::Solarise).chance(*solarise),
        }
    }
}

/// The order in which the samples `0..count` are seen in an epoch.
pub fn order(count: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut samples: Vec<usize> = (0..count).collect();
    Stream::of(seed, &[ORDER, epoch]).shuffle(&mut samples);
    samples
}

#[cfg(test)]
mod tests {
    use super::super::Recipe;
    use super::*;

    const COUNT: u64 = 20_000;

    fn all(recipe: &Recipe, view: u64) -> impl Iterator<Item = Choices> {
        let at = move |image| Draw { seed: 5, epoch: 2, image, view };
        (0..COUNT).map(move |image| Choices::draw(recipe.pipeline(view), recipe.size, [300, 400], at(image)))
    }

    /// The share for which it holds, within six standard deviations of what is expected.
    #[track_caller]
    fn share(recipe: &Recipe, view: u64, expected: f64, holds: impl Fn(&Choices) -> bool) {
        let found = all(recipe, view).filter(|choices| holds(choices)).count() as f64 / COUNT as f64;
        let deviation = (expected * (1.0 - expected) / COUNT as f64).sqrt();
        assert!((found - expected).abs() <= 6.0 * deviation, "{found}, not {expected} +- {deviation}");
    }

    #[test]
    fn each_step_happens_as_often_as_the_recipe_says() {
        let recipe = Recipe::byol(224, 4);
        for (view, blur, solarise) in [(0, 0.1, 0.0), (3, 0.1, 0.0), (4, 1.0, 0.2), (7, 1.0, 0.2)] {
            share(&recipe, view, 0.5, |choices| choices.flip);
            share(&recipe, view, 0.8, |choices| choices.adjustments.len() == 4);
            share(&recipe, view, 0.2, |choices| choices.adjustments.is_empty());
            share(&recipe, view, 0.2, |choices| choices.grey);
            share(&recipe, view, blur, |choices| choices.blur.is_some());
            share(&recipe, view, solarise, |choices| choices.solarise);
            share(&recipe, view, blur / 2.0, |choices| choices.blur.is_some_and(|sigma| sigma < 1.05));
            assert!(all(&recipe, view).filter_map(|choices| choices.blur).all(|s| (0.1..=2.0).contains(&s)));
        }
    }

    #[test]
    fn steps_are_drawn_independently() {
        let recipe = Recipe::byol(224, 4);
        share(&recipe, 5, 0.1, |choices| choices.flip && choices.grey);
        share(&recipe, 5, 0.04, |choices| choices.solarise && choices.grey);
        share(&recipe, 5, 0.25, |choices| choices.flip && choices.blur.is_some_and(|sigma| sigma > 1.05));
    }

    #[test]
    fn adjustments_come_in_every_order_with_strengths_over_the_whole_range() {
        let recipe = Recipe::byol(224, 4);
        let at = |kind: fn(&Adjustment) -> Option<f64>, place: usize| {
            move |choices: &Choices| choices.adjustments.get(place).is_some_and(|one| kind(one).is_some())
        };
        let kinds: [fn(&Adjustment) -> Option<f64>; 4] = [
            |one| if let Adjustment::Brightness(factor) = one { Some((factor - 0.6) / 0.8) } else { None },
            |one| if let Adjustment::Contrast(factor) = one { Some((factor - 0.6) / 0.8) } else { None },
            |one| if let Adjustment::Saturation(factor) = one { Some((factor - 0.8) / 0.4) } else { None },
            |one| if let Adjustment::Hue(part) = one { Some((part + 0.1) / 0.2) } else { None },
        ];
        for kind in kinds {
            (0..4).for_each(|place| share(&recipe, 1, 0.2, at(kind, place)));
            let strengths: Vec<f64> =
                all(&recipe, 1).flat_map(|c| c.adjustments).filter_map(|one| kind(&one)).collect();
            assert!(strengths.iter().all(|strength| (0.0..=1.0).contains(strength)));
            // Six standard deviations of a mean of uniform numbers.
            let mean = strengths.iter().sum::<f64>() / strengths.len() as f64;
            assert!((mean - 0.5).abs() < 6.0 * 0.289 / (strengths.len() as f64).sqrt(), "{mean}");
        }
    }

    #[test]
    fn every_number_of_a_draw_counts() {
        let recipe = Recipe::byol(224, 4);
        let base = Draw { seed: 1, epoch: 2, image: 3, view: 2 };
        let choices = |draw| Choices::draw(recipe.pipeline(0), 224, [300, 400], draw);
        assert_eq!(choices(base), choices(base));
        let others = [
            Draw { seed: 2, ..base },
            Draw { epoch: 3, ..base },
            Draw { image: 2, ..base },
            Draw { view: 3, ..base },
            Draw { epoch: 3, image: 2, ..base },
            Draw { image: 2, view: 3, ..base },
        ];
        assert!(others.iter().all(|&other| choices(other).window != choices(base).window));
    }

    #[test]
    fn an_order_is_a_permutation_that_seed_and_epoch_decide() {
        let first = order(1000, 1, 0);
        assert_eq!(first, order(1000, 1, 0));
        for other in [order(1000, 1, 1), order(1000, 2, 0), (0..1000).collect()] {
            // A permutation has one fixed point on average, and more than nine once in a million times.
            assert!(first.iter().zip(&other).filter(|(a, b)| a == b).count() < 10);
        }
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        assert_eq!((order(0, 1, 1), order(1, 1, 1)), (vec![], vec![0]));
    }
}
