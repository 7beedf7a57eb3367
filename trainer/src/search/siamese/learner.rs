//! A training step: targets, online paths in turn, LARS, momentum.

use std::collections::HashSet;

use tch::{Kind, TchError, Tensor};

use super::Siamese;
use super::loss::{Mean, cosine_losses, normalised};
use super::parts::{Side, StagePaths};
use crate::optim::{Follower, Lars, LossScaler, Treatment};
use crate::search::rules::{ChannelsFixTarget, Prefix, Rules};
use crate::search::world::World;
use crate::torch::{Mode, Norm, Precision, TorchError};

/// How fast running statistics follow.
const NORM_MOMENTUM: f64 = 0.1;

/// What one stage is trained with: both networks, the optimizer, and which targets follow.
#[derive(Debug)]
pub struct Learner {
    siamese: Siamese,
    stage: StagePaths,
    rules: Rules,
    world: World,
    /// Number format of the networks' products.
    pub precision: Precision,
    /// Scales losses, for [`Precision::Fp16`].
    pub scaler: Option<LossScaler>,
    optimizer: Lars,
    follower: Follower,
}

/// A batch of images with the paths that it trains.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// `[n, 2 * pairs, 3, h, w]`: path `j` sees views `j` and `pairs + j`. With one pair all paths see the same two.
    pub images: &'a Tensor,
    /// Paths of the stage.
    pub paths: &'a [Vec<u8>],
    /// Over how many batches gradients are added up: losses are divided by it.
    pub accumulate: u32,
}

/// What a batch gave.
#[derive(Debug)]
pub struct BatchReport {
    /// The ensemble's targets of both halves of the views, `[n, 256]`.
    pub targets: [Tensor; 2],
    /// For each path the two losses: first half against the second's target, and the other way round.
    pub losses: Vec<[f64; 2]>,
}

impl Learner {
    /// Ready for the first batch of a stage: no momentum yet, both networks as they are.
    pub fn new(siamese: Siamese, stage: StagePaths, rules: Rules, world: World) -> Result<Self, TorchError> {
        let mut learner = Self {
            siamese,
            stage,
            rules,
            world,
            precision: Precision::Full,
            scaler: None,
            optimizer: Lars::published(),
            follower: Follower::default(),
        };
        learner.follower = learner.followers()?;
        Ok(learner)
    }

    /// The pairs that are followed: backbone and the stage's neck (`REFERENCE.md` section 4, step 4).
    fn followers(&self) -> Result<Follower, TorchError> {
        let neck = format!("target_necks.{}.", self.stage.stage());
        let params = self.siamese.params();
        let mut frozen: HashSet<String> = HashSet::new();
        if self.rules.prefix == Prefix::Frozen {
            for part in self.stage.prefix() {
                let graph = part.graph(self.siamese.space());
                frozen.extend(graph.params().iter().map(|param| Side::Target.name(&param.name)));
            }
        }
        let mut follower = Follower::default();
        for (name, target) in params.iter() {
            let follows = name.starts_with("target_backbone.")
                || name.starts_with(&neck)
                || (name.starts_with("target_channels_fix.")
                    && self.rules.channels_fix_target == ChannelsFixTarget::Follows);
            let Some(relative) = name.strip_prefix("target_").filter(|_| follows && !frozen.contains(name)) else {
                continue;
            };
            let online = Side::Online.name(relative);
            // Buffers go their own way: each side's norms follow its own batches.
            if let Some(tensor) = params.get(&online).filter(|tensor| tensor.requires_grad()) {
                follower.add(online, target, tensor)?;
            }
        }
        Ok(follower)
    }

    /// The networks.
    pub fn siamese(&self) -> &Siamese {
        &self.siamese
    }

    /// The stage.
    pub fn stage(&self) -> &StagePaths {
        &self.stage
    }

    /// The optimizer, to write its state down.
    pub fn optimizer(&self) -> &Lars {
        &self.optimizer
    }

    /// The optimizer, to go on with a state that was written down.
    pub fn optimizer_mut(&mut self) -> &mut Lars {
        &mut self.optimizer
    }

    /// The networks, at the end of a stage. Gradients that no update has used are gone.
    pub fn into_siamese(self) -> Result<Siamese, TorchError> {
        for (_, tensor) in self.siamese.params().iter() {
            let _unused = bossnas_torch_shim::take_gradient(tensor)?;
        }
        Ok(self.siamese)
    }

