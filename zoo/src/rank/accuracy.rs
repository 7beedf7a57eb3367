//! Accuracies of architectures.

use std::path::{Path, PathBuf};

use bossnas_files::SourceFile;

use super::json::{self, Head};
use super::source::{Form, Source};
use super::{Entry, Problem, RankError, Space, csv, yaml};

/// What architectures reached after training, in the order of their file.
#[derive(Debug, Clone)]
pub struct Accuracies {
    /// The file.
    pub path: PathBuf,
    /// The space, if the file says.
    pub space: Option<Space>,
    /// An architecture and its accuracy, in whatever unit; at least one.
    pub entries: Vec<Entry>,
}

impl Accuracies {
    /// Reads `.json` (`{"space", "models": [{"path", "top1"}]}`, or a map from architectures to numbers), `.yml` (such a map, or a
    /// list of pairs), or `.csv` (`arch,accuracy`).
    pub fn read(path: &Path) -> Result<Self, RankError> {
        Self::from_file(&SourceFile::open(path)?)
    }

    /// The same of a file that is open; its name says how it is written.
    pub fn from_file(file: &SourceFile) -> Result<Self, RankError> {
        let source = Source::read(file)?;
        let (space, entries) = match Form::of(file.path()) {
            Some(Form::Csv) => (None, csv::entries(&source)?),
            Some(Form::Yaml) => (None, yaml::entries(&source)?),
            Some(Form::Json) => {
                let head = Head::read(&source)?;
                let entries = match head.form() {
                    json::Form::Models => json::models(&source)?,
                    _ => json::map(&source)?,
                };
                (head.space(&source)?, entries)
            }
            None => return Err(source.wrong(Problem::Extension { expected: ".json nor in .yml, .yaml or .csv" })),
        };
        if entries.is_empty() {
            return Err(source.wrong(Problem::Empty("accuracies")));
        }
        Ok(Self { path: source.path, space, entries })
    }
}
