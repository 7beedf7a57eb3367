//! What a configuration means for a network and for images of that number.

use bossnas_model::arch::BossNet;
use bossnas_model::graph::Graph;

use super::config::Config;
use super::images::Images;

/// A run in numbers. All of it follows from the configuration and the number of training images.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What it follows from.
    pub config: Config,
    /// The network.
    pub network: BossNet,
    /// Its graph.
    pub graph: Graph,
    /// Batches of an epoch.
    pub batches: u64,
}

/// Why a network, images and a configuration do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// There is no such network.
    #[error("`{0}` is no network to train")]
    Network(String),
    /// The network has other classes than the images.
    #[error("the network has {network} classes, the images are of {images}")]
    Classes {
        /// Of the network.
        network: usize,
        /// Of the images.
        images: usize,
    },
    /// Nothing is left of an input at the end of the network.
    #[error("inputs of {size} x {size} are too small: the network makes one pixel of every {stride} x {stride}")]
    TooSmall {
        /// Side of an input.
        size: usize,
        /// The network's stride.
        stride: usize,
    },
    /// Not even one batch.
    #[error("a batch has {batch_size} images, but an epoch has {images}")]
    TooFewImages {
        /// Of a batch.
        batch_size: usize,
        /// Of an epoch.
        images: usize,
    },
    /// The network would never be updated.
    #[error("an update takes {accumulate} batches, but there are {batches}")]
    NoUpdates {
        /// Batches of an update.
        accumulate: u32,
        /// Batches of the run.
        batches: u64,
    },
}

impl Plan {
    /// The plan for these images.
    pub fn new(config: Config, images: &Images) -> Result<Self, PlanError> {
        let network = config.network().ok_or_else(|| PlanError::Network(config.arch.clone()))?;
        if network.classes != images.classes() {
            return Err(PlanError::Classes { network: network.classes, images: images.classes() });
        }
        let (size, stride) = (config.images.size, network.total_stride());
        if size < stride {
            return Err(PlanError::TooSmall { size, stride });
        }
        let (batch_size, count) = (config.training.batch_size, images.of_epoch(&config));
        let batches = (count / batch_size) as u64;
        if batches == 0 {
            return Err(PlanError::TooFewImages { batch_size, images: count });
        }
        let plan = Self { graph: network.graph(), network, config, batches };
        let accumulate = plan.config.training.accumulate;
        if plan.steps() < u64::from(accumulate) {
            return Err(PlanError::NoUpdates { accumulate, batches: plan.steps() });
        }
        Ok(plan)
    }

    /// Batches of the whole run.
    pub fn steps(&self) -> u64 {
        self.batches * self.config.epochs()
    }

    /// Whether the network is updated after that batch of the run, counted from 0.
    pub fn updates_after(&self, step: u64) -> bool {
        (step + 1).is_multiple_of(u64::from(self.config.training.accumulate))
    }

    /// Whether the network is evaluated after that epoch, counted from 0.
    pub fn evaluates_after(&self, epoch: u64) -> bool {
        let done = epoch + 1;
        done.is_multiple_of(self.config.evaluation.every) || done >= self.config.epochs()
    }
}