    /// Adds the gradients of a batch.
    pub fn accumulate(&mut self, batch: Batch<'_>) -> Result<BatchReport, TorchError> {
        let views = Views::of(batch.images)?;
        let shared = tch::no_grad(|| self.shared_prefix(&views, batch.paths.len()))?;
        let targets = tch::no_grad(|| self.targets(&views, shared.as_deref(), batch.paths))?;
        let losses = self.losses(&views, shared.as_deref(), &targets, batch)?;
        Ok(BatchReport { targets, losses })
    }

    /// What the prefix gives for each view that any path sees, where it is frozen.
    fn shared_prefix(&self, views: &Views, paths: usize) -> Result<Option<Vec<[Tensor; 2]>>, TorchError> {
        if self.rules.prefix == Prefix::Trained || self.stage.prefix().is_empty() {
            return Ok(None);
        }
        let pairs = 0..views.pairs.min(paths);
        pairs.map(|pair| self.through_prefix(Side::Target, views, pair)).collect::<Result<_, TorchError>>().map(Some)
    }

    /// The mean over the paths of the target's projections, each brought to length 1 first.
    fn targets(
        &self,
        views: &Views,
        shared: Option<&[[Tensor; 2]]>,
        paths: &[Vec<u8>],
    ) -> Result<[Tensor; 2], TorchError> {
        let own = self.own_prefix(Side::Target, views, shared, paths.len())?;
        let mut means: [Mean; 2] = Default::default();
        for (number, path) in paths.iter().enumerate() {
            let inputs = self.inputs(Side::Target, views, own.as_deref().or(shared), number)?;
            for (mean, input) in means.iter_mut().zip(&inputs) {
                let parts = self.stage.body(path).into_iter().chain([self.stage.projection(path)]);
                let projection = self.siamese.run(Side::Target, parts, input, &mut self.training())?;
                mean.add(&normalised(&projection.f_to_kind(Kind::Float)?)?)?;
            }
        }
        let [first, second] = means;
        Ok([self.world.gather(&first.finish()?)?, self.world.gather(&second.finish()?)?])
    }

    /// Each path in turn: its losses, and backward at once, so that memory is that of one path.
    fn losses(
        &self,
        views: &Views,
        shared: Option<&[[Tensor; 2]]>,
        targets: &[Tensor; 2],
        batch: Batch<'_>,
    ) -> Result<Vec<[f64; 2]>, TorchError> {
        let own = self.own_prefix(Side::Online, views, shared, batch.paths.len())?;
        // Where all paths read the same prefix, it goes backward once, with the sum of what came from the paths.
        let leaves = own.as_ref().map(|own| own.iter().map(leaf).collect::<Result<Vec<_>, _>>()).transpose()?;
        let mut losses = Vec::with_capacity(batch.paths.len());
        for (number, path) in batch.paths.iter().enumerate() {
            let inputs = self.inputs(Side::Online, views, leaves.as_deref().or(shared), number)?;
            let parts = || {
                let body = self.stage.body(path).into_iter();
                body.chain([self.stage.projection(path), self.stage.prediction()])
            };
            let loss = |input: &Tensor, target: &Tensor| -> Result<Tensor, TorchError> {
                let prediction = self.siamese.run(Side::Online, parts(), input, &mut self.training())?;
                Ok(cosine_losses(&prediction.f_to_kind(Kind::Float)?, target)?.f_mean(Kind::Float)?)
            };
            let [first, second] = [loss(&inputs[0], &targets[1])?, loss(&inputs[1], &targets[0])?];
            let sum = first.f_add(&second)?.f_div_scalar(f64::from(batch.accumulate))?;
            let sum = self.scaler.map_or(Ok(sum.shallow_clone()), |scaler| scaler.scaled(&sum))?;
            sum.f_backward()?;
            losses.push([first.f_double_value(&[])?, second.f_double_value(&[])?]);
        }
        if let (Some(own), Some(leaves)) = (own, leaves) {
            for (map, leaf) in own.iter().flatten().zip(leaves.iter().flatten()) {
                let gradient = leaf.f_grad()?;
                if map.requires_grad() && gradient.defined() {
                    map.f_mul(&gradient)?.f_sum(Kind::Float)?.f_backward()?;
                }
            }
        }
        Ok(losses)
    }

    /// A side's own prefix for the pair of views that all paths see; `None` where each path has its own views, or there is
    /// no prefix, or another is shared.
    fn own_prefix(
        &self,
        side: Side,
        views: &Views,
        shared: Option<&[[Tensor; 2]]>,
        paths: usize,
    ) -> Result<Option<Vec<[Tensor; 2]>>, TorchError> {
        if shared.is_some() || views.pairs > 1 || self.stage.prefix().is_empty() {
            return Ok(None);
        }
        let [first, second] = views.pair(0)?;
        // Running statistics come out as if each path had run the prefix on the first view, then on the second.
        let keep = 1.0 - NORM_MOMENTUM;
        let last = NORM_MOMENTUM * (1.0 - keep.powi(2 * paths as i32)) / (1.0 - keep * keep);
        let weights = [keep * last / (1.0 - last), last];
        let run = |view: &Tensor, momentum: f64| {
            let mode = &mut self.mode(Norm::Train { momentum, batches: paths as i64 });
            self.siamese.run(side, self.stage.prefix(), view, mode)
        };
        Ok(Some(vec![[run(&first, weights[0])?, run(&second, weights[1])?]]))
    }

