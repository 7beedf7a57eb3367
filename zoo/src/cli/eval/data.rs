//! The images of an evaluation, and what their classes are to the network.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bossnas_data::classes::Classes;
use bossnas_data::dataset::{DataSet, DataSetError, Split};
use bossnas_hub::cache::Cache;
use bossnas_report::Failure;

use crate::cli::classifier::Classifier;
use crate::cli::context::Context;
use crate::cli::model::unknown_entry;

/// A data set whose classes are known to the network.
pub(crate) struct Data {
    pub(crate) set: Arc<DataSet>,
    /// What its labels mean to the network.
    pub(crate) classes: Classes,
}

impl Data {
    pub(crate) fn open(data: &str, split: Split, classifier: &Classifier, context: &Context) -> anyhow::Result<Self> {
        let set = DataSet::open_split(folder(data, context)?, split).map_err(|error| explain(&error))?;
        let classes = Classes::between(set.class_names(), &classifier.labels);
        if let Classes::Mapped(_) = classes {
            context.console.note("the classes of the data are matched with those of the network by their names");
        }
        Ok(Self { set: Arc::new(set), classes })
    }
}

impl Data {
    /// The names of the network's classes: its own, else those of the data if their order is the same.
    pub(super) fn labels<'a>(&'a self, classifier: &'a Classifier) -> &'a [String] {
        match (classifier.labels.as_slice(), &self.classes) {
            ([], Classes::Counted(_)) => self.set.class_names().unwrap_or_default(),
            (labels, _) => labels,
        }
    }
}

/// A path, or the folder of a data set that was fetched.
fn folder(text: &str, context: &Context) -> anyhow::Result<PathBuf> {
    let path = Path::new(text);
    if path.exists() {
        return Ok(path.to_owned());
    }
    let registry = context.registry()?;
    let Some(set) = registry.data_set(text) else {
        let looks_like_a_path = text.contains(['/', '\\', '.']);
        return Err(if looks_like_a_path {
            Failure::failed(format!("`{text}` does not exist"))
                .hint("--data names a folder, a list of images, or a data set")
        } else {
            unknown_entry(&registry, text, "list --data-sets")
        }
        .into());
    };
    let cache = Cache::of_user()?;
    let fetched = cache.fetched_data_set(&cache.lock()?, set);
    let fetched = fetched.ok_or_else(|| {
        Failure::failed(format!("the data set `{}` was not fetched", set.name))
            .hint(format!("`bossnas-zoo fetch {}` brings it", set.name))
    })?;
    Ok(fetched.folder)
}

fn explain(error: &DataSetError) -> Failure {
    Failure::failed(error.to_string())
        .hint("a data set is a folder with a folder for each class, a file with `path label` lines, or CIFAR's batches")
}
