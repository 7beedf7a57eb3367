//! Rating as published: every path and every batch on their own.

use tch::Tensor;

use super::estimates::Estimates;
use super::{BnRecalibration, Job, Progress, RateError, Rated, Ratings, crossed_losses};
use crate::search::siamese::{Mean, Side};
use crate::torch::TorchError;

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
            let mut targets = Mean::default();
            let mut predictions = Vec::with_capacity(candidates.len());
            for path in candidates {
                let estimated = estimate(job, path)?;
                let [target, prediction] = run(job, &estimated, path, images)?;
                targets.add(&job.counted(&target)?)?;
                predictions.push(prediction);
                done += 1;
                progress(done, total);
            }
            let targets = targets.finish()?;
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
fn estimate(job: &Job<'_>, path: &[u8]) -> Result<Estimates, TorchError> {
    let Job { siamese, stage, .. } = *job;
    let mut all = Estimates::default();
    let views = match job.rules.bn_recalibration {
        // Both run, and the second overwrites what the first left.
        BnRecalibration::LastView => vec![job.bn_images.f_select(1, 0)?, job.bn_images.f_select(1, 1)?],
        BnRecalibration::AllViews => vec![job.bn_input()?],
    };
    for view in views {
        for side in [Side::Target, Side::Online] {
            let map = all.estimate(siamese, Side::Target, stage.prefix(), &view)?;
            let body = stage.body(path).into_iter().chain([stage.projection(path)]);
            let projection = all.estimate(siamese, side, body, &map)?;
            if side == Side::Online {
                all.keep(Side::Online, stage.prediction(), job.predictor_statistics(&projection)?);
            }
        }
    }
    Ok(all)
}

/// The target's projections and the online side's predictions, `[2 n, 256]` each: first views, then second ones.
fn run(job: &Job<'_>, estimated: &Estimates, path: &[u8], images: &Tensor) -> Result<[Tensor; 2], TorchError> {
    let Job { siamese, stage, .. } = *job;
    let mut halves = [Vec::new(), Vec::new()];
    for view in [0, 1] {
        let view = images.f_select(1, view)?;
        for (side, half) in [Side::Target, Side::Online].into_iter().zip(&mut halves) {
            let map = estimated.given(siamese, Side::Target, stage.prefix(), &view)?;
            let body = stage.body(path).into_iter().chain([stage.projection(path)]);
            let head = (side == Side::Online).then(|| stage.prediction());
            half.push(estimated.given(siamese, side, body.chain(head), &map)?);
        }
    }
    let [targets, predictions] = halves;
    Ok([Tensor::f_cat(&targets, 0)?, Tensor::f_cat(&predictions, 0)?])
}
