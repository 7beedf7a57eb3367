//! RandAugment as timm has it (Cubuk, Zoph, Shlens, Le: RandAugment, 2020): a few operations out of a list, whose strengths
//! scatter around a magnitude.

use bossnas_model::random::Stream;
use serde::{Deserialize, Serialize};

use super::random::normal;
use crate::augment::affine::{self, Affine};
use crate::augment::check::Judge;
use crate::augment::jitter::Adjustment;
use crate::augment::{Planes, colour, levels, sharpen};

/// The largest magnitude; strengths are parts of it.
const MAX_MAGNITUDE: f64 = 10.0;

/// The most operations on an image.
const MAX_OPERATIONS: usize = 16;

/// The largest turn, in degrees.
const MAX_ROTATION: f64 = 30.0;

/// The largest shear.
const MAX_SHEAR: f64 = 0.3;

/// The farthest move, as a part of the side.
const MAX_TRANSLATION: f64 = 0.45;

/// The most that a factor is away from 1, where strength grows with the magnitude.
const MAX_CHANGE: f64 = 0.9;

/// The most that is added to dark levels.
const MAX_ADDED: f64 = 110.0;

/// How operations are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RandAugment {
    /// How many are drawn for an image, each of all of them.
    pub operations: usize,
    /// The mean magnitude, from 0 to 10.
    pub magnitude: f64,
    /// The standard deviation of the magnitude. What falls outside of 0 to 10 becomes the nearer of both.
    pub std: f64,
    /// Whether a larger magnitude is always a stronger change. Else factors go from 0.1 to 1.9, thresholds and bits upwards, so
    /// that some operations are strongest at magnitude 0.
    pub increasing: bool,
    /// Probability that an operation which was drawn is carried out.
    pub probability: f64,
    /// What is drawn from; each is as likely as any other.
    #[serde(default = "OperationKind::all")]
    pub among: Vec<OperationKind>,
    /// The colour of what comes into sight from outside of the image; the mean colour if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<[u8; 3]>,
}

/// An operation before its strength is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationKind {
    /// The levels of each colour are stretched over the whole range.
    AutoContrast,
    /// The levels of each colour are spread so that all are about as frequent.
    Equalise,
    /// Each level is turned around.
    Invert,
    /// The image is turned around its middle.
    Rotate,
    /// Only the upper bits of levels are kept.
    Posterise,
    /// Levels from a threshold on are turned around.
    Solarise,
    /// Levels below 128 are brightened.
    SolariseAdd,
    /// Away from each pixel's grey or towards it.
    Colour,
    /// Away from the mean grey or towards it.
    Contrast,
    /// Away from black or towards it.
    Brightness,
    /// Away from the smoothed image or towards it.
    Sharpness,
    /// Rows are moved, each by a part of its height in the image.
    ShearX,
    /// Columns are moved, each by a part of its place in the image.
    ShearY,
    /// The image is moved to the side.
    TranslateX,
    /// The image is moved up or down.
    TranslateY,
}

/// An operation on the pixels of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    /// See [`OperationKind::AutoContrast`].
    AutoContrast,
    /// See [`OperationKind::Equalise`].
    Equalise,
    /// See [`OperationKind::Invert`].
    Invert,
    /// Against the clock, in degrees.
    Rotate(f64),
    /// How many bits are kept; none leaves black.
    Posterise(u8),
    /// The first level that is turned around, up to 256.
    Solarise(u16),
    /// What is added.
    SolariseAdd(u8),
    /// The factor by which colours are away from grey.
    Colour(f64),
    /// The factor by which levels are away from the mean grey.
    Contrast(f64),
    /// The factor of all levels.
    Brightness(f64),
    /// The factor by which levels are away from the smoothed ones.
    Sharpness(f64),
    /// Pixels by which rows move to the left, of those above.
    ShearX(f64),
    /// Pixels by which columns move upwards, of those before.
    ShearY(f64),
    /// To the left, as a part of the width.
    TranslateX(f64),
    /// Upwards, as a part of the height.
    TranslateY(f64),
}

impl RandAugment {
    /// `rand-m9-mstd0.5-inc1`.
    pub fn published() -> Self {
        Self {
            operations: 2,
            magnitude: 9.0,
            std: 0.5,
            increasing: true,
            probability: 0.5,
            among: OperationKind::all(),
            fill: None,
        }
    }

