//! iNaturalist 2018 and 2019 (Van Horn et al., 2018): images named by annotations in JSON, as DeiT reads them.
//!
//! A folder holds `categories.json`, `train2018.json` and `val2018.json` (or `2019`). A category has a name on each level of the
//! tree of life, and the classes are the names on the level that is asked for, numbered in the order in which the annotations
//! of the training set mention them first, so that both parts agree.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use bossnas_files::SourceFile;
use serde::Deserialize;

use super::{DataSet, DataSetError, DataSetKind, ImageFile, Layout, Samples, Split};

/// The largest file of annotations that is read: those of 2018 take 120 MB.
const MAX_BYTES: u64 = 1 << 30;

/// The most classes.
const MAX_CLASSES: usize = 1_000_000;

/// The year of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Year {
    /// 8142 species.
    Y2018,
    /// 1010 species.
    Y2019,
}

impl Year {
    const fn number(self) -> u32 {
        match self {
            Self::Y2018 => 2018,
            Self::Y2019 => 2019,
        }
    }

    const fn layout(self) -> Layout {
        match self {
            Self::Y2018 => Layout::Inat18,
            Self::Y2019 => Layout::Inat19,
        }
    }

    const fn kind(self) -> DataSetKind {
        match self {
            Self::Y2018 => DataSetKind::Inat18,
            Self::Y2019 => DataSetKind::Inat19,
        }
    }
}

/// A level of the tree of life, or what iNaturalist makes of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Category {
    /// Plants, animals, fungi, ...
    Kingdom,
    /// Below kingdoms.
    Phylum,
    /// Below phyla.
    Class,
    /// Below classes.
    Order,
    /// iNaturalist's own groups, by which its folders are named.
    Supercategory,
    /// Below orders.
    Family,
    /// Below families.
    Genus,
    /// The species: each category by itself.
    #[default]
    Name,
}

/// A text that names no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no level: there are kingdom, phylum, class, order, supercategory, family, genus and name", text.escape_debug())]
pub struct UnknownCategory {
    /// The text.
    pub text: String,
}

impl Category {
    /// Each of them, from the widest.
    pub const ALL: [Self; 8] = [
        Self::Kingdom,
        Self::Phylum,
        Self::Class,
        Self::Order,
        Self::Supercategory,
        Self::Family,
        Self::Genus,
        Self::Name,
    ];

