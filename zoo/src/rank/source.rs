//! A file as text, or why it is not read.

use std::path::{Path, PathBuf};

use bossnas_files::SourceFile;

use super::{Entry, Problem, RankError};

/// Larger files are not read. The largest published one has 735 kB.
pub const MAX_BYTES: u64 = 32 << 20;

/// More paths or architectures in one file are not read. The largest published file has 32,768.
pub const MAX_ENTRIES: usize = 1 << 20;

/// A file of text, and its name for messages.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
}

/// How a file is written, by the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Yaml,
    Csv,
}

impl Form {
    pub(super) fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "json" => Some(Self::Json),
            "yml" | "yaml" => Some(Self::Yaml),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, RankError> {
        Self::read(&SourceFile::open(path)?)
    }

    pub(super) fn read(file: &SourceFile) -> Result<Self, RankError> {
        let path = file.path().to_owned();
        if file.len() > MAX_BYTES {
            let problem = Problem::TooLarge { len: file.len(), limit: MAX_BYTES };
            return Err(RankError::Malformed { path, line: None, problem });
        }
        let bytes = file.read_at(0, file.len())?;
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { path, text }),
            Err(_) => Err(RankError::Malformed { path, line: None, problem: Problem::NotText }),
        }
    }

    /// The text without a byte order mark, which Windows programs put before it.
    pub(crate) fn text(&self) -> &str {
        self.text.strip_prefix('\u{feff}').unwrap_or(&self.text)
    }

    /// Adds an entry that was read from this file, unless there are too many.
    pub(super) fn add(&self, entries: &mut Vec<Entry>, entry: Entry) -> Result<(), RankError> {
        if entries.len() == MAX_ENTRIES {
            return Err(self.wrong(Problem::TooMany));
        }
        entries.push(entry);
        Ok(())
    }

    /// An error about the whole file.
    pub(super) fn wrong(&self, problem: impl Into<Problem>) -> RankError {
        RankError::Malformed { path: self.path.clone(), line: None, problem: problem.into() }
    }

    /// An error about a line, counted from 1.
    pub(super) fn wrong_at(&self, line: usize, problem: Problem) -> RankError {
        RankError::Malformed { path: self.path.clone(), line: Some(line), problem }
    }
}