    pub(super) fn check(&self, judge: &mut Judge) {
        let Self { operations, magnitude, std, increasing: _, probability, among, fill: _ } = self;
        judge.within("rand-augment", |judge| {
            let fine = (1..=MAX_OPERATIONS).contains(operations);
            judge.demand(fine, "operations", operations, &format!("from 1 to {MAX_OPERATIONS}"));
            judge.number("magnitude", *magnitude, [0.0, MAX_MAGNITUDE]);
            judge.number("std", *std, [0.0, MAX_MAGNITUDE]);
            judge.probability("probability", *probability);
            judge.insist(!among.is_empty(), "among names no operation");
        });
    }

    /// The colour of what comes from outside: timm's `img_mean`.
    pub(super) fn fill(&self, mean: &[f64; 3]) -> [u8; 3] {
        self.fill.unwrap_or_else(|| mean.map(|mean| (255.0 * mean).round_ties_even() as u8))
    }

    /// The operations on an image, in order. Each is drawn from a branch of its own.
    pub(super) fn draw(&self, stream: &Stream) -> Vec<Operation> {
        (0..self.operations as u64).filter_map(|number| self.draw_one(&mut stream.branch(number))).collect()
    }

    fn draw_one(&self, stream: &mut Stream) -> Option<Operation> {
        let kind = *self.among.get(stream.below(self.among.len() as u64) as usize)?;
        if !stream.chance(self.probability) {
            return None;
        }
        let negative = stream.chance(0.5);
        let magnitude = (self.magnitude + self.std * normal(stream)).clamp(0.0, MAX_MAGNITUDE);
        Some(kind.at(magnitude, self.increasing, negative))
    }
}

impl OperationKind {
    /// Each of them, in timm's order.
    pub const ALL: [Self; 15] = [
        Self::AutoContrast,
        Self::Equalise,
        Self::Invert,
        Self::Rotate,
        Self::Posterise,
        Self::Solarise,
        Self::SolariseAdd,
        Self::Colour,
        Self::Contrast,
        Self::Brightness,
        Self::Sharpness,
        Self::ShearX,
        Self::ShearY,
        Self::TranslateX,
        Self::TranslateY,
    ];

    fn all() -> Vec<Self> {
        Self::ALL.to_vec()
    }

    /// The operation at a magnitude from 0 to 10. Where a strength has two directions, `negative` says which.
    pub fn at(self, magnitude: f64, increasing: bool, negative: bool) -> Operation {
        let part = magnitude / MAX_MAGNITUDE;
        let signed = |strength: f64| if negative { -strength } else { strength };
        let factor = || if increasing { 1.0 + signed(part * MAX_CHANGE) } else { part * 1.8 + 0.1 };
        // Bits and thresholds are cut off after the point.
        let bits = (part * 4.0) as u8;
        let threshold = (part * 256.0) as u16;
        match self {
            Self::AutoContrast => Operation::AutoContrast,
            Self::Equalise => Operation::Equalise,
            Self::Invert => Operation::Invert,
            Self::Rotate => Operation::Rotate(signed(part * MAX_ROTATION)),
            Self::Posterise => Operation::Posterise(if increasing { 4_u8.saturating_sub(bits) } else { bits }),
            Self::Solarise => {
                Operation::Solarise(if increasing { 256_u16.saturating_sub(threshold) } else { threshold })
            }
            Self::SolariseAdd => Operation::SolariseAdd((part * MAX_ADDED) as u8),
            Self::Colour => Operation::Colour(factor()),
            Self::Contrast => Operation::Contrast(factor()),
            Self::Brightness => Operation::Brightness(factor()),
            Self::Sharpness => Operation::Sharpness(factor()),
            Self::ShearX => Operation::ShearX(signed(part * MAX_SHEAR)),
            Self::ShearY => Operation::ShearY(signed(part * MAX_SHEAR)),
            Self::TranslateX => Operation::TranslateX(signed(part * MAX_TRANSLATION)),
            Self::TranslateY => Operation::TranslateY(signed(part * MAX_TRANSLATION)),
        }
    }
}

