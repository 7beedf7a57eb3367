//! Why a data set cannot be opened, or an image of it not be read.

use std::io;
use std::path::{Path, PathBuf};

use bossnas_files::ReadError;
use bossnas_pickle::PickleError;

use super::DataSetKind;
use crate::Error;
use crate::augment::check::RecipeError;

/// What is wrong with a data set. Each message is one sentence with the file in it.
#[derive(Debug, thiserror::Error)]
pub enum DataSetError {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A folder cannot be read, or what lies in it not be looked at.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A folder in which there is no folder.
    #[error("`{}` holds no folders: a data set has one for each class, or is a list or CIFAR's batches", path.display())]
    NoClasses {
        /// The folder.
        path: PathBuf,
    },
    /// A folder of a class without an image in it. Were it passed over, the classes after it would have other numbers.
    #[error("the class folder `{}` holds no images", path.display())]
    EmptyClass {
        /// The folder.
        path: PathBuf,
    },
    /// The part that was asked for is not there.
    #[error("`{}` has no folder {wanted}", path.display())]
    NoSplit {
        /// The folder around the parts.
        path: PathBuf,
        /// The names it could have.
        wanted: &'static str,
    },
    /// A link that leads back to a folder it lies in.
    #[error("the link `{}` leads back to a folder around it", path.display())]
    Loop {
        /// The link.
        path: PathBuf,
    },
    /// Two data sets side by side.
    #[error("`{}` holds both CIFAR-10 and CIFAR-100: name one of their folders", path.display())]
    Ambiguous {
        /// The folder around them.
        path: PathBuf,
    },
    /// A line of a list is malformed.
    #[error("`{}`, line {line}: {problem}", path.display())]
    Line {
        /// The list.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A list without a sample.
    #[error("the list `{}` names no images", path.display())]
    EmptyList {
        /// The list.
        path: PathBuf,
    },
    /// A file is larger than any of its kind.
    #[error("`{}` has {bytes} bytes, the limit is {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The largest that is read.
        limit: u64,
    },
    /// A batch of CIFAR is no pickle, or one that names more than arrays need.
    #[error("`{}`: {source}", path.display())]
    Pickle {
        /// The batch.
        path: PathBuf,
        /// Why.
        source: PickleError,
    },
    /// A batch of CIFAR or a table of pictures does not hold what it should.
    #[error("`{}`: {problem}", path.display())]
    Batch {
        /// The batch.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Annotations that are not what they should be, or do not fit together.
    #[error("`{}`: {problem}", path.display())]
    Annotations {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// What lies at a path is not the data set that was asked for.
    #[error("`{}` is not the data set {kind}: {problem}", path.display())]
    WrongKind {
        /// The path.
        path: PathBuf,
        /// What was asked for.
        kind: DataSetKind,
        /// What is there, or missing.
        problem: String,
    },
    /// A data set of files is asked for, but nobody says where.
    #[error("the data set {kind} lies in files: say where")]
    NoPlace {
        /// What was asked for.
        kind: DataSetKind,
    },
    /// A path is named for what is part of the program.
    #[error("the digits come with the program, nothing is read from `{}`", path.display())]
    NoUse {
        /// The path.
        path: PathBuf,
    },
    /// Two parts of a data set whose labels mean different things.
    #[error("`{}` and `{}` have different classes: {problem}", path.display(), other.display())]
    Classes {
        /// One part.
        path: PathBuf,
        /// The other part.
        other: PathBuf,
        /// What differs.
        problem: String,
    },
    /// There is no sample of this number.
    #[error("there is no sample {index} among {len}")]
    NoSample {
        /// The number.
        index: usize,
        /// Number of samples.
        len: usize,
    },
    /// An image cannot be decoded or transformed.
    #[error("`{name}`: {source}")]
    Image {
        /// The sample's name.
        name: String,
        /// Why.
        source: Error,
    },
    /// Images cannot be prepared as it is asked for.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// A sample is broken, and so are those that could take its place.
    #[error("{tried} samples in a row cannot be used, the last of them is {last}")]
    NoneReadable {
        /// How many there are.
        tried: usize,
        /// What is wrong with the last of them.
        last: Box<DataSetError>,
    },
    /// There is not enough memory for a batch.
    #[error("there is no memory for a batch of {samples} samples with {inputs} inputs of {size} x {size} pixels each")]
    BatchMemory {
        /// Samples in the batch.
        samples: usize,
        /// Inputs that are made of each.
        inputs: usize,
        /// Side of an input.
        size: usize,
    },
    /// The operating system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

impl DataSetError {
    pub(super) fn unreadable(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Read(ReadError::Missing { path: path.to_owned() }),
            _ => Self::Unreadable { path: path.to_owned(), source },
        }
    }
}
