//! Mixing the images of a batch, and their targets: mixup (Zhang et al., 2017) and cutmix (Yun et al., 2019), as timm has them.
//!
//! Image `i` of `n` is mixed with image `n - 1 - i`. What is drawn is a pure function of seed and step ([`Mix::draw`]); what was
//! drawn ([`Mixed`]) changes images and gives the targets that fit, with label smoothing in them (`QUIRKS.md` 19).

use bossnas_model::random::Stream;
use serde::{Deserialize, Serialize};

use super::erasing::Rectangle;
use super::random::beta;
use crate::Error;
use crate::augment::check::{Judge, RecipeError};
use crate::streams::MIX;

/// The largest parameter of a beta distribution.
const MAX_ALPHA: f64 = 100.0;

/// How batches are mixed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mix {
    /// Parameter of the beta distribution of mixup's share; 0 for no mixup.
    pub mixup_alpha: f64,
    /// Parameter of the beta distribution of cutmix's share; 0 for no cutmix.
    pub cutmix_alpha: f64,
    /// Probability that it is cutmix, where there are both.
    pub switch_probability: f64,
    /// Probability that there is any mixing.
    pub probability: f64,
    /// For what one draw counts.
    pub mode: MixMode,
    /// What part of a target is spread over all classes.
    pub smoothing: f64,
}

/// For what one draw counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MixMode {
    /// For the whole batch.
    Batch,
    /// For two images, each of which is mixed with the other.
    Pair,
    /// For one image.
    Elem,
}

/// How one image is mixed with its partner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// What becomes of the pixels.
    pub blend: Blend,
    /// The image's own part of its target; the rest is its partner's.
    pub lambda: f64,
}

/// What becomes of the pixels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blend {
    /// They stay.
    None,
    /// Each is the mean of both images, weighted with their shares.
    Mixup,
    /// A rectangle comes from the partner.
    Cutmix(Rectangle),
}

/// What was drawn for a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixed {
    /// For each image.
    pub shares: Vec<Share>,
    /// What part of a target is spread over all classes.
    pub smoothing: f64,
}

impl Mix {
    /// As the published networks were trained with it.
    pub const fn published() -> Self {
        Self {
            mixup_alpha: 0.8,
            cutmix_alpha: 1.0,
            switch_probability: 0.5,
            probability: 1.0,
            mode: MixMode::Batch,
            smoothing: 0.1,
        }
    }

    /// No mixing, only label smoothing.
    pub const fn none(smoothing: f64) -> Self {
        Self { mixup_alpha: 0.0, cutmix_alpha: 0.0, smoothing, ..Self::published() }
    }

    /// Refuses what cannot be: all of it at once.
    pub fn check(&self) -> Result<(), RecipeError> {
        let Self { mixup_alpha, cutmix_alpha, switch_probability, probability, mode: _, smoothing } = *self;
        let mut judge = Judge::default();
        judge.number("mixup-alpha", mixup_alpha, [0.0, MAX_ALPHA]);
        judge.number("cutmix-alpha", cutmix_alpha, [0.0, MAX_ALPHA]);
        judge.probability("switch-probability", switch_probability);
        judge.probability("probability", probability);
        judge.probability("smoothing", smoothing);
        judge.verdict()
    }

    /// What is drawn for the batch of a step: `n` images of this height and width.
    pub fn draw(&self, seed: u64, step: u64, n: usize, size: [usize; 2]) -> Mixed {
        let stream = Stream::of(seed, &[MIX, step]);
        let share = |number: usize| self.share(&mut stream.branch(number as u64), size);
        let shares = match self.mode {
            MixMode::Batch => vec![share(0); n],
            // The one in the middle has no partner but itself.
            MixMode::Pair => {
                (0..n).map(|i| if 2 * i + 1 == n { Share::WHOLE } else { share(i.min(n - 1 - i)) }).collect()
            }
            MixMode::Elem => (0..n).map(share).collect(),
        };
        Mixed { shares, smoothing: self.smoothing }
    }

    fn share(&self, stream: &mut Stream, [height, width]: [usize; 2]) -> Share {
        let is_mixed = stream.chance(self.probability);
        let switched = stream.chance(self.switch_probability);
        let (mixup, cutmix) = (self.mixup_alpha > 0.0, self.cutmix_alpha > 0.0);
        if !is_mixed || !(mixup || cutmix) {
            return Share::WHOLE;
        }
        if !cutmix || (mixup && !switched) {
            return Share { blend: Blend::Mixup, lambda: beta(self.mixup_alpha, stream) };
        }
        let lambda = beta(self.cutmix_alpha, stream);
        let middle = [height, width].map(|side| stream.below(side as u64) as usize);
        Share::cutmix(lambda, middle, [height, width])
    }
}

