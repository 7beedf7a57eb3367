//! Reading by position: a file is opened once, its length is known, and nothing is read or allocated beyond it.
//!
//! Positioned reads instead of a memory map: as fast where whole tensors are read, and a file that another program cuts
//! short is an error here, where a map would end the process.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why bytes could not be read. Each message is one sentence with the path in it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such file.
    #[error("`{}` does not exist", path.display())]
    Missing {
        /// The path as given.
        path: PathBuf,
    },
    /// A folder, device, pipe or socket.
    #[error("`{}` is {found}, not a file", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
        /// `a folder`, `a device or pipe`.
        found: &'static str,
    },
    /// Something inside the file points past its end.
    #[error("`{}` has {file_len} bytes; {len} bytes at position {offset} are not in it", path.display())]
    OutOfRange {
        /// The path as given.
        path: PathBuf,
        /// Position of the first byte wanted.
        offset: u64,
        /// Number of bytes wanted.
        len: u64,
        /// Length of the file when it was opened.
        file_len: u64,
    },
    /// Another program cut it since it was opened.
    #[error("`{}` became shorter while it was read", path.display())]
    Shrank {
        /// The path as given.
        path: PathBuf,
    },
    /// More than this machine can address at once.
    #[error("`{}`: {len} bytes at once do not fit in memory", path.display())]
    TooLarge {
        /// The path as given.
        path: PathBuf,
        /// Number of bytes wanted.
        len: u64,
    },
    /// The operating system refused.
    #[error("cannot read `{}`: {}", path.display(), reason(source))]
    Io {
        /// The path as given.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => "no permission".to_owned(),
        ErrorKind::NotADirectory => "a part of the path is no folder".to_owned(),
        _ => error.to_string(),
    }
}

#[derive(Debug)]
enum Bytes {
    OnDisk(File),
    InMemory(Arc<[u8]>),
}

/// A regular file (or bytes that stand for one), open for positioned reads from any number of threads.
#[derive(Debug)]
pub struct SourceFile {
    path: PathBuf,
    len: u64,
    bytes: Bytes,
}

impl SourceFile {
    /// Opens a regular file. A pipe or device is refused without waiting for it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref().to_path_buf();
        let mut options = std::fs::OpenOptions::new();
        options.read(true);
        // Opening a pipe would wait for its other end.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits() as i32);
        let failed = |path: &Path, source: io::Error| match source.kind() {
            ErrorKind::NotFound => ReadError::Missing { path: path.to_path_buf() },
            _ => ReadError::Io { path: path.to_path_buf(), source },
        };
        let file = options.open(&path).map_err(|e| failed(&path, e))?;
        let meta = file.metadata().map_err(|e| failed(&path, e))?;
        if !meta.is_file() {
            let found = if meta.is_dir() { "a folder" } else { "a device or pipe" };
            return Err(ReadError::NotAFile { path, found });
        }
        Ok(Self { path, len: meta.len(), bytes: Bytes::OnDisk(file) })
    }

    /// Bytes in memory that are read as if they were the file `name`.
    pub fn from_bytes(name: impl Into<PathBuf>, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { path: name.into(), len: bytes.len() as u64, bytes: Bytes::InMemory(bytes) }
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length in bytes when it was opened.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The `len` bytes at `offset`. The range is checked before memory is taken.
    pub fn read_at(&self, offset: u64, len: u64) -> Result<Vec<u8>, ReadError> {
        self.check(offset, len)?;
        let size = usize::try_from(len).map_err(|_| ReadError::TooLarge { path: self.path.clone(), len })?;
        let mut bytes = vec![0; size];
        self.read_exact_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `buffer` from `offset`.
    pub fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.check(offset, buffer.len() as u64)?;
        match &self.bytes {
            Bytes::InMemory(bytes) => {
                // `check` has shown that the range lies within the bytes, hence within a usize.
                let start = offset as usize;
                buffer.copy_from_slice(&bytes[start..start + buffer.len()]);
                Ok(())
            }
            Bytes::OnDisk(file) => fill(file, offset, buffer).map_err(|source| match source.kind() {
                ErrorKind::UnexpectedEof => ReadError::Shrank { path: self.path.clone() },
                _ => ReadError::Io { path: self.path.clone(), source },
            }),
        }
    }

    /// At most `len` bytes at `offset`: fewer where the file ends. For looking at the beginning of something unknown.
    pub fn read_up_to(&self, offset: u64, len: u64) -> Result<Vec<u8>, ReadError> {
        let offset = offset.min(self.len);
        self.read_at(offset, len.min(self.len - offset))
    }

    /// A sequential reader over `len` bytes at `offset`, unbuffered.
    pub fn reader(&self, offset: u64, len: u64) -> Result<RangeReader<'_>, ReadError> {
        self.check(offset, len)?;
        Ok(RangeReader { file: self, position: offset, end: offset + len })
    }

    fn check(&self, offset: u64, len: u64) -> Result<(), ReadError> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => Ok(()),
            _ => Err(ReadError::OutOfRange { path: self.path.clone(), offset, len, file_len: self.len }),
        }
    }
}

