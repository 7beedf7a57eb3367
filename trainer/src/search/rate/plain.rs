//! Rating as published: every path and every batch on their own.

use std::collections::HashMap;

use tch::Tensor;

use super::{BnRecalibration, Job, Progress, RateError, Rated, Ratings, crossed_losses};
use crate::search::siamese::{Part, Side};
use crate::torch::{Norm, Statistics, TorchError};

/// The scores of all candidates. For each path and each batch, all statistics are estimated anew, with the blocks before the
/// stage; then both views run through these blocks and both networks.
pub fn plain(job: &Job<'_>, progress: Progress<'_>) -> Result<Ratings, RateError> {
    job.check()?;
    let (mut done, total) = (0, job.stage.candidates().len() * job.images.len());
    progress(0, total);
    tch::no_grad(|| {
        let candidates = job.stage.candidates();
        let mut scores = vec![0.0; candidates.len()];
        for images in job.images {
            let mut sum: Option<Tensor> = None;
            let mut predictions = Vec::with_capacity(candidates.len());
            for path in candidates {
                let estimated = Estimated::of(job, path)?;
                let [target, prediction] = estimated.run(job, path, images)?;
                let target = job.counted(&target)?;
                sum = Some(match sum {
                    Some(sum) => sum.f_add(&target)?,
                    None => target,
                });
                predictions.push(prediction);
                done += 1;
                progress(done, total);
            }
            let Some(targets) = sum else { continue };
            let targets = targets.f_div_scalar(candidates.len() as f64)?;
            for (score, prediction) in scores.iter_mut().zip(&predictions) {
                let losses = crossed_losses(prediction, &targets)?;
                *score += losses.iter().sum::<f64>() / losses.len() as f64 / job.images.len() as f64;
            }
        }
        let rated = candidates.iter().zip(scores).map(|(path, score)| Rated { path: path.clone(), score });
        Ok(Ratings(rated.collect()))
    })
}

/// The statistics of all batch norms that one path runs through.
struct Estimated(HashMap<(Side, Part), Statistics>);

impl Estimated {
    fn of(job: &Job<'_>, path: &[u8]) -> Result<Self, TorchError> {
        let mut all = Self(HashMap::new());
        let views = match job.rules.bn_recalibration {
            // Both run, and the second overwrites what the first left.
            BnRecalibration::LastView => vec![job.bn_images.f_select(1, 0)?, job.bn_images.f_select(1, 1)?],
            BnRecalibration::AllViews => vec![job.bn_input()?],
        };
        for view in views {
            for side in [Side::Target, Side::Online] {
                let map = all.estimate(job, Side::Target, job.stage.prefix(), &view)?;
                let body = job.stage.body(path).into_iter().chain([job.stage.projection(path)]);
                let projection = all.estimate(job, side, body, &map)?;
                if side == Side::Online {
                    let statistics = job.predictor_statistics(&projection)?;
                    all.0.insert((Side::Online, job.stage.prediction()), statistics);
                }
            }
        }
        Ok(all)
    }

    fn estimate(
        &mut self,
        job: &Job<'_>,
        side: Side,
        parts: impl IntoIterator<Item = Part>,
        input: &Tensor,
    ) -> Result<Tensor, TorchError> {
        let mut value = input.shallow_clone();
        for part in parts {
            let mut statistics = Statistics::default();
            let module = job.siamese.module(side, part)?;
            value = module.forward_one(&value, &mut job.siamese.mode(Norm::Estimate(&mut statistics)))?;
            self.0.insert((side, part), statistics);
        }
        Ok(value)
    }

    /// The target's projections and the online side's predictions, `[2 n, 256]` each: first views, then second ones.
    fn run(&self, job: &Job<'_>, path: &[u8], images: &Tensor) -> Result<[Tensor; 2], TorchError> {
        let mut halves = [Vec::new(), Vec::new()];
        for view in [0, 1] {
            let view = images.f_select(1, view)?;
            for (side, half) in [Side::Target, Side::Online].into_iter().zip(&mut halves) {
                let map = self.given(job, Side::Target, job.stage.prefix(), &view)?;
                let body = job.stage.body(path).into_iter().chain([job.stage.projection(path)]);
                let head = (side == Side::Online).then(|| job.stage.prediction());
                half.push(self.given(job, side, body.chain(head), &map)?);
            }
        }
        let [targets, predictions] = halves;
        Ok([Tensor::f_cat(&targets, 0)?, Tensor::f_cat(&predictions, 0)?])
    }

    fn given(
        &self,
        job: &Job<'_>,
        side: Side,
        parts: impl IntoIterator<Item = Part>,
        input: &Tensor,
    ) -> Result<Tensor, TorchError> {
        let mut value = input.shallow_clone();
        for part in parts {
            let mode = &mut job.siamese.mode(Norm::Given(&self.0[&(side, part)]));
            value = job.siamese.module(side, part)?.forward_one(&value, mode)?;
        }
        Ok(value)
    }
}
