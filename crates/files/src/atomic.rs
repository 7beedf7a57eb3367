//! Writing a file whole or not at all: scratch file in the same folder, flush, fsync, rename, fsync of the folder.
//!
//! Whoever looks at the target sees the old content or the new one, never a part of it; a program that fails half-way
//! leaves nothing behind.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempPath;

/// Small writes are gathered to this many bytes; larger ones go straight to the file.
const BUFFER: usize = 256 * 1024;

/// Why a file could not be written. Each message is one sentence with the path in it.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The path ends in `..`, `/`, or is empty.
    #[error("cannot write `{}`: that is no file name", path.display())]
    NoFileName {
        /// The path as given.
        path: PathBuf,
    },
    /// There is something at the target that a rename must not replace.
    #[error("cannot write `{}`: there is {found} of that name", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
        /// `a folder`, `a device or pipe`.
        found: &'static str,
    },
    /// The operating system refused.
    #[error("cannot write `{}`: {}", path.display(), reason(source))]
    Io {
        /// The file that was to be written (not the scratch file).
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Writes `bytes` to `path`, whole or not at all.
pub fn write_file(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), WriteError> {
    let mut file = AtomicFile::create(&path)?;
    file.write_all(bytes).map_err(|error| WriteError::from_io(path.as_ref(), error))?;
    file.commit()
}

/// Moves a file or folder that is on the disk already to `target`, on the same file system, in the place of what is there. The move is
/// on the disk when this returns.
pub fn move_into_place(file: &Path, target: &Path) -> io::Result<()> {
    std::fs::rename(file, target)?;
    sync_folder(&folder_of(target))
}

impl WriteError {
    /// What `Write` of an [`AtomicFile`] returned, as the error that it was; any other is one of writing `path`.
    pub fn from_io(path: &Path, error: io::Error) -> Self {
        error.downcast().unwrap_or_else(|source| Self::Io { path: path.to_path_buf(), source })
    }
}

/// What people call the common failures; the system's own words for the others.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "its folder does not exist".to_owned(),
        ErrorKind::NotADirectory => "a part of the path is no folder".to_owned(),
        ErrorKind::PermissionDenied => "no permission".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        ErrorKind::QuotaExceeded => "the disk quota is used up".to_owned(),
        ErrorKind::FileTooLarge => "larger than the file system or a limit allows".to_owned(),
        _ => error.to_string(),
    }
}

/// A file under construction. Write to it, then [`commit`](Self::commit); dropping it instead removes every trace.
#[derive(Debug)]
pub struct AtomicFile {
    /// What the caller called it, for messages.
    named: PathBuf,
    /// Where it really goes: symbolic links are followed, so that a link stays a link.
    target: PathBuf,
    writer: BufWriter<File>,
    scratch: TempPath,
    /// Dropped last: the file is known until it is gone or in its place.
    _known: Known,
}

/// The scratch files of this process.
static SCRATCH: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn scratch_files() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    SCRATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes the scratch files of all files under construction: for a program that a signal is about to end.
pub fn remove_scratch_files() {
    for path in &*scratch_files() {
        // It may be in its place already; nobody is left to tell about anything else.
        let _ = std::fs::remove_file(path);
    }
}

/// The entry of one file in [`SCRATCH`].
#[derive(Debug)]
struct Known(PathBuf);

impl Known {
    fn new(path: &Path) -> Self {
        scratch_files().insert(path.to_path_buf());
        Self(path.to_path_buf())
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        scratch_files().remove(&self.0);
    }
}

impl AtomicFile {
    /// Starts a file that will appear at `path`. Permissions are those of any new file (0666 less the umask).
    pub fn create(path: impl AsRef<Path>) -> Result<Self, WriteError> {
        let named = path.as_ref().to_path_buf();
        let target = resolve(&named)?;
        let name = target.file_name().ok_or_else(|| WriteError::NoFileName { path: named.clone() })?;
        let mut prefix = OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".partial");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let scratch = builder.tempfile_in(folder_of(&target)).map_err(|source| {
            // tempfile adds the scratch file's path to the message, which nobody asked for.
            let source =
                source.raw_os_error().or_else(|| inner_os_error(&source)).map_or(source, io::Error::from_raw_os_error);
            WriteError::Io { path: named.clone(), source }
        })?;
        let (file, scratch) = scratch.into_parts();
        let known = Known::new(&scratch);
        Ok(Self { named, target, writer: BufWriter::with_capacity(BUFFER, file), scratch, _known: known })
    }

    /// The path it was created for.
    pub fn path(&self) -> &Path {
        &self.named
    }

    /// Where the bytes lie until the file is committed, for a reader that must see them before (flushed, not synced).
    pub fn scratch_path(&mut self) -> Result<&Path, WriteError> {
        self.writer.flush().map_err(|source| WriteError::Io { path: self.named.clone(), source })?;
        Ok(&self.scratch)
    }

    /// Puts what was written so far on the disk, so that little is left to wait for at the end.
    pub fn sync(&mut self) -> Result<(), WriteError> {
        let flushed = self.writer.flush().and_then(|()| self.writer.get_ref().sync_data());
        flushed.map_err(|source| WriteError::Io { path: self.named.clone(), source })
    }

    /// A second handle that puts on the disk what was written so far, on another thread while writing goes on.
    pub fn syncer(&self) -> Result<Syncer, WriteError> {
        let cloned = self.writer.get_ref().try_clone();
        cloned.map(Syncer).map_err(|source| WriteError::Io { path: self.named.clone(), source })
    }

    /// Puts everything on the disk and the file in its place.
    pub fn commit(self) -> Result<(), WriteError> {
        let (named, target) = (self.named.clone(), self.target.clone());
        self.place(&named, &target)
    }

    /// Like [`commit`](Self::commit), but under another name on the same file system: for a file that did not turn out
    /// as promised and is kept for inspection.
    pub fn commit_as(self, path: impl AsRef<Path>) -> Result<(), WriteError> {
        let named = path.as_ref().to_path_buf();
        let target = resolve(&named)?;
        self.place(&named, &target)
    }

    fn place(self, named: &Path, target: &Path) -> Result<(), WriteError> {
        let failed = |source| WriteError::Io { path: named.to_path_buf(), source };
        let file = self.writer.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)?;
        drop(file);
        self.scratch.persist(target).map_err(|e| failed(e.error))?;
        sync_folder(&folder_of(target)).map_err(failed)
    }

    /// An error of the operating system as `Write` must return it, with the path in its message.
    fn named_error(&self, source: io::Error) -> io::Error {
        let kind = source.kind();
        if kind == ErrorKind::Interrupted {
            return source;
        }
        io::Error::new(kind, WriteError::Io { path: self.named.clone(), source })
    }
}

