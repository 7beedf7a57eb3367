//! Ratings: of the paths of each stage, or of whole architectures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bossnas_files::SourceFile;

use super::json::{self, Head, StageScores};
use super::source::{Form, Source};
use super::{Entry, Problem, RankError, Space, yaml};

/// A folder with more stages than this, or more JSON files, is not looked at.
const MAX_FILES: usize = 64;

/// What a search says of architectures; lower is better.
#[derive(Debug, Clone)]
pub enum Ratings {
    /// Of paths, stage by stage: an architecture's rating is the sum.
    Stages {
        /// The file or folder.
        path: PathBuf,
        /// The space, if a file says.
        space: Option<Space>,
        /// The stages in their order, at least one.
        stages: Vec<Stage>,
    },
    /// Of whole architectures.
    Whole {
        /// The file.
        path: PathBuf,
        /// The space, if the file says.
        space: Option<Space>,
        /// An architecture and its rating; at least one.
        entries: Vec<Entry>,
    },
}

/// The ratings of one stage.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The file.
    pub path: PathBuf,
    /// A path, as the digits of its operations, and its score; at least one.
    pub scores: Vec<Entry>,
}

impl Ratings {
    /// Reads a folder of stages (`path_rank_0.yml`, `path_rank_1.yml`, ..., or JSON files that end in `_0.json`, ... or have the field
    /// `stage`), or a file: JSON of all stages or of whole architectures, YAML of whole architectures.
    pub fn read(path: &Path) -> Result<Self, RankError> {
        if path.is_dir() { folder(path) } else { Self::from_file(&SourceFile::open(path)?) }
    }

    /// Reads a file that is open; its name says how it is written.
    pub fn from_file(file: &SourceFile) -> Result<Self, RankError> {
        let source = Source::read(file)?;
        let path = source.path.clone();
        let whole = |space, entries: Vec<Entry>| match entries.as_slice() {
            [] => Err(source.wrong(Problem::Empty("ratings"))),
            [first, ..] if is_stage_path(&first.key) => Err(source.wrong(Problem::OneStage)),
            _ => Ok(Self::Whole { path: path.clone(), space, entries }),
        };
        match Form::of(&path) {
            Some(Form::Yaml) => whole(None, yaml::entries(&source)?),
            Some(Form::Json) => {
                let head = Head::read(&source)?;
                let space = head.space(&source)?;
                match head.form() {
                    json::Form::Stage => Err(source.wrong(Problem::OneStage)),
                    json::Form::Ratings => whole(space, json::ratings(&source)?),
                    json::Form::Models | json::Form::Map => whole(space, json::map(&source)?),
                    json::Form::Stages => {
                        let stage = |scores| Stage::new(&source, scores);
                        let stages: Vec<Stage> =
                            StageScores::read_all(&source)?.into_iter().map(stage).collect::<Result<_, _>>()?;
                        if stages.is_empty() {
                            return Err(source.wrong(Problem::Empty("stages")));
                        }
                        Ok(Self::Stages { path, space, stages })
                    }
                }
            }
            Some(Form::Csv) | None => {
                Err(source.wrong(Problem::Extension { expected: ".json nor in .yml or .yaml, and it is no folder" }))
            }
        }
    }

    /// Where they are from.
    pub fn path(&self) -> &Path {
        match self {
            Self::Stages { path, .. } | Self::Whole { path, .. } => path,
        }
    }

    /// The space, if a file says.
    pub fn space(&self) -> Option<Space> {
        match self {
            Self::Stages { space, .. } | Self::Whole { space, .. } => *space,
        }
    }
}

impl Stage {
    fn new(source: &Source, scores: Vec<Entry>) -> Result<Self, RankError> {
        match scores.iter().find(|score| !is_stage_path(&score.key)) {
            _ if scores.is_empty() => Err(source.wrong(Problem::Empty("scores"))),
            Some(score) => Err(source
                .wrong(Problem::Unexpected { found: format!("`{}`", score.key), expected: "the digits of a path" })),
            None => Ok(Self { path: source.path.clone(), scores }),
        }
    }
}

