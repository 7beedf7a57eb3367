//! Unpacking `tar.gz` archives that came from elsewhere.
//!
//! Strict on purpose: data sets are archives of a few plain files, and whatever goes beyond that is refused by name instead of
//! being interpreted. Only regular files and folders pass; no links, devices, sparse files or extension headers; one gzip
//! member and nothing after it; the two blocks of zeros that end an archive, and only zeros after them. What the archive says
//! about owners, permissions and times is ignored. The whole stream is bounded, headers included.

mod error;
mod path;
mod stream;
mod sums;
mod tree;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use bossnas_files::{Digest, Sha256, SourceFile};
use tar::{Archive, Entry, EntryType};

pub use self::error::{ArchiveError, Problem};
pub use self::path::PathProblem;
pub use self::sums::{SUMS, SumsError, read_sums, write_sums};

use self::stream::Unzipped;
use self::tree::{Kind, Tree};

const PIECE: usize = 64 << 10;

/// A tar archive consists of blocks of that many bytes.
const BLOCK: u64 = 512;

/// What an archive may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files and folders, those included that are there only because something is in them.
    pub entries: usize,
    /// Bytes of the unzipped stream: all files with their headers.
    pub bytes: u64,
    /// Unzipped bytes for each byte of the archive; the first megabyte is free.
    pub ratio: u64,
    /// Parts of a path.
    pub depth: usize,
}

impl Default for Limits {
    /// For data sets: CIFAR has 8 files, 186 MB, a ratio of 1.1 and paths of two parts.
    fn default() -> Self {
        Self { entries: 10_000, bytes: 4 << 30, ratio: 200, depth: 16 }
    }
}

/// A file that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// Its path below the target, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Digest,
}

/// Unpacks `archive` into the new folder `target`. After an error the folder holds what came before it; nothing is ever
/// written outside. `progress` is told how many bytes of the archive were read.
pub fn unpack(
    archive: &SourceFile,
    target: &Path,
    limits: &Limits,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Unpacked>, ArchiveError> {
    let failed = |problem, at| ArchiveError::new(archive.path(), at, problem);
    fs::create_dir(target).map_err(|error| failed(Problem::write(target, error), None))?;
    let mut unpacking = Unpacking { target, limits, tree: Tree::new(limits.entries), files: Vec::new(), at: None };
    let all = unpacking.all(archive, progress);
    all.map_err(|problem| failed(problem, unpacking.at.take()))?;
    unpacking.files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(unpacking.files)
}

struct Unpacking<'a> {
    target: &'a Path,
    limits: &'a Limits,
    tree: Tree,
    files: Vec<Unpacked>,
    /// The path of the last entry that was begun.
    at: Option<String>,
}

impl Unpacking<'_> {
    fn all(&mut self, archive: &SourceFile, progress: &mut dyn FnMut(u64)) -> Result<(), Problem> {
        let mut stream = Unzipped::new(archive, self.limits, progress).map_err(Problem::read)?;
        let mut tar = Archive::new(&mut stream);
        let mut end = 0;
        // Raw: extension headers come as entries of their own, and are refused, instead of being read into memory.
        for (index, entry) in tar.entries().map_err(Problem::read)?.raw(true).enumerate() {
            let mut entry = entry.map_err(Problem::read)?;
            if index >= self.limits.entries {
                return Err(Problem::Entries(self.limits.entries));
            }
            end = entry.raw_file_position().saturating_add(entry.size());
            self.entry(&mut entry)?;
        }
        stream.finish(end.checked_next_multiple_of(BLOCK).unwrap_or(end))
    }

    fn entry<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<(), Problem> {
        let bytes = entry.path_bytes().into_owned();
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        self.at = Some(shown.clone());
        let kind = match entry.header().entry_type() {
            EntryType::Regular => Kind::File,
            EntryType::Directory => Kind::Folder,
            other => return Err(Problem::Type { path: shown, found: type_name(other) }),
        };
        let size = entry.header().entry_size().map_err(Problem::read)?;
        if kind == Kind::Folder && size != 0 {
            return Err(Problem::FolderSize { path: shown, size });
        }
        // Archives made of `.` begin with it: the target, which is there.
        if kind == Kind::Folder && matches!(&*bytes, b"." | b"./") {
            return Ok(());
        }
        let path = path::check(&bytes, kind == Kind::Folder, self.limits.depth)
            .map_err(|problem| Problem::Path { path: shown.clone(), problem })?;
        if path::fold(&path) == path::fold(SUMS) {
            return Err(Problem::Path { path: shown, problem: PathProblem::Reserved });
        }
        self.tree.add(&path, kind)?;
        match kind {
            Kind::Folder => self.make_folder(&path),
            Kind::File => self.file(entry, path, size),
        }
    }

    fn make_folder(&self, path: &str) -> Result<(), Problem> {
        let folder = self.target.join(path);
        fs::create_dir_all(&folder).map_err(|error| Problem::write(&folder, error))
    }

    fn file<R: Read>(&mut self, entry: &mut Entry<'_, R>, path: String, size: u64) -> Result<(), Problem> {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.make_folder(folder)?;
        }
        let target = self.target.join(&path);
        let failed = |error: io::Error| Problem::write(&target, error);
        // New: whatever is there already, nothing is written through it.
        let mut file = File::create_new(&target).map_err(failed)?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; PIECE];
        let mut bytes = 0;
        loop {
            let read = match entry.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Problem::read(error)),
            };
            digest.update(&buffer[..read]);
            file.write_all(&buffer[..read]).map_err(failed)?;
            bytes += read as u64;
        }
        if bytes != size {
            return Err(Problem::Short { path, bytes, size });
        }
        file.sync_all().map_err(failed)?;
        self.files.push(Unpacked { path, bytes, sha256: digest.finish() });
        Ok(())
    }
}

fn type_name(entry: EntryType) -> &'static str {
    match entry {
        EntryType::Link => "a hard link",
        EntryType::Symlink => "a symbolic link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        EntryType::GNUSparse => "a sparse file",
        EntryType::GNULongName | EntryType::GNULongLink | EntryType::XHeader | EntryType::XGlobalHeader => {
            "an extension header"
        }
        _ => "of an unknown type",
    }
}