/// See [`AtomicFile::syncer`].
#[derive(Debug)]
pub struct Syncer(File);

impl Syncer {
    /// Waits until the bytes are on the disk. What goes wrong is left to the commit, which waits for the same bytes.
    pub fn sync(&self) {
        let _ = self.0.sync_data();
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes).map_err(|e| self.named_error(e))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(|e| self.named_error(e))
    }
}

fn inner_os_error(error: &io::Error) -> Option<i32> {
    let mut source = error.get_ref().and_then(|e| e.source());
    while let Some(error) = source {
        if let Some(code) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return Some(code);
        }
        source = error.source();
    }
    None
}

/// Follows symbolic links and refuses what is there and no regular file.
fn resolve(path: &Path) -> Result<PathBuf, WriteError> {
    let ends_in_separator = path.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Err(WriteError::NotAFile { path: path.to_path_buf(), found: "a folder" }),
        Ok(meta) if !meta.is_file() => {
            Err(WriteError::NotAFile { path: path.to_path_buf(), found: "a device or pipe" })
        }
        Ok(_) => std::fs::canonicalize(path).map_err(|source| WriteError::Io { path: path.to_path_buf(), source }),
        Err(_) if ends_in_separator || path.file_name().is_none() => {
            Err(WriteError::NoFileName { path: path.to_path_buf() })
        }
        // Not there yet, or not visible: creating the scratch file tells which.
        Err(_) => Ok(path.to_path_buf()),
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Makes the rename itself durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|f| f.sync_all()) {
        // Some file systems cannot sync a folder, and a folder may be writable but not readable. The file is in place.
        Err(e)
            if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::PermissionDenied) =>
        {
            Ok(())
        }
        other => other,
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_only_when_it_is_committed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.bin");
        std::fs::write(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new content").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read(file.scratch_path().unwrap()).unwrap(), b"new content");
        file.commit().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new content");
        assert_eq!(entries(folder.path()), ["out.bin"]);
    }

    #[test]
    fn a_dropped_file_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = AtomicFile::create(folder.path().join("out.bin")).unwrap();
        file.write_all(&vec![7; 3 * BUFFER]).unwrap();
        drop(file);
        assert!(entries(folder.path()).is_empty());
    }

    #[test]
    fn a_rejected_file_takes_another_name_and_spares_the_target() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.onnx");
        std::fs::write(&path, b"good").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"bad").unwrap();
        file.commit_as(folder.path().join("out.rejected.onnx")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"good");
        assert_eq!(std::fs::read(folder.path().join("out.rejected.onnx")).unwrap(), b"bad");
        assert_eq!(entries(folder.path()), ["out.onnx", "out.rejected.onnx"]);
    }

    #[test]
    fn a_target_that_cannot_be_written_is_named_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no/such/out.bin");
        let message = AtomicFile::create(&missing).unwrap_err().to_string();
        assert_eq!(message, format!("cannot write `{}`: its folder does not exist", missing.display()));
        let message = AtomicFile::create(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("there is a folder of that name"), "{message}");
        assert!(matches!(AtomicFile::create(""), Err(WriteError::NoFileName { .. })));
        let slash = folder.path().join("new/");
        assert!(matches!(AtomicFile::create(slash), Err(WriteError::NoFileName { .. })));
        std::fs::write(folder.path().join("f"), b"").unwrap();
        let message = AtomicFile::create(folder.path().join("f/out")).unwrap_err().to_string();
        assert!(message.ends_with("a part of the path is no folder"), "{message}");
    }

    #[test]
    fn a_full_disk_is_told_as_such() {
        let error = WriteError::Io { path: "x".into(), source: io::Error::from(ErrorKind::StorageFull) };
        assert_eq!(error.to_string(), "cannot write `x`: the disk is full");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_an_ordinary_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        AtomicFile::create(&ours).unwrap().commit().unwrap();
        File::create(&plain).unwrap();
        let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&real, b"old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut file = AtomicFile::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read(&real).unwrap(), b"new");
        let message = AtomicFile::create("/dev/null").unwrap_err().to_string();
        assert_eq!(message, "cannot write `/dev/null`: there is a device or pipe of that name");
    }
}