impl Share {
    /// An image that stays as it is.
    const WHOLE: Self = Self { blend: Blend::None, lambda: 1.0 };

    /// A rectangle around the middle with a part `1 - lambda` of the area, cut off where it leaves the image. What is left in it
    /// is the partner's share.
    fn cutmix(lambda: f64, middle: [usize; 2], size: [usize; 2]) -> Self {
        let ratio = (1.0 - lambda).sqrt();
        let [rows, columns] = [0, 1].map(|axis| {
            let half = (size[axis] as f64 * ratio) as usize / 2;
            middle[axis].saturating_sub(half)..(middle[axis] + half).min(size[axis])
        });
        let rectangle = Rectangle { top: rows.start, left: columns.start, height: rows.len(), width: columns.len() };
        let area = (rectangle.height * rectangle.width) as f64;
        Self { blend: Blend::Cutmix(rectangle), lambda: 1.0 - area / (size[0] * size[1]) as f64 }
    }

    /// Changes an image, given its partner as it was.
    fn apply(&self, image: &mut [f32], partner: &[f32], [height, width]: [usize; 2]) {
        match self.blend {
            Blend::None => {}
            Blend::Mixup => {
                let (own, other) = self.weights();
                for (value, &partner) in image.iter_mut().zip(partner) {
                    *value = *value * own + partner * other;
                }
            }
            Blend::Cutmix(Rectangle { top, left, height: rows, width: columns }) => {
                let channels = image.chunks_exact_mut(height * width).zip(partner.chunks_exact(height * width));
                for (image, partner) in channels {
                    let rows = image.chunks_exact_mut(width).zip(partner.chunks_exact(width)).skip(top).take(rows);
                    for (image, partner) in rows {
                        image[left..left + columns].copy_from_slice(&partner[left..left + columns]);
                    }
                }
            }
        }
    }

    /// Both shares, as float32 has them.
    fn weights(&self) -> (f32, f32) {
        (self.lambda as f32, (1.0 - self.lambda) as f32)
    }
}

impl Mixed {
    /// Mixes `[n, channels, height, width]` numbers. `n`, `height` and `width` must be those it was drawn for.
    pub fn apply(
        &self,
        values: &mut [f32],
        n: usize,
        channels: usize,
        height: usize,
        width: usize,
    ) -> Result<(), Error> {
        let image = channels * height * width;
        let inside = |share: &Share| match share.blend {
            Blend::Cutmix(part) => part.top + part.height <= height && part.left + part.width <= width,
            Blend::None | Blend::Mixup => true,
        };
        if n != self.shares.len() || values.len() != n * image || !self.shares.iter().all(inside) {
            return Err(Error::MixedShape {
                shape: [n, channels, height, width],
                numbers: values.len(),
                drawn: self.shares.len(),
            });
        }
        if image == 0 {
            return Ok(());
        }
        let (first, last) = values.split_at_mut(n / 2 * image);
        let pairs = first.chunks_exact_mut(image).zip(last.chunks_exact_mut(image).rev());
        let mut before = vec![0.0; image];
        for (i, (image, partner)) in pairs.enumerate() {
            before.copy_from_slice(image);
            self.shares[i].apply(image, partner, [height, width]);
            self.shares[n - 1 - i].apply(partner, &before, [height, width]);
        }
        Ok(())
    }

