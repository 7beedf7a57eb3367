//! The images that are trained on, and those that networks are judged by.

use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;

use bossnas_data::dataset::inat::{Category, Year};
use bossnas_data::dataset::{DataSet, DataSetError, DataSetKind, Split};
use bossnas_data::training::{order, repeated};

use super::config::Config;

/// Both parts of a data set, of the same classes.
#[derive(Debug, Clone)]
pub struct Images {
    training: Arc<DataSet>,
    test: Arc<DataSet>,
}

/// One process trains alone so far.
const WORLD: NonZero<usize> = NonZero::<usize>::MIN;

/// One part of a data set.
pub fn open(
    kind: DataSetKind,
    place: Option<&Path>,
    split: Split,
    category: Category,
) -> Result<DataSet, DataSetError> {
    match (kind, place) {
        (DataSetKind::Inat18, Some(place)) => DataSet::open_inat(Year::Y2018, place, split, category),
        (DataSetKind::Inat19, Some(place)) => DataSet::open_inat(Year::Y2019, place, split, category),
        (kind, place) => DataSet::open_as(kind, place, split),
    }
}

impl Images {
    /// Both parts of the data set that a configuration names, at `place`.
    pub fn open(config: &Config, place: Option<&Path>) -> Result<Self, DataSetError> {
        let part = |split| open(config.data_set, place, split, config.category());
        let (training, test) = (part(Split::Train)?, part(Split::Test)?);
        training.same_classes(&test)?;
        Ok(Self { training: Arc::new(training), test: Arc::new(test) })
    }

    /// Those that are trained on.
    pub fn training(&self) -> &Arc<DataSet> {
        &self.training
    }

    /// Those that networks are judged by.
    pub fn test(&self) -> &Arc<DataSet> {
        &self.test
    }

    /// How many classes they are of.
    pub fn classes(&self) -> usize {
        self.training.classes()
    }

    /// The names of the classes; empty where nobody knows them.
    pub fn labels(&self) -> &[String] {
        self.training.class_names().unwrap_or_default()
    }

    /// How many images an epoch has.
    pub fn of_epoch(&self, config: &Config) -> usize {
        self.numbers(config, 0).len()
    }

    /// The images of each batch of an epoch, by their numbers; those that do not fill one are left for another epoch.
    pub fn batches(&self, config: &Config, epoch: u64) -> Vec<Vec<usize>> {
        self.numbers(config, epoch).chunks_exact(config.training.batch_size).map(<[usize]>::to_vec).collect()
    }

    fn numbers(&self, config: &Config, epoch: u64) -> Vec<usize> {
        let (len, rule) = (self.training.len(), config.rules.repeated_samples.into());
        match NonZero::new(config.training.repeats) {
            Some(repeats) if repeats > WORLD => repeated(len, epoch, config.seed, 0, WORLD, repeats, rule),
            _ => order(len, config.seed, epoch),
        }
    }
}