    /// A pair of views through the prefix of a side.
    fn through_prefix(&self, side: Side, views: &Views, pair: usize) -> Result<[Tensor; 2], TorchError> {
        let [first, second] = views.pair(pair)?;
        let run = |view: &Tensor| self.siamese.run(side, self.stage.prefix(), view, &mut self.training());
        Ok([run(&first)?, run(&second)?])
    }

    /// What the body of path `number` reads: what a prefix that was run gave, or its views through its own prefix.
    fn inputs(
        &self,
        side: Side,
        views: &Views,
        prefix: Option<&[[Tensor; 2]]>,
        number: usize,
    ) -> Result<[Tensor; 2], TorchError> {
        if let Some(prefix) = prefix {
            let [first, second] = &prefix[number % prefix.len()];
            return Ok([first.shallow_clone(), second.shallow_clone()]);
        }
        self.through_prefix(side, views, number % views.pairs)
    }

    /// One batch in training.
    fn training(&self) -> Mode<'static> {
        self.mode(Norm::Train { momentum: NORM_MOMENTUM, batches: 1 })
    }

    fn mode<'a>(&self, norm: Norm<'a>) -> Mode<'a> {
        Mode { precision: self.precision, ..self.siamese.mode(norm) }
    }

    /// A step with the gradients that were added up: LARS at rate `lr`, then the targets follow with `momentum`. The
    /// gradients are used up. Returns how many parameters were changed.
    pub fn update(&mut self, lr: f64, momentum: f64) -> Result<usize, TorchError> {
        let changed = self.optimize(lr)?;
        self.follow(momentum)?;
        Ok(changed)
    }

    /// The first half of an [`update`](Self::update): the online network by LARS. Where gradients have overflowed in
    /// mixed precision, nothing changes.
    pub fn optimize(&mut self, lr: f64) -> Result<usize, TorchError> {
        let Self { siamese, optimizer, follower, world, rules, scaler, .. } = self;
        let trained: Vec<(&str, &Tensor, Treatment)> = siamese
            .params()
            .iter()
            .filter(|(_, tensor)| tensor.requires_grad())
            .map(|(name, tensor)| (name, tensor, rules.lars_exclude.treatment(name, tensor.dim())))
            .collect();
        let gradients: Vec<Tensor> =
            trained.iter().map(|(_, tensor, _)| tensor.grad()).filter(Tensor::defined).collect();
        world.reduce(&gradients)?;
        let finite = scaler.as_mut().map_or(Ok(true), |scaler| scaler.unscale(&gradients))?;
        drop(gradients);
        if !finite {
            trained.iter().try_for_each(|(_, tensor, _)| bossnas_torch_shim::take_gradient(tensor).map(drop))?;
            return Ok(0);
        }
        let changed = optimizer.step(trained, lr)?;
        follower.changed(changed.iter().copied());
        Ok(changed.len())
    }

    /// The second half: the target network.
    pub fn follow(&self, momentum: f64) -> Result<(), TorchError> {
        Ok(self.follower.follow(momentum)?)
    }
}

/// The views of a batch.
struct Views<'a> {
    images: &'a Tensor,
    pairs: usize,
}

impl<'a> Views<'a> {
    fn of(images: &'a Tensor) -> Result<Self, TorchError> {
        let (_, views, ..) = images.size5()?;
        if views < 2 || views % 2 == 1 {
            return Err(TchError::Shape(format!("{views} views: an even number of them is needed")).into());
        }
        Ok(Self { images, pairs: views as usize / 2 })
    }

    /// Views `index` and `pairs + index`, each `[n, 3, h, w]`.
    fn pair(&self, index: usize) -> Result<[Tensor; 2], TchError> {
        let view = |index: usize| self.images.f_select(1, index as i64);
        Ok([view(index)?, view(self.pairs + index)?])
    }
}

/// Copies of two maps that gather gradients of their own.
fn leaf(maps: &[Tensor; 2]) -> Result<[Tensor; 2], TchError> {
    let leaf = |map: &Tensor| map.f_detach()?.f_set_requires_grad(true);
    Ok([leaf(&maps[0])?, leaf(&maps[1])?])
}
