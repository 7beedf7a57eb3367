//! Rating with everything shared that can be.

use std::collections::HashMap;
use std::ops::Range;

use bossnas_model::pass::pool_early;
use tch::Tensor;

use super::estimates::Estimates;
use super::memory::{Need, Schedule};
use super::tree::Tree;
use super::{Job, Progress, RateError, Rated, Ratings, crossed_losses};
use crate::search::siamese::{Mean, Part, Side};
use crate::torch::{Mode, Module, Norm, Shared, Statistics, TorchError};

/// The scores of all candidates, within `limit` bytes beside the weights.
pub fn shared(job: &Job<'_>, limit: u64, progress: Progress<'_>) -> Result<Ratings, RateError> {
    job.check()?;
    let tree = Tree::of(job.stage);
    let rows = Rows::of(job.images);
    let schedule = Need::of_tree(job, &tree)?.schedule(rows.len(), limit)?;
    tch::no_grad(|| {
        let mut prefix = Estimates::default();
        let map = prefix.estimate(job.siamese, Side::Target, job.stage.prefix(), &job.bn_input()?)?;
        let tails = tails(job, &tree)?;
        let mut walk = Walk { job, tree: &tree, hold: &schedule.hold, estimated: HashMap::new(), tails };
        walk.estimate(Side::Target, &map)?;
        walk.estimate(Side::Online, &map)?;
        let scores = evaluate(&walk, &prefix, &rows, &schedule, progress)?;
        let rated = job.stage.candidates().iter().zip(scores).map(|(path, score)| Rated { path: path.clone(), score });
        Ok(Ratings(rated.collect()))
    })
}

/// The images of all batches one after the other.
struct Rows<'a> {
    batches: &'a [Tensor],
    /// Where each batch begins, and where the last one ends.
    starts: Vec<usize>,
}

impl<'a> Rows<'a> {
    fn of(batches: &'a [Tensor]) -> Self {
        let mut starts = vec![0];
        for images in batches {
            starts.push(starts[starts.len() - 1] + images.size()[0] as usize);
        }
        Self { batches, starts }
    }

    fn len(&self) -> usize {
        self.starts[self.batches.len()]
    }

    /// Both views of a range of images, first ones before second ones: `[2 n, 3, h, w]`.
    fn views(&self, range: &Range<usize>) -> Result<Tensor, TorchError> {
        let mut views = Vec::new();
        for view in [0, 1] {
            for (images, bounds) in self.batches.iter().zip(self.starts.windows(2)) {
                let (from, to) = (range.start.max(bounds[0]), range.end.min(bounds[1]));
                if from < to {
                    let images = images.f_select(1, view)?;
                    views.push(images.f_narrow(0, (from - bounds[0]) as i64, (to - from) as i64)?);
                }
            }
        }
        Ok(Tensor::f_cat(&views, 0)?)
    }

    /// What an image's loss counts in the mean over batches of the mean over images.
    fn weight(&self, row: usize) -> f64 {
        let batch = self.starts.partition_point(|&start| start <= row) - 1;
        1.0 / (self.starts[batch + 1] - self.starts[batch]) as f64 / self.batches.len() as f64
    }
}

/// The scores: chunk by chunk the targets of all paths, then the predictions.
fn evaluate(
    walk: &Walk<'_>,
    prefix: &Estimates,
    rows: &Rows<'_>,
    schedule: &Schedule,
    progress: Progress<'_>,
) -> Result<Vec<f64>, TorchError> {
    let job = walk.job;
    let candidates = job.stage.candidates().len();
    let mut scores = vec![0.0; candidates];
    let (mut done, total) = (0, rows.len().div_ceil(schedule.chunk) * candidates);
    progress(0, total);
    for start in (0..rows.len()).step_by(schedule.chunk) {
        let range = start..rows.len().min(start + schedule.chunk);
        let input = prefix.given(job.siamese, Side::Target, job.stage.prefix(), &rows.views(&range)?)?;
        let mut targets = Mean::default();
        walk.evaluate(Side::Target, &input, &mut |_, projection| {
            targets.add(&job.counted(&projection)?)?;
            Ok(())
        })?;
        let targets = targets.finish()?;
        walk.evaluate(Side::Online, &input, &mut |candidate, prediction| {
            let losses = crossed_losses(&prediction, &targets)?;
            let weighted = losses.iter().zip(range.clone()).map(|(loss, row)| loss * rows.weight(row));
            scores[candidate] += weighted.sum::<f64>();
            done += 1;
            progress(done, total);
            Ok(())
        })?;
    }
    Ok(scores)
}

/// A walk over the tree, depth first.
struct Walk<'a> {
    job: &'a Job<'a>,
    tree: &'a Tree,
    /// For each level, whether a value is held for all children.
    hold: &'a [bool],
    /// The statistics of each node and of what projects and predicts a candidate.
    estimated: HashMap<(Side, usize), Estimated>,
    /// The last layer with its projection, pooled as early as can be.
    tails: HashMap<(Side, Part, Part), Module>,
}

/// The statistics of a node.
#[derive(Default)]
struct Estimated {
    /// Of the layer, and of what projects its map where a candidate ends.
    layer: Statistics,
    /// Of the predictor, where a candidate of the online side ends.
    prediction: Statistics,
}

