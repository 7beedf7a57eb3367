//! A fetched data set becomes a folder.

use std::io;
use std::path::{Path, PathBuf};

use bossnas_data::archive::{self, ArchiveError, Limits, Unpacked};
use bossnas_files::{ReadError, SourceFile, WriteError, move_into_place};
use bossnas_hub::DataSet;
use bossnas_hub::cache::{Cache, CacheError, Fetched, Owner, Record};

use super::Watch;

/// Why a data set could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum DataSetError {
    /// The archive is not one, or holds what must not be unpacked.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A folder cannot be put in its place.
    #[error("cannot make `{}`: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Unpacks the files of a data set, or finds them unpacked, unless they are to be unpacked `anew`. The folder appears when it is
/// complete, with the digests of its files in `SHA256SUMS`.
pub(super) fn unpack(
    cache: &Cache,
    set: &DataSet,
    files: &[Fetched],
    anew: bool,
    watch: &dyn Watch,
) -> Result<PathBuf, DataSetError> {
    let folder = cache.data_set_folder(set, files);
    if folder.is_dir() && !anew {
        return Ok(folder);
    }
    cache.make(&cache.data_folder())?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let scratch = cache.data_folder().join(format!(".{name}.new-{}", Owner::current()));
    let made = fill(set, files, &scratch, watch);
    let old = cache.data_folder().join(format!(".{name}.old.new0-{}", Owner::current()));
    if made.is_ok() && anew {
        // Out of the way as a whole; it may also be that there is none.
        let _ = std::fs::rename(&folder, &old);
    }
    let placed = made.and_then(|()| match move_into_place(&scratch, &folder) {
        // Another process was quicker.
        Err(_) if folder.is_dir() => Ok(()),
        placed => placed.map_err(|source| DataSetError::Io { path: folder.clone(), source }),
    });
    // What is not in its place is of no use to anybody.
    let _ = (std::fs::remove_dir_all(&scratch), std::fs::remove_dir_all(&old));
    placed.map(|()| folder)
}

fn fill(set: &DataSet, files: &[Fetched], scratch: &Path, watch: &dyn Watch) -> Result<(), DataSetError> {
    let unpacked = if let (true, [archive]) = (set.layout.is_archive(), files) {
        let file = SourceFile::open(&archive.path)?;
        watch.started(0, Some(file.len()));
        archive::unpack(&file, scratch, &Limits::default(), &mut |bytes| watch.reached(bytes))?
    } else {
        let failed = |source| DataSetError::Io { path: scratch.to_owned(), source };
        std::fs::create_dir_all(scratch).map_err(failed)?;
        files.iter().map(|fetched| place(fetched, scratch)).collect::<Result<_, _>>()?
    };
    Ok(archive::write_sums(scratch, &unpacked)?)
}

/// A file under its own name: the blob itself where the file system can have a file twice, else a copy. Both are read-only.
fn place(fetched: &Fetched, folder: &Path) -> Result<Unpacked, DataSetError> {
    let target = folder.join(&fetched.record.name);
    if std::fs::hard_link(&fetched.path, &target).is_err() {
        // This copies permissions too.
        std::fs::copy(&fetched.path, &target).map_err(|source| DataSetError::Io { path: target, source })?;
    }
    let Record { name, bytes, sha256, .. } = &fetched.record;
    Ok(Unpacked { path: name.clone(), bytes: *bytes, sha256: *sha256 })
}
