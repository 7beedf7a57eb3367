//! Data sets: lists of labelled images, whatever they lie in.
//!
//! [`DataSet::open`] recognises the layout of a path: a folder with a folder for each class ([`Layout::Folders`]), a text
//! file with a path and a label a line ([`Layout::List`]), or the Python batches of CIFAR. [`DataSet::open_as`] is told which
//! data set it is ([`DataSetKind`]) and refuses another. A data set of files keeps paths and labels; the pictures of CIFAR and
//! of a table are kept as they are, once. [`DataSet::digits`] is compiled in. Nothing here trains or evaluates: what comes
//! out is an image and a label for each index.

use std::path::{Path, PathBuf};

use bossnas_files::SourceFile;

use crate::decode::{Top, decode_top};
use crate::{DecodeOptions, RgbImage, decode_with};

pub mod cifar;
mod digits;
mod error;
mod folder;
mod hold_out;
pub mod inat;
mod kind;
mod list;
pub mod mnist;

use cifar::{Batch, Cifar};
pub use error::DataSetError;
use hold_out::Part;
pub use hold_out::is_held_out;
pub use kind::{DataSetKind, UnknownKind};
use mnist::Pictures;

/// The largest file that is read as an image.
const MAX_IMAGE_BYTES: u64 = 256 << 20;

/// Which part of a data set is meant, where it has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Split {
    /// What scores are measured on: CIFAR's test batch, a folder `val` or else `test`, every fifth of the digits.
    #[default]
    Test,
    /// What networks are trained on.
    Train,
}

/// How a data set is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// A folder of images for each class.
    Folders,
    /// A text file with a path and a label a line.
    List,
    /// CIFAR-10's batches for Python.
    Cifar10,
    /// CIFAR-100's batches for Python, with the 100 fine labels.
    Cifar100,
    /// The annotations of iNaturalist 2018.
    Inat18,
    /// The annotations of iNaturalist 2019.
    Inat19,
    /// A table of handwritten digits of 28 x 28 pixels.
    MnistCsv,
    /// The handwritten digits that are compiled in.
    Digits,
}

impl Layout {
    /// A short name for reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Folders => "folders of images",
            Self::List => "a list of images",
            Self::Cifar10 => "CIFAR-10",
            Self::Cifar100 => "CIFAR-100",
            Self::Inat18 => "iNaturalist 2018",
            Self::Inat19 => "iNaturalist 2019",
            Self::MnistCsv => "a table of handwritten digits",
            Self::Digits => "handwritten digits",
        }
    }
}

/// Labelled images, numbered from 0.
#[derive(Debug)]
pub struct DataSet {
    path: PathBuf,
    layout: Layout,
    class_names: Option<Vec<String>>,
    samples: Samples,
}

#[derive(Debug)]
enum Samples {
    /// Image files, by path from `root` where they are relative.
    Files { root: PathBuf, files: Vec<ImageFile> },
    /// Pictures in memory, in the order of their batches.
    Batches(Vec<Batch>),
    /// The rows of a table.
    Pictures(Pictures),
    /// What is compiled in, or a part of it.
    Digits(Part),
}

#[derive(Debug)]
struct ImageFile {
    path: Box<Path>,
    label: u32,
}

