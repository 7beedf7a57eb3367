//! The data sets that networks are trained on, by the names they have on a command line.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::inat::{Category, Year};
use super::{Cifar, DataSet, DataSetError, Layout, Samples, Split, cifar, folder, mnist};

/// Classes of ImageNet.
const IMAGENET_CLASSES: usize = 1000;

/// A data set, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataSetKind {
    /// Folders `train` and `val` with a folder for each of the 1000 classes.
    #[serde(rename = "imagenet")]
    ImageNet,
    /// CIFAR-10's batches for Python.
    Cifar10,
    /// CIFAR-100's batches for Python.
    Cifar100,
    /// iNaturalist 2018, with annotations in JSON.
    Inat18,
    /// iNaturalist 2019, with annotations in JSON.
    Inat19,
    /// The handwritten digits that are compiled in; every fifth is held out.
    Digits,
    /// A table of digits of 28 x 28 pixels; every fifth row is held out.
    MnistCsv,
    /// Folders `train` and `val` (or `test`) with a folder for each class.
    Folder,
}

/// A text that names no data set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no data set: there are imagenet, cifar10, cifar100, inat18, inat19, digits, mnist-csv and folder", text.escape_debug())]
pub struct UnknownKind {
    /// The text.
    pub text: String,
}

impl DataSetKind {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::ImageNet,
        Self::Cifar10,
        Self::Cifar100,
        Self::Inat18,
        Self::Inat19,
        Self::Digits,
        Self::MnistCsv,
        Self::Folder,
    ];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ImageNet => "imagenet",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Inat18 => "inat18",
            Self::Inat19 => "inat19",
            Self::Digits => "digits",
            Self::MnistCsv => "mnist-csv",
            Self::Folder => "folder",
        }
    }
}

impl fmt::Display for DataSetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DataSetKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| UnknownKind { text: text.to_owned() })
    }
}

impl DataSet {
    /// Opens a part of the data set of this kind at `path`, and refuses what is of another kind. Only the digits lie nowhere.
    /// Classes of iNaturalist are its species; [`open_inat`](Self::open_inat) has a choice.
    pub fn open_as(kind: DataSetKind, path: Option<&Path>, split: Split) -> Result<Self, DataSetError> {
        let path = match (kind, path) {
            (DataSetKind::Digits, None) => return Ok(Self::digits_of(split)),
            (DataSetKind::Digits, Some(path)) => return Err(DataSetError::NoUse { path: path.to_owned() }),
            (_, None) => return Err(DataSetError::NoPlace { kind }),
            (_, Some(path)) => path,
        };
        match kind {
            DataSetKind::ImageNet | DataSetKind::Folder => Self::open_folders(kind, path, split),
            DataSetKind::Cifar10 => Self::open_cifar(kind, Cifar::Ten, path, split),
            DataSetKind::Cifar100 => Self::open_cifar(kind, Cifar::Hundred, path, split),
            DataSetKind::Inat18 => Self::open_inat(Year::Y2018, path, split, Category::default()),
            DataSetKind::Inat19 => Self::open_inat(Year::Y2019, path, split, Category::default()),
            DataSetKind::MnistCsv => Self::open_mnist(path, split),
            DataSetKind::Digits => Ok(Self::digits_of(split)),
        }
    }

    fn open_folders(kind: DataSetKind, path: &Path, split: Split) -> Result<Self, DataSetError> {
        let wrong = |problem: String| DataSetError::WrongKind { path: path.to_owned(), kind, problem };
        let about = std::fs::metadata(path).map_err(|source| DataSetError::unreadable(path, source))?;
        if !about.is_dir() {
            return Err(wrong("it is no folder".to_owned()));
        }
        if let Some((_, cifar)) = cifar::recognise(path)? {
            return Err(wrong(format!("it holds the batches of {}", cifar.layout().name())));
        }
        let root = folder::of_training(path, split)?;
        let (names, files) = folder::read(&root)?;
        let classes = names.len();
        if kind == DataSetKind::ImageNet && classes != IMAGENET_CLASSES {
            return Err(wrong(format!("`{}` has {classes} classes, not {IMAGENET_CLASSES}", root.display())));
        }
        let samples = Samples::Files { root: root.clone(), files };
        Ok(Self { path: root, layout: Layout::Folders, class_names: Some(names), samples })
    }

    fn open_cifar(kind: DataSetKind, wanted: Cifar, path: &Path, split: Split) -> Result<Self, DataSetError> {
        let wrong = |problem: String| DataSetError::WrongKind { path: path.to_owned(), kind, problem };
        let about = std::fs::metadata(path).map_err(|source| DataSetError::unreadable(path, source))?;
        if !about.is_dir() {
            return Err(wrong("it is no folder".to_owned()));
        }
        let Some(folder) = wanted.found(path) else {
            return Err(wrong(match cifar::recognise(path)? {
                Some((_, other)) => format!("it holds the batches of {}", other.layout().name()),
                None => "it holds no batches for Python".to_owned(),
            }));
        };
        Self::of_cifar(wanted, folder, split)
    }

    fn open_mnist(path: &Path, split: Split) -> Result<Self, DataSetError> {
        let file = mnist::find(path)?;
        let pictures = mnist::read(&bossnas_files::SourceFile::open(&file)?, split)?;
        let class_names = Some((0..mnist::CLASSES).map(|digit| digit.to_string()).collect());
        Ok(Self { path: file, layout: Layout::MnistCsv, class_names, samples: Samples::Pictures(pictures) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_printed_parsed_and_written_alike() {
        for kind in DataSetKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        let error = "mnist\n".parse::<DataSetKind>().unwrap_err().to_string();
        assert!(error.starts_with("`mnist\\n` is no data set"), "{error}");
        assert!(DataSetKind::ALL.iter().all(|kind| error.contains(kind.name())), "{error}");
    }
}
