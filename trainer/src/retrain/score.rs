//! How good a network is: top-1, top-5 and loss over images of which every one counts once.

use std::num::NonZero;
use std::sync::Arc;

use bossnas_data::DecodeOptions;
use bossnas_data::classes::{Classes, ClassesError};
use bossnas_data::dataset::{DataSet, DataSetError};
use bossnas_data::loader::{Loaded, Loader, LoaderOptions};
use bossnas_model::preprocess::Preprocessing;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::run::Stop;
use crate::torch::{Mode, Module, Precision, TorchError, from_f32, to_f32};

/// How many of the likeliest classes count for top-5.
const BEST: usize = 5;

/// What is counted of the images of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Tally {
    /// Images.
    pub images: u64,
    /// Those whose class is the likeliest.
    pub top1: u64,
    /// Those whose class is among the five likeliest.
    pub top5: u64,
    /// The sum of the cross entropies.
    pub loss: f64,
}

/// How good a network is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The share of images whose class is the likeliest.
    pub top1: f64,
    /// The share of images whose class is among the five likeliest.
    pub top5: f64,
    /// The mean cross entropy.
    #[serde(deserialize_with = "crate::journal::number")]
    pub loss: f64,
    /// How many images were counted.
    pub images: u64,
}

impl Tally {
    /// Counts the logits of an image of a class. Of equal logits those of lower numbers are likelier; where one is no number, the
    /// image counts as wrong.
    pub fn add(&mut self, logits: &[f32], class: usize) {
        self.images += 1;
        let own = logits.get(class).copied().unwrap_or(f32::NAN);
        let rank = if own.is_nan() || logits.iter().any(|logit| logit.is_nan()) {
            usize::MAX
        } else {
            let likelier = |&(other, &logit): &(usize, &f32)| logit > own || (logit == own && other < class);
            logits.iter().enumerate().filter(likelier).count()
        };
        self.top1 += u64::from(rank == 0);
        self.top5 += u64::from(rank < BEST);
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|&logit| f64::from(logit - largest).exp()).sum();
        self.loss += sum.ln() - f64::from(own - largest);
    }

    /// Shares and means; none of no images.
    pub fn scores(&self) -> Option<Scores> {
        let Self { images, top1, top5, loss } = *self;
        let share = |count: u64| count as f64 / images as f64;
        (images > 0).then(|| Scores { top1: share(top1), top5: share(top5), loss: loss / images as f64, images })
    }
}

impl Scores {
    /// Whether they are better than others: more often right, or as often with a lower loss.
    pub fn beat(&self, others: &Self) -> bool {
        self.top1 > others.top1 || (self.top1 == others.top1 && self.loss < others.loss)
    }
}

/// What networks are evaluated on, and how.
#[derive(Debug, Clone)]
pub struct Examination {
    /// The images.
    pub data: Arc<DataSet>,
    /// What their labels mean to the networks.
    pub classes: Classes,
    /// What is made of an image.
    pub preprocessing: Preprocessing,
    /// How images are decoded.
    pub decode: DecodeOptions,
    /// Images at a time.
    pub batch_size: usize,
    /// Threads that prepare images.
    pub workers: NonZero<usize>,
    /// Where the networks are.
    pub device: Device,
    /// Number format of their products.
    pub precision: Precision,
}

/// What came of it.
#[derive(Debug)]
pub struct Examined {
    /// What was counted for each network.
    pub tallies: Vec<Tally>,
    /// Images that cannot be read, and why; they count for nothing.
    pub broken: Vec<(usize, DataSetError)>,
}

