//! The images of an evaluation, and what their classes are to the network.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bossnas_data::classes::Classes;
use bossnas_data::dataset::{DataSet, DataSetError, Split};
use bossnas_hub::cache::Cache;
use bossnas_hub::{Layout, Registry};
use bossnas_report::Failure;

use crate::cli::classifier::Classifier;
use crate::cli::context::Context;
use crate::cli::model::alternatives;

/// A data set whose classes are known to the network.
pub(crate) struct Data {
    pub(crate) set: Arc<DataSet>,
    /// What its labels mean to the network.
    pub(crate) classes: Classes,
}

impl Data {
    pub(crate) fn open(data: &str, split: Split, classifier: &Classifier, context: &Context) -> anyhow::Result<Self> {
        let set = match place(data, context)? {
            Place::Folder(folder) => DataSet::open_split(folder, split).map_err(|error| explain(&error))?,
            Place::Digits => DataSet::digits_of(split),
        };
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

/// Where images are.
enum Place {
    /// In a folder, or in the list of this path.
    Folder(PathBuf),
    /// In the program.
    Digits,
}

/// A path, the digits that are part of the program, or the folder of a data set that was fetched.
fn place(text: &str, context: &Context) -> anyhow::Result<Place> {
    let path = Path::new(text);
    if path.exists() {
        return Ok(Place::Folder(path.to_owned()));
    }
    // By the name of the layout too, whatever registry is in use: it is no name of the registry, where `digits` is a model.
    if text.eq_ignore_ascii_case(Layout::Digits.name()) {
        return Ok(Place::Digits);
    }
    let registry = context.registry()?;
    let Some(set) = registry.data_set(text) else {
        let looks_like_a_path = text.contains(['/', '\\', '.']);
        return Err(if looks_like_a_path {
            Failure::failed(format!("`{text}` does not exist"))
                .hint("--data names a folder, a list of images, or a data set; `digits` are part of the program")
        } else {
            unknown(&registry, text)
        }
        .into());
    };
    if set.layout.is_embedded() {
        return Ok(Place::Digits);
    }
    let cache = Cache::of_user()?;
    let fetched = cache.fetched_data_set(&cache.lock()?, set);
    let fetched = fetched.ok_or_else(|| {
        Failure::failed(format!("the data set `{}` was not fetched", set.name))
            .hint(format!("`bossnas-zoo fetch {}` brings it", set.name))
    })?;
    Ok(Place::Folder(fetched.folder))
}

/// A name that no data set has.
fn unknown(registry: &Registry, name: &str) -> Failure {
    let failure = Failure::usage(format!("there is no data set `{name}`"));
    match registry.nearest_data_sets(name).as_slice() {
        [] => failure.hint("--data names a folder, a list of images, or a data set; `digits` are part of the program"),
        near => failure.hint(format!("did you mean {}?", alternatives(near))),
    }
}

fn explain(error: &DataSetError) -> Failure {
    Failure::failed(error.to_string())
        .hint("a data set is a folder with a folder for each class, a file with `path label` lines, or CIFAR's batches")
}
