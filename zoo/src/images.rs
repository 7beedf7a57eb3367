//! Image files as network inputs: in their order, on all cores, a few at a time.

use std::path::{Path, PathBuf};
use std::thread;

use bossnas_data::DecodeOptions;
use bossnas_data::dataset::{DataSetError, read_image};
use bossnas_data::transform::evaluation_input;
use bossnas_model::preprocess::Preprocessing;

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
pub fn prepare(path: &Path, how: &Preprocessing, options: DecodeOptions) -> Result<Prepared, DataSetError> {
    let image = read_image(path, options)?;
    let failed = |source| DataSetError::Image { name: path.display().to_string(), source };
    let values = evaluation_input(&image, how).map_err(failed)?;
    Ok(Prepared { path: path.to_owned(), image: [image.height(), image.width()], values })
}

/// Prepares all images and hands them over in their order; not more of them than there are cores are in memory at once. The
/// first that fails ends it.
pub fn prepare_all<E: From<DataSetError>>(
    paths: &[PathBuf],
    how: &Preprocessing,
    options: DecodeOptions,
    mut take: impl FnMut(Prepared) -> Result<(), E>,
) -> Result<(), E> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    for group in paths.chunks(cores) {
        let prepared: Vec<Result<Prepared, DataSetError>> = thread::scope(|scope| {
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
