//! The images of an evaluation, and what their classes are to the network.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bossnas_data::dataset::{DataSet, DataSetError, Split};
use bossnas_hub::cache::Cache;
use bossnas_hub::{Layout, Registry};
use bossnas_report::Failure;
use bossnas_zoo::digits::digits;
use bossnas_zoo::eval::Classes;

use crate::cli::classifier::Classifier;
use crate::cli::context::Context;
use crate::cli::model::alternatives;

/// A data set whose classes are known to the network.
pub(crate) struct Data {
    pub(crate) set: Arc<DataSet>,
    /// The numbers of the samples that belong to the part that was asked for.
    pub(crate) numbers: Vec<usize>,
    /// What its labels mean to the network.
    pub(crate) classes: Classes,
}

impl Data {
    pub(crate) fn open(data: &str, split: Split, classifier: &Classifier, context: &Context) -> anyhow::Result<Self> {
        let (set, numbers) = match place(data, context)? {
            Place::Folder(folder) => {
                let set = DataSet::open_split(folder, split).map_err(|error| explain(&error))?;
                let numbers = (0..set.len()).collect();
                (set, numbers)
            }
            Place::Digits => digits(split),
        };
        let classes = match set.class_names() {
            None => Classes::Own,
            Some(names) => by_name(names, &classifier.labels).map_or(Classes::Counted(names.len()), Classes::Mapped),
        };
        if let Classes::Mapped(_) = classes {
            context.console.note("the classes of the data are matched with those of the network by their names");
        }
        Ok(Self { set: Arc::new(set), numbers, classes })
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

/// The network's class for each name of the data, where all of them are names of the network, or numbers; `None` where the
/// order is the same anyway or names say nothing.
fn by_name(names: &[String], labels: &[String]) -> Option<Vec<u32>> {
    let find =
        |name: &String| labels.iter().position(|label| label.eq_ignore_ascii_case(name)).map(|class| class as u32);
    let number = |name: &String| name.parse::<u32>().ok();
    let classes = names.iter().map(find).collect::<Option<Vec<_>>>();
    let classes = classes.or_else(|| names.iter().map(number).collect::<Option<Vec<_>>>())?;
    let is_order = classes.iter().enumerate().all(|(index, &class)| index as u32 == class);
    (!is_order).then_some(classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn classes_are_matched_by_names_or_numbers() {
        let labels = texts(&["cat", "Dog", "bird"]);
        assert_eq!(by_name(&texts(&["bird", "dog"]), &labels), Some(vec![2, 1]));
        assert_eq!(by_name(&texts(&["cat", "dog"]), &labels), None);
        assert_eq!(by_name(&texts(&["cat", "fish"]), &labels), None);
        assert_eq!(by_name(&texts(&["0", "10", "2"]), &labels), Some(vec![0, 10, 2]));
    }
}
