//! The folder of a demonstration: it overwrites its own files and nobody else's.

use std::path::{Path, PathBuf};
use std::{fs, io};

use bossnas_files::{WriteError, write_file};

/// Every file that a demonstration writes, [`RECORD`] first.
pub(super) const FILES: [&str; 8] = [RECORD, PAGE, DRAWING, COST, NETWORK, PREDICTIONS, DIGIT, INPUT];
/// What the steps found, as JSON. Its presence says that the other files are a demonstration's.
pub(super) const RECORD: &str = "demo.json";
/// All of it as a page for a browser.
pub(super) const PAGE: &str = "report.html";
/// The drawing.
pub(super) const DRAWING: &str = "bossnet-digits.svg";
/// The cost of every node.
pub(super) const COST: &str = "bossnet-digits-cost.csv";
/// The network.
pub(super) const NETWORK: &str = "bossnet-digits.onnx";
/// What was said of each digit.
pub(super) const PREDICTIONS: &str = "predictions.csv";
/// A digit.
pub(super) const DIGIT: &str = "digit.png";
/// That digit as the network's input.
pub(super) const INPUT: &str = "digit.npy";

/// How every record begins.
const RECORD_HEAD: &str = "{\n  \"schema\": \"bossnas-zoo/demo/";

/// A folder that the demonstration may write its files to.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It has a file of the same name as one of ours that no demonstration wrote.
    #[error("`{path}` is there already and not from a demonstration", path = .0.display())]
    Foreign(PathBuf),
    /// It cannot be made.
    #[error("cannot make the folder `{path}`: {source}", path = path.display())]
    Create {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Folder {
    /// Makes the folder where there is none, refuses one with other people's files under our names, and marks it as a
    /// demonstration's.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        fs::create_dir_all(path).map_err(|source| FolderError::Create { path: path.to_owned(), source })?;
        let folder = Self { path: path.to_owned() };
        if !folder.is_ours()
            && let Some(foreign) =
                FILES.iter().map(|name| folder.file(name)).find(|file| file.symlink_metadata().is_ok())
        {
            return Err(FolderError::Foreign(foreign));
        }
        folder.write(RECORD, format!("{RECORD_HEAD}1\",\n  \"finished\": false\n}}\n").as_bytes())?;
        Ok(folder)
    }

    /// The path of one of the files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what the demonstration found.
    pub fn write_record(&self, json: &str) -> Result<PathBuf, FolderError> {
        self.write(RECORD, json.as_bytes())
    }

    /// Writes the page.
    pub fn write_page(&self, html: &str) -> Result<PathBuf, FolderError> {
        self.write(PAGE, html.as_bytes())
    }

    /// Writes one of the files, whole or not at all.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, FolderError> {
        let path = self.file(name);
        write_file(&path, bytes)?;
        Ok(path)
    }

    /// Whether an earlier demonstration, finished or not, left its record.
    fn is_ours(&self) -> bool {
        let mut head = [0; RECORD_HEAD.len()];
        let read = fs::File::open(self.file(RECORD)).and_then(|mut file| io::Read::read_exact(&mut file, &mut head));
        read.is_ok() && head == RECORD_HEAD.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_demonstration_overwrites_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let first = Folder::open(&path).unwrap();
        first.write(DIGIT, b"first").unwrap();
        let second = Folder::open(&path).unwrap();
        second.write(DIGIT, b"second").unwrap();
        assert_eq!(fs::read(path.join(DIGIT)).unwrap(), b"second");
    }

    #[test]
    fn a_file_of_somebody_else_is_never_overwritten() {
        for name in FILES {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(name), "mine").unwrap();
            assert!(matches!(Folder::open(folder.path()), Err(FolderError::Foreign(_))), "{name}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            assert_eq!(fs::read(folder.path().join(name)).unwrap(), b"mine");
        }
    }

    #[test]
    fn other_files_do_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        assert!(Folder::open(folder.path()).is_ok());
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, "").unwrap();
        assert!(matches!(Folder::open(&path), Err(FolderError::Create { .. })));
    }
}