/// One labelled image of a [`DataSet`], not yet read.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Number of the class it belongs to.
    pub label: u32,
    place: Place<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    File { root: &'a Path, path: &'a Path },
    Row { batch: &'a Batch, row: usize },
    Picture { pictures: &'a Pictures, index: usize },
    Digit(usize),
}

/// What was read of a sample: the first of the steps that make an image of it.
pub(crate) enum Raw {
    File(Vec<u8>),
    Pixels(RgbImage),
}

impl DataSet {
    /// Opens the data set at `path`; of several parts, the one that scores are measured on.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataSetError> {
        Self::open_split(path, Split::default())
    }

    /// Opens the data set at `path`:
    ///
    /// - a file: a list of images, which has no parts (`split` is not looked at);
    /// - a folder with the batches of CIFAR, or the folder around it, as the archive unpacks;
    /// - a folder that holds nothing but folders of the names `train`, `val` and `test`: the one that `split` means;
    /// - any other folder: its folders are classes.
    pub fn open_split(path: impl AsRef<Path>, split: Split) -> Result<Self, DataSetError> {
        let path = path.as_ref();
        let about = std::fs::metadata(path).map_err(|source| DataSetError::unreadable(path, source))?;
        if !about.is_dir() {
            let (files, layout) = (list::read(&SourceFile::open(path)?)?, Layout::List);
            let root = path.parent().unwrap_or(Path::new("")).to_owned();
            return Ok(Self {
                path: path.to_owned(),
                layout,
                class_names: None,
                samples: Samples::Files { root, files },
            });
        }
        if let Some((folder, cifar)) = cifar::recognise(path)? {
            return Self::of_cifar(cifar, folder, split);
        }
        let root = folder::of_split(path, split)?;
        let (names, files) = folder::read(&root)?;
        let samples = Samples::Files { root: root.clone(), files };
        Ok(Self { path: root, layout: Layout::Folders, class_names: Some(names), samples })
    }

    fn of_cifar(cifar: Cifar, folder: PathBuf, split: Split) -> Result<Self, DataSetError> {
        let batches = cifar.batches(&folder, split)?;
        let class_names = cifar.class_names(&folder)?;
        Ok(Self { path: folder, layout: cifar.layout(), class_names, samples: Samples::Batches(batches) })
    }

    /// 1,797 handwritten digits of 8 x 8 pixels, white on black: the test part of *Optical Recognition of Handwritten Digits*
    /// (E. Alpaydin, C. Kaynak; UCI, CC BY 4.0). They are part of the program.
    pub fn digits() -> Self {
        Self::digits_in(None)
    }

    /// Of the [digits](Self::digits) those that are trained on, or every fifth, which is held out for scores.
    pub fn digits_of(split: Split) -> Self {
        Self::digits_in(Some(split))
    }

    fn digits_in(split: Option<Split>) -> Self {
        Self {
            path: PathBuf::from("digits"),
            layout: Layout::Digits,
            class_names: Some((0..10).map(|digit: u8| digit.to_string()).collect()),
            samples: Samples::Digits(Part { of: digits::len(), split }),
        }
    }

    /// Where it lies: the list, the folder of the classes, or the folder of the batches. The digits lie nowhere: `digits`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it is stored.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The names of the classes, by number, where the data set knows them.
    pub fn class_names(&self) -> Option<&[String]> {
        self.class_names.as_deref()
    }

    /// Number of classes: as many as have a name, or as the largest label needs.
    pub fn classes(&self) -> usize {
        match (&self.class_names, self.layout) {
            (Some(names), _) => names.len(),
            (None, Layout::Cifar10) => Cifar::Ten.classes() as usize,
            (None, Layout::Cifar100) => Cifar::Hundred.classes() as usize,
            (None, _) => self.samples().map(|sample| sample.label as usize + 1).max().unwrap_or(0),
        }
    }

    /// Insists that labels mean the same here and in another part of the data set.
    pub fn same_classes(&self, other: &Self) -> Result<(), DataSetError> {
        let differ =
            |problem: String| DataSetError::Classes { path: self.path.clone(), other: other.path.clone(), problem };
        match (&self.class_names, &other.class_names) {
            (Some(ours), Some(theirs)) => match ours.iter().zip(theirs).find(|(ours, theirs)| ours != theirs) {
                Some((ours, theirs)) => Err(differ(format!("where one has `{ours}` the other has `{theirs}`"))),
                None if ours.len() != theirs.len() => Err(differ(format!("{} and {}", ours.len(), theirs.len()))),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Number of samples, at least one.
    pub fn len(&self) -> usize {
        match &self.samples {
            Samples::Files { files, .. } => files.len(),
            Samples::Batches(batches) => batches.iter().map(Batch::len).sum(),
            Samples::Pictures(pictures) => pictures.len(),
            Samples::Digits(part) => part.len(),
        }
    }

    /// Whether there is nothing, which no data set that could be opened is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A sample by its number.
    pub fn sample(&self, index: usize) -> Option<Sample<'_>> {
        match &self.samples {
            Samples::Files { root, files } => {
                let file = files.get(index)?;
                Some(Sample { label: file.label, place: Place::File { root, path: &file.path } })
            }
            Samples::Batches(batches) => {
                let mut row = index;
                for batch in batches {
                    match batch.label(row) {
                        Some(label) => return Some(Sample { label, place: Place::Row { batch, row } }),
                        None => row -= batch.len(),
                    }
                }
                None
            }
            Samples::Pictures(pictures) => {
                Some(Sample { label: pictures.label(index)?, place: Place::Picture { pictures, index } })
            }
            Samples::Digits(part) => {
                let number = part.number(index)?;
                Some(Sample { label: digits::label(number)?, place: Place::Digit(number) })
            }
        }
    }

    /// All samples, in order.
    pub fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        (0..self.len()).filter_map(|index| self.sample(index))
    }

    /// The image of a sample, read and decoded with the default options.
    pub fn load(&self, index: usize) -> Result<RgbImage, DataSetError> {
        self.load_with(index, DecodeOptions::default())
    }

    /// The image of a sample, read and decoded.
    pub fn load_with(&self, index: usize, options: DecodeOptions) -> Result<RgbImage, DataSetError> {
        let sample = self.sample(index).ok_or(DataSetError::NoSample { index, len: self.len() })?;
        sample.decode(sample.read()?, options)
    }
}

/// The bytes of a file that should hold an image; one that is larger than any image is refused.
fn read_image_file(path: &Path) -> Result<Vec<u8>, DataSetError> {
    let file = SourceFile::open(path)?;
    if file.len() > MAX_IMAGE_BYTES {
        return Err(DataSetError::TooLarge { path: path.to_owned(), bytes: file.len(), limit: MAX_IMAGE_BYTES });
    }
    Ok(file.read_at(0, file.len())?)
}

/// The image in a file, whether it belongs to a data set or not.
pub fn read_image(path: &Path, options: DecodeOptions) -> Result<RgbImage, DataSetError> {
    let bytes = read_image_file(path)?;
    let name = || path.to_string_lossy().into_owned();
    decode_with(&bytes, options).map_err(|source| DataSetError::Image { name: name(), source })
}

impl Sample<'_> {
    /// What a report calls it: the path of its file, or the batch and the number in it. It is text from outside.
    pub fn name(&self) -> String {
        match self.place {
            Place::File { root, path } => root.join(path).to_string_lossy().into_owned(),
            Place::Row { batch, row } => format!("{}[{row}]", batch.name()),
            Place::Picture { pictures, index } => pictures.name(index),
            Place::Digit(number) => format!("digits[{number}]"),
        }
    }

    pub(crate) fn read(&self) -> Result<Raw, DataSetError> {
        match self.place {
            Place::File { root, path } => Ok(Raw::File(read_image_file(&root.join(path))?)),
            Place::Row { batch, row } => {
                let image = batch.image(row).ok_or(DataSetError::NoSample { index: row, len: batch.len() })?;
                Ok(Raw::Pixels(image))
            }
            Place::Picture { pictures, index } => {
                let image = pictures.image(index).ok_or(DataSetError::NoSample { index, len: pictures.len() })?;
                Ok(Raw::Pixels(image))
            }
            Place::Digit(index) => {
                let image = digits::image(index).ok_or(DataSetError::NoSample { index, len: digits::len() })?;
                Ok(Raw::Pixels(image))
            }
        }
    }

    pub(crate) fn decode(&self, raw: Raw, options: DecodeOptions) -> Result<RgbImage, DataSetError> {
        Ok(self.decode_top(raw, options, |[height, _]| height)?.image)
    }

    /// At least so many rows as `rows` says of an image of this height and width.
    pub(crate) fn decode_top(
        &self,
        raw: Raw,
        options: DecodeOptions,
        rows: impl FnOnce([u32; 2]) -> u32,
    ) -> Result<Top, DataSetError> {
        match raw {
            Raw::File(bytes) => {
                decode_top(&bytes, options, rows).map_err(|source| DataSetError::Image { name: self.name(), source })
            }
            Raw::Pixels(image) => Ok(Top::all(image)),
        }
    }
}