impl Operation {
    /// Carries it out.
    pub(crate) fn apply(self, view: &mut Planes, fill: [u8; 3]) {
        let size = [view.height, view.width];
        let mut moved = |map: Affine| affine::transform(view, map, fill);
        match self {
            Self::Rotate(degrees) => moved(Affine::rotate(degrees, size)),
            Self::ShearX(by) => moved(Affine::shear_x(by)),
            Self::ShearY(by) => moved(Affine::shear_y(by)),
            Self::TranslateX(part) => moved(Affine::translate_x(part * size[1] as f64)),
            Self::TranslateY(part) => moved(Affine::translate_y(part * size[0] as f64)),
            Self::AutoContrast => levels::auto_contrast(view),
            Self::Equalise => levels::equalise(view),
            Self::Invert => levels::invert(view),
            Self::Posterise(bits) => levels::posterise(view, bits),
            Self::Solarise(threshold) => levels::solarise(view, threshold),
            Self::SolariseAdd(add) => levels::solarise_add(view, add),
            Self::Colour(factor) => colour::adjust(view, Adjustment::Saturation(factor)),
            Self::Contrast(factor) => colour::adjust(view, Adjustment::Contrast(factor)),
            Self::Brightness(factor) => colour::adjust(view, Adjustment::Brightness(factor)),
            Self::Sharpness(factor) => sharpen::sharpen(view, factor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const COUNT: u64 = 60_000;

    fn drawn(augment: &RandAugment) -> impl Iterator<Item = Vec<Operation>> {
        (0..COUNT).map(|key| augment.draw(&Stream::of(key, &[3])))
    }

    /// Insists on a share, to six standard deviations.
    #[track_caller]
    fn share(found: usize, of: usize, expected: f64) {
        let share = found as f64 / of as f64;
        let deviation = (expected * (1.0 - expected) / of as f64).sqrt();
        assert!((share - expected).abs() <= 6.0 * deviation, "{share}, not {expected} +- {deviation}");
    }

    #[test]
    fn two_operations_are_drawn_with_replacement_and_each_happens_half_of_the_time() {
        let augment = RandAugment::published();
        let name = |one: &Operation| format!("{one:?}").split('(').next().unwrap_or_default().to_owned();
        let (mut counts, mut numbers, mut twice) = (BTreeMap::new(), [0; 3], 0);
        for operations in drawn(&augment) {
            numbers[operations.len()] += 1;
            for one in &operations {
                *counts.entry(name(one)).or_insert(0) += 1;
            }
            twice += usize::from(operations.len() == 2 && name(&operations[0]) == name(&operations[1]));
        }
        let all = COUNT as usize;
        for (number, expected) in numbers.into_iter().zip([0.25, 0.5, 0.25]) {
            share(number, all, expected);
        }
        assert_eq!(counts.len(), 15);
        for &count in counts.values() {
            share(count, 2 * all, 0.5 / 15.0);
        }
        share(twice, all, 0.25 / 15.0);
    }

    #[test]
    fn magnitudes_scatter_normally_and_are_cut_off_and_signs_are_even() {
        let augment = RandAugment { among: vec![OperationKind::Rotate], probability: 1.0, ..RandAugment::published() };
        let angles: Vec<f64> = drawn(&augment)
            .flatten()
            .map(|one| match one {
                Operation::Rotate(angle) => angle,
                other => unreachable!("{other:?}"),
            })
            .collect();
        share(angles.iter().filter(|angle| **angle < 0.0).count(), angles.len(), 0.5);
        let magnitudes: Vec<f64> = angles.iter().map(|angle| angle.abs() / 3.0).collect();
        // Below the mean, one standard deviation below it, and the whole part above 10, two above it.
        let below = |bound: f64| magnitudes.iter().filter(|magnitude| **magnitude < bound).count();
        share(below(9.0), angles.len(), 0.5);
        share(below(8.5), angles.len(), 0.158_655_253_931);
        share(magnitudes.iter().filter(|magnitude| **magnitude == 10.0).count(), angles.len(), 0.022_750_131_948);
        let none = RandAugment { std: 0.0, ..augment };
        assert!(drawn(&none).flatten().all(|one| matches!(one, Operation::Rotate(angle) if angle.abs() == 27.0)));
    }

    #[test]
    fn the_mean_colour_fills_unless_another_is_named() {
        let augment = RandAugment::published();
        assert_eq!(augment.fill(&[0.485, 0.456, 0.406]), [124, 116, 104]);
        assert_eq!(augment.fill(&[-1.0, 2.0, f64::NAN]), [0, 255, 0]);
        assert_eq!(RandAugment { fill: Some([1, 2, 3]), ..augment }.fill(&[0.5; 3]), [1, 2, 3]);
    }
}
