//! CIFAR-10 and CIFAR-100 as their archives for Python hold them: pickled dictionaries with an array of bytes.
//!
//! A row of the array is a picture of 32 x 32 pixels: all red values, all green ones, all blue ones. The pickles go
//! through the inert reader of `bossnas-pickle`, which calls nothing; what numpy needs to describe an array is all that a
//! batch may name. Written by Python 2 or 3, by any numpy, in any protocol: the array is found, or the file refused.

use std::path::{Path, PathBuf};

use bossnas_files::SourceFile;
use bossnas_pickle::{Id, Limits, Tree};

use super::{DataSetError, Layout, Split};
use crate::RgbImage;

mod array;
mod text;

/// Pixels on each side of a picture.
const SIDE: usize = 32;

/// Bytes of a colour of a picture.
const PLANE: usize = SIDE * SIDE;

/// Bytes of a picture.
const ROW: usize = 3 * PLANE;

/// The largest batch that is read: CIFAR-100's training set has 155 MB, half as much again in the oldest protocols.
const MAX_BYTES: u64 = 400 << 20;

/// The longest name of a class, in bytes. A pickle can name one long text a hundred times.
const MAX_NAME: usize = 200;

/// The two data sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cifar {
    /// Ten classes, in six batches.
    Ten,
    /// A hundred fine classes, in two files.
    Hundred,
}

/// The data set of a folder, and the folder of its batches: `path` itself or one in it.
pub(super) fn recognise(path: &Path) -> Result<Option<(PathBuf, Cifar)>, DataSetError> {
    if let Some(cifar) = Cifar::in_folder(path) {
        return Ok(Some((path.to_owned(), cifar)));
    }
    let found = |cifar: Cifar| cifar.found(path).map(|folder| (folder, cifar));
    match (found(Cifar::Ten), found(Cifar::Hundred)) {
        (Some(_), Some(_)) => Err(DataSetError::Ambiguous { path: path.to_owned() }),
        (ten, hundred) => Ok(ten.or(hundred)),
    }
}

impl Cifar {
    fn in_folder(folder: &Path) -> Option<Self> {
        let has = |file: &str| folder.join(file).is_file();
        if has("test_batch") || has("data_batch_1") {
            Some(Self::Ten)
        } else if has("meta") && (has("test") || has("train")) {
            Some(Self::Hundred)
        } else {
            None
        }
    }

    /// The folder of its batches: `path` itself or one in it.
    pub(super) fn found(self, path: &Path) -> Option<PathBuf> {
        let inside = path.join(self.folder());
        [path.to_owned(), inside].into_iter().find(|folder| Self::in_folder(folder) == Some(self))
    }

