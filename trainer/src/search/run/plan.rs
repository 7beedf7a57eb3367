//! What a configuration means for images of that number: batches, epochs, updates.

use bossnas_data::views::order;
use bossnas_model::space::{Space, SpaceError};

use super::config::Config;
use super::images::Images;
use crate::optim::schedule::StageRate;

/// A run in numbers. All of it follows from the configuration and the number of training images.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What it follows from.
    pub config: Config,
    /// The search space.
    pub space: Space,
    /// Batches of an epoch; images that do not fill one are left for another epoch.
    pub batches: u64,
}

/// Why images and a configuration do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// There is no such supernet.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// Not even one batch.
    #[error("a batch has {batch_size} images, but there are {images} to train on")]
    TooFewImages {
        /// Of a batch.
        batch_size: usize,
        /// Of the training set, without those that are held out.
        images: usize,
    },
    /// No stage would ever be updated.
    #[error("an update takes {accumulate} batches, but a stage has {batches}")]
    NoUpdates {
        /// Batches of an update.
        accumulate: u32,
        /// Batches of a stage.
        batches: u64,
    },
}

impl Plan {
    /// The plan for these images.
    pub fn new(config: Config, images: &Images) -> Result<Self, PlanError> {
        let (batch_size, count) = (config.training.batch_size, images.training().len());
        let batches = (count / batch_size) as u64;
        if batches == 0 {
            return Err(PlanError::TooFewImages { batch_size, images: count });
        }
        let (accumulate, of_stage) = (config.training.accumulate, batches * config.training.epochs);
        if of_stage < u64::from(accumulate) {
            return Err(PlanError::NoUpdates { accumulate, batches: of_stage });
        }
        Ok(Self { space: config.space()?, config, batches })
    }

    /// Batches of a stage.
    pub fn steps_of_stage(&self) -> u64 {
        self.batches * self.config.training.epochs
    }

    /// Batches of the whole run.
    pub fn steps(&self) -> u64 {
        self.steps_of_stage() * self.space.stages() as u64
    }

    /// The learning rate within a stage.
    pub fn rate(&self) -> StageRate {
        let training = self.config.training;
        StageRate {
            base: training.learning_rate,
            epochs: training.epochs,
            iterations: self.batches,
            warmup_epochs: training.warmup_epochs,
            warmup_ratio: training.warmup_ratio,
        }
    }

    /// Whether the networks are updated after that batch of a stage, counted from 0.
    pub fn updates_after(&self, batch: u64) -> bool {
        (batch + 1).is_multiple_of(u64::from(self.config.training.accumulate))
    }

    /// Whether the paths are rated after that epoch of a stage, counted from 0.
    pub fn rates_after(&self, epoch: u64) -> bool {
        let done = epoch + 1;
        done.is_multiple_of(self.config.rating.every) || done >= self.config.training.epochs
    }

    /// An epoch's number among those of all stages: what views and order are drawn by.
    pub fn epoch_number(&self, stage: usize, epoch: u64) -> u64 {
        stage as u64 * self.config.training.epochs + epoch
    }

    /// The training images of each batch of an epoch, by their numbers in the data set.
    pub fn batches_of(&self, images: &Images, stage: usize, epoch: u64) -> Vec<Vec<usize>> {
        let training = images.training();
        let order = order(training.len(), self.config.seed, self.epoch_number(stage, epoch));
        let numbers: Vec<usize> = order.into_iter().map(|place| training[place]).collect();
        numbers.chunks_exact(self.config.training.batch_size).map(<[usize]>::to_vec).collect()
    }
}
