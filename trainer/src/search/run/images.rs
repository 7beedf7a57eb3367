//! Which images are trained on and which are rated on.

use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;

use bossnas_data::dataset::{DataSet, DataSetError, Split, is_held_out};
use bossnas_data::views::{Broken, Recipe, ViewLoader, ViewLoaderOptions, order};
use tch::{Device, Tensor};

use super::config::{Config, DataKind, RatingData};
use crate::torch::{TorchError, from_f32};

/// Epochs that no training has, by which the views of fixed batches are drawn.
const RATING_EPOCH: u64 = u64::MAX;
const ESTIMATION_EPOCH: u64 = u64::MAX - 1;
const HELD_OUT_EPOCH: u64 = u64::MAX - 2;

/// The images of a run, by their numbers in two data sets that may be the same.
#[derive(Debug)]
pub struct Images {
    data: Arc<DataSet>,
    training: Vec<usize>,
    rated_data: Arc<DataSet>,
    rated: Vec<usize>,
}

/// Why there are no images.
#[derive(Debug, thiserror::Error)]
pub enum ImagesError {
    /// They cannot be read.
    #[error(transparent)]
    Data(#[from] DataSetError),
    /// Files are asked for, but nobody says where.
    #[error("this search needs images")]
    NoPlace,
    /// A place is named, but nothing is read from it.
    #[error("the digits come with the program, nothing is read from `{0}`")]
    NoUse(String),
    /// Not one is left.
    #[error("there are {0} images, too few to train on and to rate on")]
    TooFew(usize),
    /// libtorch said no.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

impl Images {
    /// The images that a configuration asks for: of a data set at `place`, or the program's own digits.
    pub fn open(config: &Config, place: Option<&Path>) -> Result<Self, ImagesError> {
        let on_test_set = config.rating.on == RatingData::TestSet;
        match (config.data, place) {
            (DataKind::Digits, None) => {
                let data = Arc::new(DataSet::digits());
                let (test, rest): (Vec<usize>, Vec<usize>) = (0..data.len()).partition(|&number| is_held_out(number));
                Self::split(config, data, rest, on_test_set.then_some(test))
            }
            (DataKind::Digits, Some(place)) => Err(ImagesError::NoUse(place.display().to_string())),
            (DataKind::Files, None) => Err(ImagesError::NoPlace),
            (DataKind::Files, Some(place)) => {
                let data = Arc::new(DataSet::open_split(place, Split::Train)?);
                let all: Vec<usize> = (0..data.len()).collect();
                if !on_test_set {
                    return Self::split(config, data, all, None);
                }
                let rated_data = Arc::new(DataSet::open_split(place, Split::Test)?);
                let rated = first(&(0..rated_data.len()).collect::<Vec<_>>(), config.rating.images, config.seed);
                Self::checked(Self { data, training: all, rated_data, rated })
            }
        }
    }

    /// One data set for both; without a test set, a part of the training set is held out.
    fn split(
        config: &Config,
        data: Arc<DataSet>,
        training: Vec<usize>,
        test: Option<Vec<usize>>,
    ) -> Result<Self, ImagesError> {
        let (training, rated) = if let Some(test) = test {
            (training, first(&test, config.rating.images, config.seed))
        } else {
            let rated = first(&training, config.rating.images.min(training.len() / 10), config.seed);
            let kept: std::collections::HashSet<usize> = rated.iter().copied().collect();
            (training.into_iter().filter(|number| !kept.contains(number)).collect(), rated)
        };
        Self::checked(Self { rated_data: Arc::clone(&data), data, training, rated })
    }

    fn checked(self) -> Result<Self, ImagesError> {
        if self.training.len() < 2 || self.rated.is_empty() {
            return Err(ImagesError::TooFew(self.training.len() + self.rated.len()));
        }
        Ok(self)
    }

    /// The data set that is trained on.
    pub fn data(&self) -> &Arc<DataSet> {
        &self.data
    }

    /// The numbers of the images that are trained on.
    pub fn training(&self) -> &[usize] {
        &self.training
    }

    /// How many images are rated on.
    pub fn rated(&self) -> usize {
        self.rated.len()
    }

    /// The batches that paths are rated on, `[n, 2, 3, h, w]`: two views of each image, the same in every rating.
    pub fn rating_batches(&self, config: &Config, fixed: &mut Fixed<'_>) -> Result<Vec<Tensor>, ImagesError> {
        let batches = self.rated.chunks(config.rating.batch_size).map(<[usize]>::to_vec).collect();
        let recipe = Recipe { pairs: 1, ..config.views.clone() };
        fixed.load(&self.rated_data, batches, recipe, config.seed, RATING_EPOCH)
    }

    /// The batch that statistics of batch norms are estimated from, `[n, 2, 3, h, w]`. Both views are of the first half, as
    /// published (`QUIRKS.md` 41).
    pub fn estimation_batch(&self, config: &Config, fixed: &mut Fixed<'_>) -> Result<Tensor, ImagesError> {
        let numbers = first(&self.training, config.rating.bn_images, config.seed);
        let [half, _] = config.views.halves.clone();
        let recipe = Recipe { pairs: 1, halves: [half.clone(), half], ..config.views.clone() };
        let batches = fixed.load(&self.data, vec![numbers], recipe, config.seed, ESTIMATION_EPOCH)?;
        batches.into_iter().next().ok_or(ImagesError::TooFew(0))
    }
}

/// How batches are read that stay the same.
pub struct Fixed<'a> {
    /// Where they go.
    pub device: Device,
    /// Threads that read.
    pub workers: NonZero<usize>,
    /// Is told of images that cannot be read.
    pub broken: &'a mut dyn FnMut(&DataSet, &Broken),
}

impl Fixed<'_> {
    fn load(
        &mut self,
        data: &Arc<DataSet>,
        batches: Vec<Vec<usize>>,
        recipe: Recipe,
        seed: u64,
        epoch: u64,
    ) -> Result<Vec<Tensor>, ImagesError> {
        let options = ViewLoaderOptions { workers: self.workers, ..ViewLoaderOptions::default() };
        let (views, size) = (recipe.views(), recipe.size);
        let loader = ViewLoader::start(Arc::clone(data), batches, recipe, seed, epoch, options)?;
        loader
            .map(|batch| {
                let batch = batch?;
                batch.broken.iter().for_each(|broken| (self.broken)(data, broken));
                let shape = [batch.indices.len(), views, 3, size, size];
                Ok(from_f32(&batch.values, &shape, self.device).map_err(TorchError::from)?)
            })
            .collect()
    }
}

/// Some of these numbers, drawn once for a seed, in their order.
fn first(numbers: &[usize], count: usize, seed: u64) -> Vec<usize> {
    let order = order(numbers.len(), seed, HELD_OUT_EPOCH);
    let mut chosen: Vec<usize> = order.into_iter().take(count).map(|place| numbers[place]).collect();
    chosen.sort_unstable();
    chosen
}