/// What is done with what a candidate gives.
type Finish<'f> = &'f mut dyn FnMut(usize, Tensor) -> Result<(), TorchError>;

impl Walk<'_> {
    /// Estimates the statistics of every node of one side.
    fn estimate(&mut self, side: Side, input: &Tensor) -> Result<(), TorchError> {
        let tree = self.tree;
        self.estimate_nodes(side, &tree.roots, input.shallow_clone(), None)
    }

    /// Estimates the statistics of nodes that read the same value. Where it is not held, it is computed again for each by
    /// node `again`, from what that reads.
    fn estimate_nodes(
        &mut self,
        side: Side,
        nodes: &[usize],
        mut value: Tensor,
        again: Option<(usize, &Tensor)>,
    ) -> Result<(), TorchError> {
        let (tree, siamese) = (self.tree, self.job.siamese);
        let module = |index: usize| siamese.module(side, tree.nodes[index].part);
        let mut shared = Shared::among(nodes.iter().filter_map(|&index| module(index).ok()));
        for (number, &index) in nodes.iter().enumerate() {
            if let Some((parent, input)) = again.filter(|_| number > 0) {
                let given = &self.estimated[&(side, parent)].layer;
                value = module(parent)?.forward_one(input, &mut siamese.mode(Norm::Given(given)))?;
            }
            let node = &tree.nodes[index];
            let mut estimated = Estimated::default();
            let mode = siamese.mode(Norm::Estimate(&mut estimated.layer));
            let shared = again.is_none().then_some(&mut shared);
            let output = module(index)?.forward_one(&value, &mut Mode { shared, ..mode })?;
            if let Some((_, project)) = node.leaf {
                let mode = &mut siamese.mode(Norm::Estimate(&mut estimated.layer));
                let projection = siamese.module(side, project)?.forward_one(&output, mode)?;
                if side == Side::Online {
                    estimated.prediction = self.job.predictor_statistics(&projection)?;
                }
            }
            self.estimated.insert((side, index), estimated);
            let held = self.hold[node.level] || node.children.len() < 2;
            self.estimate_nodes(side, &node.children, output, (!held).then_some((index, &value)))?;
        }
        Ok(())
    }

    /// Runs every candidate of one side on what the blocks before the stage gave: its projection on the target's side, its
    /// prediction on the online one.
    fn evaluate(&self, side: Side, input: &Tensor, finish: Finish<'_>) -> Result<(), TorchError> {
        self.evaluate_nodes(side, &self.tree.roots, &mut |_| Ok(input.shallow_clone()), finish)
    }

    /// Runs nodes that read the same input, which `input` gives again for each where it is not held.
    fn evaluate_nodes(
        &self,
        side: Side,
        nodes: &[usize],
        input: &mut dyn FnMut(usize) -> Result<Tensor, TorchError>,
        finish: Finish<'_>,
    ) -> Result<(), TorchError> {
        let mut shared = Shared::among(nodes.iter().filter_map(|&index| self.module(side, index).ok()));
        for (number, &index) in nodes.iter().enumerate() {
            let node = &self.tree.nodes[index];
            let (value, module) = (input(number)?, self.module(side, index)?);
            let estimated = &self.estimated[&(side, index)];
            let siamese = self.job.siamese;
            let run = |shared: Option<&mut Shared>| {
                module.forward_one(&value, &mut Mode { shared, ..siamese.mode(Norm::Given(&estimated.layer)) })
            };
            if let Some((candidate, _)) = node.leaf {
                let mut value = run(Some(&mut shared))?;
                if side == Side::Online {
                    let head = siamese.module(side, self.job.stage.prediction())?;
                    value = head.forward_one(&value, &mut siamese.mode(Norm::Given(&estimated.prediction)))?;
                }
                finish(candidate, value)?;
            } else if self.hold[node.level] {
                let held = run(Some(&mut shared))?;
                self.evaluate_nodes(side, &node.children, &mut |_| Ok(held.shallow_clone()), finish)?;
            } else {
                self.evaluate_nodes(side, &node.children, &mut |_| run(None), finish)?;
            }
        }
        Ok(())
    }

    /// What runs at a node: its part, or a last layer with its projection.
    fn module(&self, side: Side, index: usize) -> Result<&Module, TorchError> {
        let node = &self.tree.nodes[index];
        match node.leaf {
            Some((_, project)) => Ok(&self.tails[&(side, node.part, project)]),
            None => self.job.siamese.module(side, node.part),
        }
    }
}

/// What [`Walk::tails`] holds, for all leaves of the tree.
fn tails(job: &Job<'_>, tree: &Tree) -> Result<HashMap<(Side, Part, Part), Module>, TorchError> {
    let mut tails = HashMap::new();
    for node in &tree.nodes {
        let Some((_, project)) = node.leaf else { continue };
        if tails.contains_key(&(Side::Online, node.part, project)) {
            continue;
        }
        let space = job.siamese.space();
        let graph = pool_early(&node.part.graph(space).then(project.graph(space)));
        for side in Side::ALL {
            tails.insert((side, node.part, project), job.siamese.bind(side, graph.clone())?);
        }
    }
    Ok(tails)
}