    /// The folder's name in the archive.
    const fn folder(self) -> &'static str {
        match self {
            Self::Ten => "cifar-10-batches-py",
            Self::Hundred => "cifar-100-python",
        }
    }

    const fn files(self, split: Split) -> &'static [&'static str] {
        match (self, split) {
            (Self::Ten, Split::Test) => &["test_batch"],
            (Self::Ten, Split::Train) => {
                &["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"]
            }
            (Self::Hundred, Split::Test) => &["test"],
            (Self::Hundred, Split::Train) => &["train"],
        }
    }

    /// Number of classes.
    pub const fn classes(self) -> u32 {
        match self {
            Self::Ten => 10,
            Self::Hundred => 100,
        }
    }

    pub(super) const fn layout(self) -> Layout {
        match self {
            Self::Ten => Layout::Cifar10,
            Self::Hundred => Layout::Cifar100,
        }
    }

    pub(super) fn batches(self, folder: &Path, split: Split) -> Result<Vec<Batch>, DataSetError> {
        self.files(split).iter().map(|file| self.read_batch(&SourceFile::open(folder.join(file))?)).collect()
    }

    /// The names of the classes, `None` where their file is missing.
    pub(super) fn class_names(self, folder: &Path) -> Result<Option<Vec<String>>, DataSetError> {
        let (file, key) = match self {
            Self::Ten => ("batches.meta", "label_names"),
            Self::Hundred => ("meta", "fine_label_names"),
        };
        let path = folder.join(file);
        if !path.is_file() {
            return Ok(None);
        }
        let file = SourceFile::open(path)?;
        let tree = read(&file)?;
        let names = || -> Result<Vec<String>, String> {
            let names = tree.sequence(entry(&tree, key)?).ok_or_else(|| format!("`{key}` is no list"))?;
            if names.len() != self.classes() as usize {
                return Err(format!("it names {} classes, not {}", names.len(), self.classes()));
            }
            let name = |&id| Some(String::from_utf8_lossy(&text::bytes(&tree, id, MAX_NAME)?).into_owned());
            names.iter().map(name).collect::<Option<_>>().ok_or_else(|| format!("`{key}` has more than names in it"))
        };
        names().map(Some).map_err(|problem| DataSetError::Batch { path: file.path().to_owned(), problem })
    }

    /// Reads one batch: pictures and labels.
    pub fn read_batch(self, file: &SourceFile) -> Result<Batch, DataSetError> {
        let tree = read(file)?;
        let key = match self {
            Self::Ten => "labels",
            Self::Hundred => "fine_labels",
        };
        let batch = || -> Result<Batch, String> {
            let pixels = array::bytes(&tree, entry(&tree, "data")?, ROW)?;
            let labels = tree.sequence(entry(&tree, key)?).ok_or_else(|| format!("`{key}` is no list"))?;
            if labels.len() * ROW != pixels.len() {
                return Err(format!("it has {} pictures and {} labels", pixels.len() / ROW, labels.len()));
            }
            if labels.is_empty() {
                return Err("it holds no pictures".to_owned());
            }
            let label = |(at, &id): (usize, &Id)| match tree.int(id) {
                Some(label) if (0..i64::from(self.classes())).contains(&label) => Ok(label as u32),
                Some(label) => Err(format!("label {at} is {label}, and there are {} classes", self.classes())),
                None => Err(format!("label {at} is no whole number")),
            };
            let labels = labels.iter().enumerate().map(label).collect::<Result<_, _>>()?;
            let name = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(Batch { name, pixels, labels })
        };
        batch().map_err(|problem| DataSetError::Batch { path: file.path().to_owned(), problem })
    }
}

/// Pictures of 32 x 32 pixels with their labels.
pub struct Batch {
    name: String,
    /// `[pictures, 3, 32, 32]`.
    pixels: Vec<u8>,
    labels: Vec<u32>,
}

impl Batch {
    /// The name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of pictures, at least one.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is nothing, which no batch that could be read is.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The label of a picture.
    pub fn label(&self, row: usize) -> Option<u32> {
        self.labels.get(row).copied()
    }

    /// A picture.
    pub fn image(&self, row: usize) -> Option<RgbImage> {
        let planes = self.pixels.get(row.checked_mul(ROW)?..)?.get(..ROW)?;
        let pixels = (0..PLANE).flat_map(|at| [planes[at], planes[PLANE + at], planes[2 * PLANE + at]]).collect();
        RgbImage::new(SIDE as u32, SIDE as u32, pixels).ok()
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Batch({}: {} pictures)", self.name, self.labels.len())
    }
}

/// The names that describe an array of numpy. Old and new versions keep them in different modules, and what Python 2 called
/// a string Python 3 writes as a call of a codec.
fn allow(module: &str, name: &str) -> bool {
    matches!(
        (module, name),
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct")
            | ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer")
            | ("numpy", "ndarray" | "dtype")
            | ("_codecs", "encode")
    )
}

/// A pickle and nothing after it. The file's bytes are freed before anything is made of what they describe.
fn read(file: &SourceFile) -> Result<Tree, DataSetError> {
    let path = || file.path().to_owned();
    if file.len() > MAX_BYTES {
        return Err(DataSetError::TooLarge { path: path(), bytes: file.len(), limit: MAX_BYTES });
    }
    let limits = Limits { bytes: MAX_BYTES as usize, ..Limits::default() };
    let bytes = file.read_at(0, file.len())?;
    let pickle =
        bossnas_pickle::read(&bytes, limits, &allow).map_err(|source| DataSetError::Pickle { path: path(), source })?;
    if pickle.consumed != bytes.len() {
        let problem = format!("there is something after its end at byte {}", pickle.consumed);
        return Err(DataSetError::Batch { path: path(), problem });
    }
    Ok(pickle.tree)
}

/// The value of a key of the dictionary that the whole pickle is. The last one counts, as in Python.
fn entry(tree: &Tree, key: &str) -> Result<Id, String> {
    let entries = tree.dict(tree.root()).ok_or("it is no dictionary")?;
    let found = entries.iter().rev().find(|(id, _)| text::is(tree, *id, key));
    found.map(|&(_, value)| value).ok_or_else(|| format!("it has no `{key}`"))
}