    /// Its name, in files and on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kingdom => "kingdom",
            Self::Phylum => "phylum",
            Self::Class => "class",
            Self::Order => "order",
            Self::Supercategory => "supercategory",
            Self::Family => "family",
            Self::Genus => "genus",
            Self::Name => "name",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Category {
    type Err = UnknownCategory;

    fn from_str(text: &str) -> Result<Self, UnknownCategory> {
        let found = Self::ALL.into_iter().find(|level| level.name() == text);
        found.ok_or_else(|| UnknownCategory { text: text.to_owned() })
    }
}

impl DataSet {
    /// Opens a part of iNaturalist, with the names on a level as classes.
    pub fn open_inat(year: Year, path: &Path, split: Split, level: Category) -> Result<Self, DataSetError> {
        let number = year.number();
        let open = |name: String| {
            let file = path.join(&name);
            if !file.is_file() {
                let problem = format!("it has no `{name}`");
                return Err(DataSetError::WrongKind { path: path.to_owned(), kind: year.kind(), problem });
            }
            Ok(SourceFile::open(file)?)
        };
        let (categories, training) = (open("categories.json".to_owned())?, open(format!("train{number}.json"))?);
        let images = match split {
            Split::Train => None,
            Split::Test => Some(open(format!("val{number}.json"))?),
        };
        let Annotated { class_names, mut images } = read(&categories, &training, images.as_ref(), level)?;
        // The archives have the group's folder above that of the category, DeiT's instructions don't.
        let shortened = |file: &Path| file.components().take(1).chain(file.components().skip(2)).collect::<PathBuf>();
        let first = images.first().map(|(file, _)| file.clone()).unwrap_or_default();
        if !path.join(&first).exists() && path.join(shortened(&first)).is_file() {
            for (file, _) in &mut images {
                *file = shortened(file);
            }
        }
        let files = images.into_iter().map(|(file, label)| ImageFile { path: file.into_boxed_path(), label }).collect();
        Ok(Self {
            path: path.to_owned(),
            layout: year.layout(),
            class_names: Some(class_names),
            samples: Samples::Files { root: path.to_owned(), files },
        })
    }
}

/// Images with their labels, and what the labels mean.
#[derive(Debug)]
pub struct Annotated {
    /// The names of the classes.
    pub class_names: Vec<String>,
    /// Paths from the folder of the annotations, with labels; at least one.
    pub images: Vec<(PathBuf, u32)>,
}

#[derive(Deserialize)]
struct CategoryEntry<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    kingdom: Option<Cow<'a, str>>,
    #[serde(borrow)]
    phylum: Option<Cow<'a, str>>,
    #[serde(borrow)]
    class: Option<Cow<'a, str>>,
    #[serde(borrow)]
    order: Option<Cow<'a, str>>,
    #[serde(borrow)]
    supercategory: Option<Cow<'a, str>>,
    #[serde(borrow)]
    family: Option<Cow<'a, str>>,
    #[serde(borrow)]
    genus: Option<Cow<'a, str>>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Annotations<'a> {
    #[serde(borrow)]
    images: Vec<ImageEntry<'a>>,
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct ImageEntry<'a> {
    id: u64,
    #[serde(borrow)]
    file_name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: u64,
    category_id: u64,
}

impl CategoryEntry<'_> {
    fn on(&self, level: Category) -> Option<&str> {
        let name = match level {
            Category::Kingdom => &self.kingdom,
            Category::Phylum => &self.phylum,
            Category::Class => &self.class,
            Category::Order => &self.order,
            Category::Supercategory => &self.supercategory,
            Category::Family => &self.family,
            Category::Genus => &self.genus,
            Category::Name => &self.name,
        };
        name.as_deref()
    }
}

/// Reads the annotations of a part, or of the training part itself, by whose annotations classes are numbered.
pub fn read(
    categories: &SourceFile,
    training: &SourceFile,
    part: Option<&SourceFile>,
    level: Category,
) -> Result<Annotated, DataSetError> {
    let (tree, category_bytes) = (Tree::default(), content(categories)?);
    let entries: Vec<CategoryEntry<'_>> = parsed(categories, &category_bytes)?;
    let tree = tree.with(&entries, level).map_err(|problem| malformed(categories, problem))?;

    let training_bytes = content(training)?;
    let trained: Annotations<'_> = parsed(training, &training_bytes)?;
    let classes = tree.classes(&trained).map_err(|problem| malformed(training, problem))?;
    let mut class_names = vec![String::new(); classes.len()];
    for (&name, &class) in &classes {
        name.clone_into(&mut class_names[class as usize]);
    }

    let labelled = |file: &SourceFile, annotations: &Annotations<'_>| {
        tree.labelled(annotations, &classes).map_err(|problem| malformed(file, problem))
    };
    let images = match part {
        None => labelled(training, &trained)?,
        Some(part) => {
            drop(trained);
            let bytes = content(part)?;
            labelled(part, &parsed(part, &bytes)?)?
        }
    };
    Ok(Annotated { class_names, images })
}

fn malformed(file: &SourceFile, problem: String) -> DataSetError {
    DataSetError::Annotations { path: file.path().to_owned(), problem }
}

fn content(file: &SourceFile) -> Result<Vec<u8>, DataSetError> {
    if file.len() > MAX_BYTES {
        return Err(DataSetError::TooLarge { path: file.path().to_owned(), bytes: file.len(), limit: MAX_BYTES });
    }
    Ok(file.read_at(0, file.len())?)
}

fn parsed<'a, T: Deserialize<'a>>(file: &SourceFile, bytes: &'a [u8]) -> Result<T, DataSetError> {
    serde_json::from_slice(bytes).map_err(|error| malformed(file, error.to_string()))
}