/// Whether a text is digits alone, as the paths of a stage are.
fn is_stage_path(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads the stages of a folder.
fn folder(path: &Path) -> Result<Ratings, RankError> {
    let wrong = |problem| RankError::Malformed { path: path.to_owned(), line: None, problem };
    let Names { rank_files, json } = Names::list(path)?;
    let numbered_json = json.iter().find(|name| json_number(name).is_some());
    if let (Some(rank_file), Some(json)) = (rank_files.first(), numbered_json) {
        return Err(wrong(Problem::TwoForms { names: [rank_file.clone(), json.clone()] }));
    }
    let mut stages = Stages::default();
    for name in &rank_files {
        let source = Source::open(&path.join(name))?;
        let Some(number) = rank_file_number(name) else { continue };
        stages.add(number, name, Stage::new(&source, yaml::entries(&source)?)?).map_err(wrong)?;
    }
    if rank_files.is_empty() {
        for name in &json {
            let source = Source::open(&path.join(name))?;
            let named = json_number(name);
            let head = match Head::read(&source) {
                // Some other file, such as a list of names.
                Err(_) if named.is_none() => continue,
                head => head?,
            };
            let number = match (head.stage, named) {
                (Some(field), Some(name)) if field != name => {
                    return Err(source.wrong(Problem::StageNumber { field, name }));
                }
                (number, named) => number.or(named),
            };
            let (Some(number), json::Form::Stage) = (number, head.form()) else { continue };
            stages.agree(head.space(&source)?, &path.join(name))?;
            stages.add(number, name, Stage::new(&source, StageScores::read(&source)?)?).map_err(wrong)?;
        }
    }
    if stages.by_number.is_empty() {
        return Err(wrong(Problem::Empty("stage (path_rank_0.yml, path_rank_1.yml, ..., or JSON of the like)")));
    }
    let (space, stages) = stages.in_order().map_err(wrong)?;
    Ok(Ratings::Stages { path: path.to_owned(), space, stages })
}

/// The files of a folder that may be stages, sorted.
struct Names {
    rank_files: Vec<String>,
    json: Vec<String>,
}

impl Names {
    fn list(path: &Path) -> Result<Self, RankError> {
        let failed = |source| RankError::List { path: path.to_owned(), source };
        let mut names = Self { rank_files: Vec::new(), json: Vec::new() };
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let Ok(name) = entry.map_err(failed)?.file_name().into_string() else { continue };
            let list = if rank_file_number(&name).is_some() {
                &mut names.rank_files
            } else if Form::of(Path::new(&name)) == Some(Form::Json) {
                &mut names.json
            } else {
                continue;
            };
            if list.len() == MAX_FILES {
                let problem = Problem::Unexpected {
                    found: format!("more than {MAX_FILES} files"),
                    expected: "those of one search",
                };
                return Err(RankError::Malformed { path: path.to_owned(), line: None, problem });
            }
            list.push(name);
        }
        names.rank_files.sort_unstable();
        names.json.sort_unstable();
        Ok(names)
    }
}

/// The stages that were found.
#[derive(Default)]
struct Stages {
    by_number: BTreeMap<usize, (String, Stage)>,
    space: Option<(Space, String)>,
}

impl Stages {
    fn add(&mut self, number: usize, name: &str, stage: Stage) -> Result<(), Problem> {
        match self.by_number.insert(number, (name.to_owned(), stage)) {
            None => Ok(()),
            Some((before, _)) => Err(Problem::StageTwice { stage: number, names: [before, name.to_owned()] }),
        }
    }

    /// Notes what a file says of its space.
    fn agree(&mut self, space: Option<Space>, path: &Path) -> Result<(), RankError> {
        let Some(space) = space else { return Ok(()) };
        let second = format!("`{}`", path.display());
        match &self.space {
            Some((before, first)) if *before != space => {
                Err(RankError::Spaces { first: first.clone(), second, spaces: [*before, space] })
            }
            Some(_) => Ok(()),
            None => {
                self.space = Some((space, second));
                Ok(())
            }
        }
    }

    fn in_order(self) -> Result<(Option<Space>, Vec<Stage>), Problem> {
        let present = self.by_number.keys().next_back().copied().unwrap_or(0);
        if let Some(missing) = (0..present).find(|number| !self.by_number.contains_key(number)) {
            return Err(Problem::Gap { missing, present });
        }
        Ok((self.space.map(|(space, _)| space), self.by_number.into_values().map(|(_, stage)| stage).collect()))
    }
}

/// 3 of `path_rank_3.yml`.
fn rank_file_number(name: &str) -> Option<usize> {
    let stem = name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml"))?;
    number(stem.strip_prefix("path_rank_")?)
}

/// 3 of `ratings_3.json`.
fn json_number(name: &str) -> Option<usize> {
    number(name.strip_suffix(".json")?.rsplit_once('_')?.1)
}

/// One or two digits.
fn number(digits: &str) -> Option<usize> {
    let few = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| few)
}