    /// The targets of these labels, `[n, classes]`: each label's part of 1 is its own image's share or its partner's, less what
    /// is spread over all classes. A label that is no class has no part.
    pub fn targets(&self, labels: &[u32], classes: usize) -> Vec<f32> {
        let off = self.smoothing / classes as f64;
        let on = 1.0 - self.smoothing + off;
        let one_hot = |label: u32, class: usize| if label as usize == class { on as f32 } else { off as f32 };
        let mut targets = Vec::with_capacity(labels.len() * classes);
        for (i, (share, &label)) in self.shares.iter().zip(labels).enumerate() {
            let partner = labels[labels.len() - 1 - i];
            let (own, other) = share.weights();
            targets.extend((0..classes).map(|class| one_hot(label, class) * own + one_hot(partner, class) * other));
        }
        targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bossnas_testkit::fixtures::{Fixtures, Source, Tensors};
    use bossnas_testkit::recipe;
    use proptest::prelude::*;
    use serde_json::Value;

    /// The case of the fixtures, `None` (said aloud) where only the committed core is there.
    fn case() -> Option<(Value, Tensors)> {
        let fixtures = Fixtures::open().unwrap();
        if fixtures.source() == Source::Core {
            eprintln!("skipped: the committed core of the fixtures holds no mixing");
            return None;
        }
        let case = fixtures.case("preproc/mixup_cutmix").unwrap();
        Some((case.values.clone(), fixtures.tensors(case).unwrap()))
    }

    /// Images and targets of the fixtures' batch with one share for all of it.
    fn mixed(share: Share) -> (Vec<f32>, Vec<f32>) {
        let mixed = Mixed { shares: vec![share; 4], smoothing: 0.1 };
        let mut values = recipe::input("mix.x", &[4, 3, 20, 24]);
        mixed.apply(&mut values, 4, 3, 20, 24).unwrap();
        let labels: Vec<u32> = recipe::ints("mix.labels", 4, 0..10, 0).into_iter().map(|label| label as u32).collect();
        assert_eq!(labels, [2, 6, 6, 9]);
        (values, mixed.targets(&labels, 10))
    }

    #[track_caller]
    fn same(ours: &[f32], tensors: &Tensors, name: &str) {
        let expected = tensors.get(name).unwrap();
        assert_eq!(ours.len(), expected.values.len());
        assert!(ours.iter().zip(&expected.values).all(|(&a, &b)| f64::from(a) == b), "{name}");
    }

    #[test]
    fn mixup_and_cutmix_are_timms_to_the_last_bit() {
        let Some((values, tensors)) = case() else { return };
        for lambda in [0.3, 0.75, 1.0] {
            let (images, targets) = mixed(Share { blend: Blend::Mixup, lambda });
            same(&images, &tensors, &format!("mixup_x_{lambda}"));
            same(&targets, &tensors, &format!("mixup_t_{lambda}"));
        }
        let cases = values["cutmix"].as_object().unwrap();
        assert_eq!(cases.len(), 5);
        for (number, case) in cases {
            let middle = ["cy", "cx"].map(|name| case[name].as_u64().unwrap() as usize);
            let share = Share::cutmix(case["lam"].as_f64().unwrap(), middle, [20, 24]);
            assert_eq!(share.lambda, case["lam_corrected"].as_f64().unwrap());
            let (images, targets) = mixed(share);
            same(&images, &tensors, &format!("cutmix_x_{number}"));
            same(&targets, &tensors, &format!("cutmix_t_{number}"));
        }
    }

    #[test]
    fn rectangles_and_their_shares_are_timms() {
        let Some((values, _)) = case() else { return };
        let table = values["bbox_table_h_w_lam_cy_cx_yl_yh_xl_xh_lam2"].as_array().unwrap();
        assert_eq!(table.len(), 40);
        for row in table {
            let at = |i: usize| row[i].as_f64().unwrap();
            let whole = |i: usize| at(i) as usize;
            let share = Share::cutmix(at(2), [whole(3), whole(4)], [whole(0), whole(1)]);
            let Blend::Cutmix(Rectangle { top, left, height, width }) = share.blend else { unreachable!("{share:?}") };
            assert_eq!([top, top + height, left, left + width], [5, 6, 7, 8].map(whole), "{row}");
            assert_eq!(share.lambda, at(9), "{row}");
        }
    }

    /// All shares of many steps.
    fn shares(mix: &Mix) -> Vec<Share> {
        (0..4000).flat_map(|step| mix.draw(3, step, 6, [16, 20]).shares).collect()
    }

    /// Insists on a share, to six standard deviations of `of` draws.
    #[track_caller]
    fn share(shares: &[Share], of: usize, expected: f64, holds: impl Fn(&Share) -> bool) {
        let found = shares.iter().filter(|share| holds(share)).count() as f64 / shares.len() as f64;
        let deviation = (expected * (1.0 - expected) / of as f64).sqrt();
        assert!((found - expected).abs() <= 6.0 * deviation, "{found}, not {expected} +- {deviation}");
    }

    #[test]
    fn kinds_are_drawn_as_often_as_they_should() {
        for (mode, draws) in [(MixMode::Batch, 4000), (MixMode::Pair, 12_000), (MixMode::Elem, 24_000)] {
            let published = Mix { mode, ..Mix::published() };
            let all = shares(&published);
            share(&all, draws, 0.5, |share| share.blend == Blend::Mixup);
            share(&all, draws, 0.25, |share| share.blend == Blend::Mixup && share.lambda < 0.5);
            let seldom = shares(&Mix { probability: 0.3, switch_probability: 0.9, ..published });
            share(&seldom, draws, 0.7, |share| share.blend == Blend::None && share.lambda == 1.0);
            share(&seldom, draws, 0.27, |share| matches!(share.blend, Blend::Cutmix(_)));
            let mixup = shares(&Mix { cutmix_alpha: 0.0, switch_probability: 1.0, ..published });
            assert!(mixup.iter().all(|share| share.blend == Blend::Mixup));
            let cutmix = shares(&Mix { mixup_alpha: 0.0, switch_probability: 0.0, ..published });
            assert!(cutmix.iter().all(|share| matches!(share.blend, Blend::Cutmix(_))));
            assert!(shares(&Mix { mode, ..Mix::none(0.1) }).iter().all(|share| *share == Share::WHOLE));
        }
    }

    #[test]
    fn a_draw_is_for_the_batch_for_a_pair_or_for_an_image() {
        let draw = |mode, n| Mix { mode, ..Mix::published() }.draw(1, 2, n, [16, 16]).shares;
        assert!(draw(MixMode::Batch, 6).windows(2).all(|pair| pair[0] == pair[1]));
        let pairs = draw(MixMode::Pair, 7);
        assert!((0..7).all(|i| pairs[i] == pairs[6 - i]) && pairs[0] != pairs[1] && pairs[3] == Share::WHOLE);
        let elements = draw(MixMode::Elem, 6);
        assert!((0..6).all(|i| (0..i).all(|j| elements[i] != elements[j])));
        let mix = Mix::published();
        assert_eq!(mix.draw(1, 2, 4, [8, 8]), mix.draw(1, 2, 4, [8, 8]));
        assert!(mix.draw(1, 2, 4, [8, 8]) != mix.draw(1, 3, 4, [8, 8]));
        assert!(mix.draw(1, 2, 4, [8, 8]) != mix.draw(2, 2, 4, [8, 8]));
    }

    #[test]
    fn each_image_is_mixed_with_its_partner_as_it_was() {
        // Image i is all i + 1, of 5 images of 1 x 2 x 2.
        let before: Vec<f32> = (0..20).map(|at| (at / 4 + 1) as f32).collect();
        let mixup = |lambda| Share { blend: Blend::Mixup, lambda };
        let part = Rectangle { top: 0, left: 1, height: 2, width: 1 };
        let cutmix = Share { blend: Blend::Cutmix(part), lambda: 0.5 };
        let mixed = Mixed { shares: vec![mixup(0.5), cutmix, mixup(0.0), Share::WHOLE, mixup(0.25)], smoothing: 0.0 };
        let mut values = before.clone();
        mixed.apply(&mut values, 5, 1, 2, 2).unwrap();
        assert_eq!(values[..4], [3.0; 4]);
        assert_eq!(values[4..8], [2.0, 4.0, 2.0, 4.0]);
        // The one in the middle is its own partner.
        assert_eq!(values[8..12], [3.0; 4]);
        assert_eq!(values[12..16], [4.0; 4]);
        assert_eq!(values[16..], [0.25 * 5.0 + 0.75; 4]);
        let targets = mixed.targets(&[0, 1, 2, 1, 0], 3);
        let expected = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]];
        assert_eq!(targets, expected.as_flattened());
        for (n, height) in [(4, 2), (5, 3), (6, 2)] {
            assert!(matches!(mixed.apply(&mut values, n, 1, height, 2), Err(Error::MixedShape { .. })));
        }
        assert!(matches!(mixed.apply(&mut values, 5, 2, 2, 1), Err(Error::MixedShape { .. })), "the part is outside");
    }

    #[test]
    fn what_cannot_be_is_said_at_once_and_files_are_strict() {
        Mix::published().check().unwrap();
        let bent = Mix {
            mixup_alpha: -1.0,
            cutmix_alpha: 101.0,
            switch_probability: 2.0,
            probability: f64::NAN,
            smoothing: 1.1,
            ..Mix::published()
        };
        assert_eq!(bent.check().unwrap_err().problems.len(), 5);
        let text = toml::to_string(&Mix::published()).unwrap();
        assert_eq!(toml::from_str::<Mix>(&text).unwrap(), Mix::published());
        assert!(toml::from_str::<Mix>(&text.replace("batch", "all")).is_err());
        assert!(toml::from_str::<Mix>(&text.replace("smoothing", "smooth")).is_err());
    }

    proptest! {
        #[test]
        fn targets_are_parts_of_one(
            n in 1usize..9, classes in 2usize..12, smoothing in 0.0..1.0, step in any::<u64>(), mode in 0usize..3,
        ) {
            let mode = [MixMode::Batch, MixMode::Pair, MixMode::Elem][mode];
            let mix = Mix { mode, smoothing, ..Mix::published() };
            let labels: Vec<u32> = (0..n).map(|i| (i * 5 % classes) as u32).collect();
            let targets = mix.draw(1, step, n, [9, 7]).targets(&labels, classes);
            prop_assert_eq!(targets.len(), n * classes);
            for target in targets.chunks(classes) {
                prop_assert!((target.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                prop_assert!(target.iter().all(|part| (-1e-6..=1.0 + 1e-6).contains(part)));
            }
        }
    }
}