/// The names of categories on one level, by their numbers.
#[derive(Default)]
struct Tree<'a> {
    names: HashMap<u64, Option<&'a str>>,
    level: Category,
}

impl<'a> Tree<'a> {
    /// The number of a category is its `id`, or its place where it has none.
    fn with(mut self, entries: &'a [CategoryEntry<'_>], level: Category) -> Result<Self, String> {
        self.level = level;
        for (place, entry) in (0..).zip(entries) {
            let id = entry.id.unwrap_or(place);
            if self.names.insert(id, entry.on(level)).is_some() {
                return Err(format!("it has two categories {id}"));
            }
        }
        Ok(self)
    }

    fn name(&self, category: u64) -> Result<&'a str, String> {
        match self.names.get(&category) {
            Some(Some(name)) => Ok(name),
            Some(None) => Err(format!("category {category} has no {}", self.level)),
            None => Err(format!("it names category {category}, which there is not")),
        }
    }

    /// The number of each class: the place of its first annotation among the first ones.
    fn classes(&self, training: &Annotations<'_>) -> Result<HashMap<&'a str, u32>, String> {
        let mut classes = HashMap::new();
        for annotation in &training.annotations {
            let next = classes.len();
            classes.entry(self.name(annotation.category_id)?).or_insert(next as u32);
            if classes.len() > MAX_CLASSES {
                return Err(format!("it has more than {MAX_CLASSES} classes"));
            }
        }
        Ok(classes)
    }

    /// The images of a part in their order, with the numbers of their classes.
    fn labelled(&self, part: &Annotations<'_>, classes: &HashMap<&'a str, u32>) -> Result<Vec<(PathBuf, u32)>, String> {
        let mut categories = HashMap::with_capacity(part.annotations.len());
        for annotation in &part.annotations {
            let before = categories.insert(annotation.image_id, annotation.category_id);
            if before.is_some_and(|before| before != annotation.category_id) {
                return Err(format!("image {} has two categories", annotation.image_id));
            }
        }
        if part.images.is_empty() {
            return Err("it names no images".to_owned());
        }
        let labelled = |image: &ImageEntry<'_>| {
            let file = Path::new(&*image.file_name);
            let stays = file.components().all(|component| matches!(component, Component::Normal(_)));
            if !stays || image.file_name.is_empty() || image.file_name.contains('\0') {
                return Err(format!("the path of image {} leaves the folder", image.id));
            }
            let category = *categories.get(&image.id).ok_or_else(|| format!("image {} has no category", image.id))?;
            let name = self.name(category)?;
            let class = classes.get(name).ok_or_else(|| {
                format!("image {} is of category {category}, which nothing in the training set is of", image.id)
            })?;
            Ok((file.to_owned(), *class))
        };
        part.images.iter().map(labelled).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CATEGORIES: &str = r#"[
        {"id": 0, "name": "Rosa canina", "genus": "Rosa", "kingdom": "Plantae", "supercategory": "Plantae"},
        {"id": 1, "name": "Rosa rugosa", "genus": "Rosa", "kingdom": "Plantae", "supercategory": "Plantae", "more": [1]},
        {"id": 2, "name": "Turdus merula", "genus": "Turdus", "kingdom": "Animalia", "supercategory": "Aves"}]"#;

    const TRAINING: &str = r#"{"info": {"year": 2018}, "licenses": [],
        "images": [{"id": 10, "file_name": "train_val2018/Aves/2/a.jpg", "width": 5},
            {"id": 11, "file_name": "train_val2018/Plantae/1/b.jpg"}, {"id": 12, "file_name": "train_val2018/Plantae/0/c.jpg"}],
        "annotations": [{"id": 1, "image_id": 11, "category_id": 1}, {"image_id": 10, "category_id": 2},
            {"image_id": 12, "category_id": 0}]}"#;

    const VALIDATION: &str = r#"{"images": [{"id": 20, "file_name": "train_val2018/Plantae/0/\u0064.jpg"}],
        "annotations": [{"image_id": 20, "category_id": 0}]}"#;

    fn file(name: &str, text: &str) -> SourceFile {
        SourceFile::from_bytes(name, text.as_bytes().to_vec())
    }

    fn all(categories: &str, training: &str, images: &str, level: Category) -> Result<Annotated, String> {
        let [categories, training, images] =
            [("categories.json", categories), ("train.json", training), ("val.json", images)]
                .map(|(name, text)| file(name, text));
        let part = (!images.is_empty()).then_some(&images);
        read(&categories, &training, part, level).map_err(|error| error.to_string())
    }

    fn labels(annotated: &Annotated) -> Vec<(&str, u32)> {
        annotated.images.iter().map(|(path, label)| (path.to_str().unwrap(), *label)).collect()
    }

    #[test]
    fn classes_are_numbered_as_the_training_set_mentions_them() {
        let train = all(CATEGORIES, TRAINING, "", Category::Name).unwrap();
        assert_eq!(train.class_names, ["Rosa rugosa", "Turdus merula", "Rosa canina"]);
        let expected = [
            ("train_val2018/Aves/2/a.jpg", 1),
            ("train_val2018/Plantae/1/b.jpg", 0),
            ("train_val2018/Plantae/0/c.jpg", 2),
        ];
        assert_eq!(labels(&train), expected);
        let val = all(CATEGORIES, TRAINING, VALIDATION, Category::Name).unwrap();
        assert_eq!((labels(&val), &val.class_names), (vec![("train_val2018/Plantae/0/d.jpg", 2)], &train.class_names));
    }

    #[test]
    fn a_wider_level_has_fewer_classes() {
        for (level, names, label) in [
            (Category::Genus, ["Rosa", "Turdus"], 0),
            (Category::Kingdom, ["Plantae", "Animalia"], 0),
            (Category::Supercategory, ["Plantae", "Aves"], 0),
        ] {
            let val = all(CATEGORIES, TRAINING, VALIDATION, level).unwrap();
            assert_eq!(val.class_names, names);
            assert_eq!(val.images[0].1, label);
        }
        assert!(Category::ALL.iter().all(|level| level.to_string().parse() == Ok(*level)));
        assert!("species".parse::<Category>().unwrap_err().to_string().contains("supercategory"));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let replace = |text: &str, from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        };
        let family = all(CATEGORIES, TRAINING, VALIDATION, Category::Family).unwrap_err();
        assert!(family.contains("`train.json`: category 1 has no family"), "{family}");
        let twice =
            all(&replace(CATEGORIES, "\"id\": 1", "\"id\": 0"), TRAINING, VALIDATION, Category::Name).unwrap_err();
        assert!(twice.contains("`categories.json`: it has two categories 0"), "{twice}");
        let only = replace(TRAINING, "\"image_id\": 12, \"category_id\": 0", "\"image_id\": 12, \"category_id\": 1");
        for (training, images, problem) in [
            (TRAINING, &*replace(VALIDATION, "\"category_id\": 0", "\"category_id\": 7"), "names category 7"),
            (TRAINING, &*replace(VALIDATION, "\"image_id\": 20", "\"image_id\": 21"), "image 20 has no category"),
            (TRAINING, &*replace(VALIDATION, "train_val2018/", "../"), "image 20 leaves the folder"),
            (TRAINING, &*replace(VALIDATION, "train_val2018/", "/"), "image 20 leaves the folder"),
            (TRAINING, r#"{"images": [], "annotations": []}"#, "names no images"),
            (TRAINING, r#"{"images": []}"#, "missing field `annotations`"),
            (TRAINING, "[", "EOF"),
            (&*only, VALIDATION, "which nothing in the training set is of"),
        ] {
            let error = all(CATEGORIES, training, images, Category::Name).unwrap_err();
            assert!(error.starts_with("`val.json`: ") && error.contains(problem), "{error}");
        }
    }
}
