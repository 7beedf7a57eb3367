//! Right or wrong: predictions and what is counted of them.

use crate::predict::largest;

/// How many of the best classes count for top-5.
const BEST: u32 = 5;

/// What was said of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Its number in the data set.
    pub index: usize,
    /// Its class.
    pub label: u32,
    /// The likeliest class.
    pub class: u32,
    /// What the softmax makes of its score.
    pub probability: f32,
    /// How many classes are likelier than the right one.
    pub rank: u32,
}

impl Prediction {
    /// From the scores of all classes. Of equal scores those of lower numbers are likelier. Where a score is no number, or
    /// the class has none, the image counts as wrong.
    pub fn new(index: usize, label: u32, scores: &[f32]) -> Self {
        let wide: Vec<f64> = scores.iter().copied().map(f64::from).collect();
        let class = largest(&wide).unwrap_or_default();
        let sum: f64 = wide.iter().map(|score| (score - wide[class]).exp()).sum();
        let own = wide.get(label as usize).copied().filter(|_| wide.iter().all(|score| !score.is_nan()));
        let rank = own.map_or(u32::MAX, |own| {
            let better = |&(other, score): &(usize, f64)| score > own || (score == own && other < label as usize);
            wide.iter().copied().enumerate().filter(better).count() as u32
        });
        Self { index, label, class: class as u32, probability: (1.0 / sum) as f32, rank }
    }
}

/// Counts of one class, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassScore {
    /// Images.
    pub images: u64,
    /// Those whose class was the likeliest.
    pub top1: u64,
    /// Those whose class was among the five likeliest.
    pub top5: u64,
}

impl ClassScore {
    fn add(&mut self, prediction: &Prediction) {
        self.images += 1;
        self.top1 += u64::from(prediction.rank == 0);
        self.top5 += u64::from(prediction.rank < BEST);
    }
}

/// All counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scores {
    /// Of all images.
    pub all: ClassScore,
    /// Of each class by its number.
    pub classes: Vec<ClassScore>,
}

impl Scores {
    /// Counts predictions.
    pub fn of(predictions: &[Prediction]) -> Self {
        let mut scores = Self::default();
        for prediction in predictions {
            let class = prediction.label as usize;
            if scores.classes.len() <= class {
                scores.classes.resize(class + 1, ClassScore::default());
            }
            scores.all.add(prediction);
            scores.classes[class].add(prediction);
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_is_the_number_of_likelier_classes() {
        let scores = [0.0, 3.0, 1.0, 3.0, -1.0, 0.0, 0.0];
        let rank = |label| Prediction::new(0, label, &scores).rank;
        assert_eq!([rank(1), rank(3), rank(2), rank(0), rank(5), rank(6), rank(4)], [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(Prediction::new(0, 3, &scores).class, 1);
        assert!((Prediction::new(0, 0, &[0.0, 3.0_f32.ln()]).probability - 0.75).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_number_is_wrong() {
        assert_eq!(Prediction::new(0, 0, &[f32::NAN, 0.0]).rank, u32::MAX);
        assert_eq!(Prediction::new(0, 1, &[f32::NAN, 0.0]).rank, u32::MAX);
        assert_eq!(Prediction::new(0, 9, &[1.0, 0.0]).rank, u32::MAX);
    }

    #[test]
    fn counts_are_by_class_and_in_all() {
        let scores = [5.0, 4.0, 3.0, 2.0, 1.0, 0.0];
        let predictions: Vec<Prediction> = [0, 1, 5, 5].map(|label| Prediction::new(0, label, &scores)).to_vec();
        let scores = Scores::of(&predictions);
        assert_eq!(scores.all, ClassScore { images: 4, top1: 1, top5: 2 });
        assert_eq!(scores.classes[5], ClassScore { images: 2, top1: 0, top5: 0 });
        assert_eq!(scores.classes[1], ClassScore { images: 1, top1: 0, top5: 1 });
    }
}