/// Why an evaluation ended early.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// libtorch said no.
    #[error(transparent)]
    Torch(#[from] TorchError),
    /// Images cannot be read at all.
    #[error(transparent)]
    Data(#[from] DataSetError),
    /// The networks have other classes than the images.
    #[error(transparent)]
    Classes(#[from] ClassesError),
}

impl Examination {
    /// Evaluates networks on the same images, all at once. `done` is told how many images went through; `None` where somebody
    /// asked to stop.
    pub fn run(
        &self,
        networks: &[&Module],
        stop: &Stop,
        mut done: impl FnMut(u64),
    ) -> Result<Option<Examined>, ScoreError> {
        let mut options = LoaderOptions::new(self.preprocessing.clone());
        options.decode = self.decode;
        options.threads = self.workers;
        // A batch is ready while another is run.
        options.ahead = NonZero::new(2 * self.batch_size).unwrap_or(self.workers).saturating_add(self.workers.get());
        let mut loader = Loader::start(Arc::clone(&self.data), 0..self.data.len(), options)?;
        let mut examined = Examined { tallies: vec![Tally::default(); networks.len()], broken: Vec::new() };
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        let mut count = 0;
        loop {
            values.clear();
            labels.clear();
            let taken = self.take(&mut loader, &mut values, &mut labels, &mut examined.broken)?;
            if taken == 0 {
                return Ok(Some(examined));
            }
            if stop.is_asked() {
                return Ok(None);
            }
            count += taken;
            self.batch(networks, &values, &labels, &mut examined.tallies)?;
            done(count);
        }
    }

    /// The next batch: numbers and labels of those that can be read. Returns how many were taken.
    fn take(
        &self,
        loader: &mut Loader,
        values: &mut Vec<f32>,
        labels: &mut Vec<u32>,
        broken: &mut Vec<(usize, DataSetError)>,
    ) -> Result<u64, ScoreError> {
        let mut taken = 0;
        for Loaded { index, label, result, .. } in loader.by_ref().take(self.batch_size) {
            taken += 1;
            match result {
                Ok(image) => {
                    labels.push(label.ok_or(DataSetError::NoSample { index, len: self.data.len() })?);
                    values.extend(image);
                }
                Err(error) => broken.push((index, error)),
            }
        }
        Ok(taken)
    }

    fn batch(
        &self,
        networks: &[&Module],
        values: &[f32],
        labels: &[u32],
        tallies: &mut [Tally],
    ) -> Result<(), ScoreError> {
        if labels.is_empty() {
            return Ok(());
        }
        let [height, width] = self.preprocessing.size;
        let images = from_f32(values, &[labels.len(), 3, height, width], self.device).map_err(TorchError::from)?;
        for (network, tally) in networks.iter().zip(tallies) {
            let logits = tch::no_grad(|| self.logits(network, &images))?;
            let classes = logits.len() / labels.len();
            for (row, &label) in logits.chunks_exact(classes.max(1)).zip(labels) {
                tally.add(row, self.classes.of(label, classes)? as usize);
            }
        }
        Ok(())
    }

    /// All logits of a batch, one row after the other.
    fn logits(&self, network: &Module, images: &Tensor) -> Result<Vec<f32>, TorchError> {
        let mut mode = Mode { precision: self.precision, ..Mode::eval() };
        Ok(to_f32(&network.forward_one(images, &mut mode)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(logits: &[f32], class: usize) -> Tally {
        let mut tally = Tally::default();
        tally.add(logits, class);
        tally
    }

    #[test]
    fn ranks_count_likelier_classes_and_equal_ones_before() {
        let logits = [0.0, 3.0, 1.0, 3.0, -1.0, 0.0, 0.0];
        let counted = |class: usize| (tally(&logits, class).top1, tally(&logits, class).top5);
        let expected = [(0, 1), (1, 1), (0, 1), (0, 1), (0, 0), (0, 1), (0, 0)];
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(counted), expected);
    }

    #[test]
    fn the_loss_is_the_cross_entropy() {
        let loss = tally(&[1000.0, 1000.0 + 3.0_f32.ln()], 0).loss;
        assert!((loss - 4.0_f64.ln()).abs() < 1e-4, "{loss}");
        let scores = Tally { images: 4, top1: 1, top5: 3, loss: 8.0 }.scores().unwrap();
        assert_eq!(scores, Scores { top1: 0.25, top5: 0.75, loss: 2.0, images: 4 });
        assert_eq!(Tally::default().scores(), None);
    }

    #[test]
    fn what_is_no_number_is_wrong_and_is_seen_in_the_loss() {
        for (logits, class) in [([f32::NAN, 0.0], 0), ([f32::NAN, 0.0], 1), ([1.0, 0.0], 9)] {
            let tally = tally(&logits, class);
            assert_eq!((tally.images, tally.top1, tally.top5), (1, 0, 0));
            assert!(tally.loss.is_nan());
        }
    }

    #[test]
    fn better_is_more_often_right_or_a_lower_loss() {
        let scores = |top1: f64, loss: f64| Scores { top1, top5: 1.0, loss, images: 1 };
        assert!(scores(0.9, 2.0).beat(&scores(0.8, 0.1)));
        assert!(scores(0.9, 1.0).beat(&scores(0.9, 2.0)));
        assert!(!scores(0.9, 2.0).beat(&scores(0.9, 2.0)));
        assert!(!scores(0.9, f64::NAN).beat(&scores(0.9, 2.0)));
    }
}