#[cfg(unix)]
fn fill(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn fill(file: &File, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buffer.is_empty() {
        match file.seek_read(buffer, offset) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buffer = &mut buffer[n..];
                offset += n as u64;
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Reads a range of a [`SourceFile`] from its beginning to its end.
#[derive(Debug)]
pub struct RangeReader<'a> {
    file: &'a SourceFile,
    position: u64,
    end: u64,
}

impl RangeReader<'_> {
    /// Bytes that are left.
    pub fn remaining(&self) -> u64 {
        self.end - self.position
    }
}

impl Read for RangeReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = (buffer.len() as u64).min(self.remaining()) as usize;
        self.file.read_exact_at(self.position, &mut buffer[..n]).map_err(io::Error::other)?;
        self.position += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(content: &[u8]) -> (tempfile::TempDir, [SourceFile; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, content).unwrap();
        let files = [SourceFile::open(&path).unwrap(), SourceFile::from_bytes("f", content)];
        (folder, files)
    }

    #[test]
    fn ranges_read_the_same_from_disk_and_from_memory() {
        let (_folder, files) = both(b"0123456789");
        for file in files {
            assert_eq!(file.len(), 10);
            assert_eq!(file.read_at(2, 3).unwrap(), b"234");
            assert_eq!(file.read_at(10, 0).unwrap(), b"");
            assert_eq!(file.read_up_to(8, 100).unwrap(), b"89");
            assert_eq!(file.read_up_to(99, 100).unwrap(), b"");
            let mut text = String::new();
            file.reader(4, 5).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "45678");
        }
    }

    #[test]
    fn a_range_past_the_end_is_refused_before_memory_is_taken() {
        let (_folder, files) = both(b"0123456789");
        for file in files {
            for (offset, len) in [(0, 11), (10, 1), (11, 0), (5, u64::MAX), (u64::MAX, 5), (0, 1 << 60)] {
                let error = file.read_at(offset, len).unwrap_err();
                assert!(matches!(error, ReadError::OutOfRange { file_len: 10, .. }), "{error}");
                assert!(file.reader(offset, len).is_err());
            }
        }
    }

    #[test]
    fn a_file_that_is_cut_while_it_is_open_is_an_error() {
        let (folder, [file, _]) = both(b"0123456789");
        std::fs::OpenOptions::new().write(true).open(folder.path().join("f")).unwrap().set_len(4).unwrap();
        assert!(matches!(file.read_at(2, 6), Err(ReadError::Shrank { .. })));
        assert_eq!(file.read_at(1, 3).unwrap(), b"123");
    }

    #[test]
    fn what_is_no_regular_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let message = SourceFile::open(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("is a folder, not a file"), "{message}");
        let message = SourceFile::open(folder.path().join("x")).unwrap_err().to_string();
        assert!(message.ends_with("x` does not exist"), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_refused_without_waiting_for_a_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        if !made.is_ok_and(|s| s.success()) {
            return;
        }
        let message = SourceFile::open(&path).unwrap_err().to_string();
        assert!(message.ends_with("is a device or pipe, not a file"), "{message}");
    }
}
