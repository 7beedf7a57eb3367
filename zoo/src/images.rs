//! Image files as network inputs: in their order, on all cores, a few at a time.

use std::path::{Path, PathBuf};
use std::thread;

use bossnas_data::transform::evaluation_input;
use bossnas_data::{DecodeOptions, Error, decode_with};
use bossnas_files::{ReadError, SourceFile};
use bossnas_model::preprocess::Preprocessing;

/// The largest file that is read as an image.
const MAX_BYTES: u64 = 256 << 20;

/// Why an image cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is larger than any image.
    #[error("`{}` has {bytes} bytes, more than the {MAX_BYTES} that an image may have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// It cannot be decoded or transformed.
    #[error("`{}`: {source}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Error,
    },
}

/// An image as a network reads it.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The file.
    pub path: PathBuf,
    /// Height and width of the image in it.
    pub image: [u32; 2],
    /// `[3, height, width]` of the input.
    pub values: Vec<f32>,
}

/// Prepares the image in one file.
pub fn prepare(path: &Path, how: &Preprocessing, options: DecodeOptions) -> Result<Prepared, ImageError> {
    let file = SourceFile::open(path)?;
    if file.len() > MAX_BYTES {
        return Err(ImageError::TooLarge { path: path.to_owned(), bytes: file.len() });
    }
    let failed = |source| ImageError::Image { path: path.to_owned(), source };
    let image = decode_with(&file.read_at(0, file.len())?, options).map_err(failed)?;
    let values = evaluation_input(&image, how).map_err(failed)?;
    Ok(Prepared { path: path.to_owned(), image: [image.height(), image.width()], values })
}

/// Prepares all images and hands them over in their order; not more of them than there are cores are in memory at once. The
/// first that fails ends it.
pub fn prepare_all<E: From<ImageError>>(
    paths: &[PathBuf],
    how: &Preprocessing,
    options: DecodeOptions,
    mut take: impl FnMut(Prepared) -> Result<(), E>,
) -> Result<(), E> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    for group in paths.chunks(cores) {
        let prepared: Vec<Result<Prepared, ImageError>> = thread::scope(|scope| {
            let threads: Vec<_> = group.iter().map(|path| scope.spawn(|| prepare(path, how, options))).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, _>| match thread.join() {
                Ok(prepared) => prepared,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            threads.into_iter().map(join).collect()
        });
        prepared.into_iter().try_for_each(|prepared| take(prepared?))?;
    }
    Ok(())
}
