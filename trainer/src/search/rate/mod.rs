//! Rating the paths of a stage (`REFERENCE.md` section 4, "Rating"; `QUIRKS.md` 38 to 42).
//!
//! The statistics of every batch norm are those of one fixed batch. Then each path's online network predicts, from each of
//! two views of an image, the projection of the other by the target network, averaged over all paths; a path's score is the
//! mean loss. Lower is better.
//!
//! [`plain`] does it as published, path by path and batch by batch, and estimates the statistics anew each time. [`shared`]
//! gives the same scores for a fraction of the work:
//!
//! - what the blocks before the stage give is computed once;
//! - statistics are estimated once for each path, since nothing in them depends on the batch that is rated;
//! - paths share their beginnings: a tree over the layers, walked depth first;
//! - with its statistics fixed, a batch norm goes into the convolution before it, and what is linear and treats each
//!   pixel alike is computed after the pooling at the end of the network (`bossnas_model::pass::pool_early`);
//! - views and batches run together, in chunks that the memory limit allows.

mod estimates;
mod memory;
mod plain;
mod shared;
mod tree;

use tch::{Kind, TchError, Tensor};

pub use memory::{MemoryError, Need, available_memory};
pub use plain::plain;
pub use shared::shared;

use super::rules::{BnRecalibration, RatingTarget, Rules};
use super::siamese::{Siamese, Side, StagePaths, cosine_losses, normalised};
use crate::torch::{Norm, Statistics, TorchError};

/// Is told how much is done, of how much: first 0.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// What is rated, on what.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The networks.
    pub siamese: &'a Siamese,
    /// The stage with its candidates.
    pub stage: &'a StagePaths,
    /// The rules.
    pub rules: Rules,
    /// Batches `[n, 2, 3, h, w]`: two views of each image.
    pub images: &'a [Tensor],
    /// The batch `[n, views, 3, h, w]` that statistics are estimated from.
    pub bn_images: &'a Tensor,
}

/// A path with its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Rated {
    /// The path.
    pub path: Vec<u8>,
    /// Its mean loss, from -4 to 4: the lower, the better.
    pub score: f64,
}

/// The candidates in their order with their scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratings(pub Vec<Rated>);

impl Ratings {
    /// From the best to the worst; of equal scores the earlier candidate first, as published.
    pub fn ranked(&self) -> Vec<&Rated> {
        let mut ranked: Vec<&Rated> = self.0.iter().collect();
        ranked.sort_by(|a, b| a.score.total_cmp(&b.score));
        ranked
    }
}

/// Why paths could not be rated.
#[derive(Debug, thiserror::Error)]
pub enum RateError {
    /// libtorch or the weights said no.
    #[error(transparent)]
    Torch(#[from] TorchError),
    /// The memory does not suffice.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Images of another number, rank or size.
    #[error("{0}")]
    Images(String),
    /// There is nothing to rate.
    #[error("stage {stage} has no paths to rate")]
    NoPaths {
        /// The stage, from 1.
        stage: usize,
    },
}

impl From<TchError> for RateError {
    fn from(error: TchError) -> Self {
        Self::Torch(error.into())
    }
}

impl Job<'_> {
    /// Whether the images are what they must be: batches of two views, at least two images each to estimate from, all of one
    /// size.
    pub fn check(&self) -> Result<(), RateError> {
        if self.stage.candidates().is_empty() {
            return Err(RateError::NoPaths { stage: self.stage.stage() + 1 });
        }
        if self.images.is_empty() {
            return Err(RateError::Images("no batch of images to rate on".to_owned()));
        }
        let side = self.bn_images.size();
        let named = |what: &str, tensor: &Tensor, views: std::ops::RangeInclusive<i64>, fewest: i64| {
            let size = tensor.size();
            let fits =
                matches!(size[..], [n, v, 3, h, w] if n >= fewest && views.contains(&v) && side.ends_with(&[h, w]));
            if fits && !size.contains(&0) {
                return Ok(());
            }
            let views = if views.end() == views.start() {
                format!("{}", views.start())
            } else {
                format!("{} or more", views.start())
            };
            Err(RateError::Images(format!(
                "{what} are {size:?}, not [images (at least {fewest}), views ({views}), 3, height, width] of one height and width"
            )))
        };
        // One image leaves a batch norm over features without a variance.
        named("the images for statistics", self.bn_images, 2..=i64::MAX, 2)?;
        let batches = self.images.iter().enumerate();
        batches
            .map(|(number, batch)| (format!("the images of batch {}", number + 1), batch))
            .try_for_each(|(what, batch)| named(&what, batch, 2..=2, 1))
    }

    /// What statistics are estimated from: `[n, 3, h, w]`, the last of two views as published, or all views together.
    fn bn_input(&self) -> Result<Tensor, TchError> {
        match self.rules.bn_recalibration {
            BnRecalibration::LastView => self.bn_images.f_select(1, 1),
            BnRecalibration::AllViews => {
                let views = self.bn_images.f_unbind(1)?;
                Tensor::f_cat(&views, 0)
            }
        }
    }

    /// How many images that is for each picture.
    fn bn_views(&self) -> Result<i64, TchError> {
        Ok(match self.rules.bn_recalibration {
            BnRecalibration::LastView => 1,
            BnRecalibration::AllViews => self.bn_images.size5()?.1,
        })
    }

    /// A projection as it counts in the ensemble.
    fn counted(&self, projection: &Tensor) -> Result<Tensor, TchError> {
        match self.rules.rating_target {
            RatingTarget::Raw => Ok(projection.shallow_clone()),
            RatingTarget::Normalised => normalised(projection),
        }
    }

    /// The predictor's statistics for one path: those of its projections of the estimation batch, or none at all.
    fn predictor_statistics(&self, projection: &Tensor) -> Result<Statistics, TorchError> {
        let module = self.siamese.module(Side::Online, self.stage.prediction())?;
        match self.rules.bn_recalibration {
            BnRecalibration::LastView => Ok(Statistics::reset(module)?),
            BnRecalibration::AllViews => {
                let mut statistics = Statistics::default();
                let _projection =
                    module.forward_one(projection, &mut self.siamese.mode(Norm::Estimate(&mut statistics)))?;
                Ok(statistics)
            }
        }
    }
}

/// The losses of a batch's predictions `[2 n, d]` against its targets, first views before second ones: each half against the
/// other's target. One number an image, the sum of both.
fn crossed_losses(predictions: &Tensor, targets: &Tensor) -> Result<Vec<f64>, TchError> {
    let n = predictions.size2()?.0 / 2;
    let crossed = Tensor::f_cat(&[targets.f_narrow(0, n, n)?, targets.f_narrow(0, 0, n)?], 0)?;
    let losses =
        cosine_losses(predictions, &crossed)?.f_view([2, n])?.f_sum_dim_intlist([0].as_slice(), false, None)?;
    let losses = losses.f_to_kind(Kind::Double)?;
    let mut values = vec![0.0; n as usize];
    losses.f_copy_data(&mut values, n as usize)?;
    Ok(values)
}
