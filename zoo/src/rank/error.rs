//! Why files cannot be ranked.

use std::path::PathBuf;

use bossnas_files::ReadError;
use bossnas_model::arch::ParseError;

use super::{MAX_ENTRIES, Space};

/// Why ratings or accuracies cannot be read or brought together.
#[derive(Debug, thiserror::Error)]
pub enum RankError {
    /// The operating system refused, or it is no file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A folder could not be listed.
    #[error("cannot list `{}`: {source}", path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("`{}`{}: {problem}", path.display(), line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Malformed {
        /// The file or folder.
        path: PathBuf,
        /// Where, counted from 1, if the format says.
        line: Option<usize>,
        /// What is wrong.
        problem: Problem,
    },
    /// An architecture has no rating, and that is not allowed.
    #[error(
        "{count} of {of} architectures have no rating; the first is `{arch}`{}",
        stage.as_ref().map(|(stage, path)| format!(", whose path `{path}` of stage {stage} is not rated")).unwrap_or_default()
    )]
    Missing {
        /// Architectures without a rating.
        count: usize,
        /// Architectures with an accuracy.
        of: usize,
        /// The first, as the accuracies write it.
        arch: String,
        /// The number of its first stage that is not rated, counted from 0, and its path there.
        stage: Option<(usize, String)>,
    },
    /// Nothing has both a rating and an accuracy.
    #[error("none of {accuracies} architectures with an accuracy has a rating")]
    NothingInCommon {
        /// Architectures with an accuracy.
        accuracies: usize,
    },
    /// A sum of ratings is beyond all numbers.
    #[error("the sum of the ratings of `{arch}` is too large for a number")]
    Overflow {
        /// The architecture.
        arch: String,
    },
    /// Files or the caller disagree about the search space.
    #[error("{first} is of the space {}, but {second} is of {}", .spaces[0], .spaces[1])]
    Spaces {
        /// Who says the one.
        first: String,
        /// Who says the other.
        second: String,
        /// What they say.
        spaces: [Space; 2],
    },
    /// Nothing says which search space it is, and several fit.
    #[error("`{arch}` may be of {}", spaces(.fitting))]
    Ambiguous {
        /// The first architecture.
        arch: String,
        /// The spaces that it may be of.
        fitting: Vec<Space>,
    },
    /// Stages are added up, and these ratings are of whole architectures.
    #[error("`{}` rates whole architectures, to whose stages nothing can be added", path.display())]
    NoStages {
        /// The ratings.
        path: PathBuf,
    },
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Larger than such files are.
    #[error("it has {len} bytes, {limit} are allowed")]
    TooLarge {
        /// Its size.
        len: u64,
        /// The largest that is read.
        limit: u64,
    },
    /// More paths or architectures than such files have.
    #[error("it has more than {MAX_ENTRIES} entries")]
    TooMany,
    /// It is no text.
    #[error("it is not UTF-8")]
    NotText,
    /// Its name says nothing about what it is.
    #[error("its name ends neither in {expected}")]
    Extension {
        /// The extensions that are known.
        expected: &'static str,
    },
    /// It breaks the rules of YAML.
    #[error("no YAML: {0}")]
    Yaml(String),
    /// It breaks the rules of JSON, or has other fields.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It breaks the rules of CSV.
    #[error("a line is an architecture, a comma and an accuracy")]
    Csv,
    /// A tag that is not on the list.
    #[error("the tag `{0}` is refused; nothing but lists, maps, texts and numbers is read")]
    Tag(String),
    /// An anchor or alias.
    #[error("anchors and aliases are refused")]
    Alias,
    /// A very long text.
    #[error("a text of {len} bytes is no path and no number")]
    LongText {
        /// Its length.
        len: usize,
    },
    /// More than one document.
    #[error("a second document begins")]
    SecondDocument,
    /// Something else than it should be.
    #[error("found {found}, expected {expected}")]
    Unexpected {
        /// What is there.
        found: String,
        /// What should be.
        expected: &'static str,
    },
    /// Infinite, or not a number at all.
    #[error("the number of `{key}` is not finite")]
    NotFinite {
        /// What it belongs to.
        key: String,
    },
    /// The same thing twice.
    #[error("`{key}` is there twice")]
    Twice {
        /// It, as it stands there the second time.
        key: String,
    },
    /// Nothing in it.
    #[error("it holds no {0}")]
    Empty(&'static str),
    /// A path does not fit its stage.
    #[error("`{key}` is no path of stage {stage} of {space}, which is {layers} digits")]
    StagePath {
        /// The path.
        key: String,
        /// The stage, counted from 0.
        stage: usize,
        /// The space.
        space: Space,
        /// Layers of that stage.
        layers: usize,
    },
    /// Too many or too few stages.
    #[error("it rates {found} stages, an architecture of {space} has {expected}")]
    Stages {
        /// Stages that are there.
        found: usize,
        /// Stages of the space.
        expected: usize,
        /// The space.
        space: Space,
    },
    /// The stages are those of no space that the architectures may be of.
    #[error("its stages are not those of {}, which `{key}` may be of", spaces(.fitting))]
    OtherStages {
        /// The first architecture.
        key: String,
        /// The spaces that it may be of.
        fitting: Vec<Space>,
    },
    /// Stage files are not numbered from 0 without gaps.
    #[error("stage {missing} is missing, though stage {present} is there")]
    Gap {
        /// The first that is missing.
        missing: usize,
        /// The last that is there.
        present: usize,
    },
    /// Two files of the same stage.
    #[error("`{}` and `{}` are both stage {stage}", names[0], names[1])]
    StageTwice {
        /// The stage.
        stage: usize,
        /// The files.
        names: [String; 2],
    },
    /// A file's name and its contents name different stages.
    #[error("its field `stage` is {field}, its name says {name}")]
    StageNumber {
        /// What is in it.
        field: usize,
        /// What its name says.
        name: usize,
    },
    /// Both kinds of stage files in one folder.
    #[error("it holds rank files (`{}`) and stages as JSON (`{}`)", names[0], names[1])]
    TwoForms {
        /// One of each.
        names: [String; 2],
    },
    /// The scores of one stage where all are needed.
    #[error("it rates the paths of one stage, not architectures")]
    OneStage,
    /// The field `order` contradicts the scores.
    #[error("its field `order` is not the order of its scores: {0}")]
    Order(String),
    /// A text that is no architecture of the space.
    #[error("`{key}` is no architecture of {space}: {error}")]
    Arch {
        /// The text.
        key: String,
        /// The space.
        space: Space,
        /// What is wrong with it; columns are counted with the space's name before it.
        error: Box<ParseError>,
    },
    /// A text that is no architecture of any space.
    #[error("`{key}` is no architecture of {}", spaces(&Space::PUBLISHED))]
    NoSpace {
        /// The text.
        key: String,
    },
    /// A space that is not known.
    #[error("its space is `{name}`, known are {}", spaces(&Space::PUBLISHED))]
    UnknownSpace {
        /// Its name.
        name: String,
    },
}

/// `hytra, mbconv or nats-c10`.
fn spaces(spaces: &[Space]) -> String {
    let names: Vec<&str> = spaces.iter().map(Space::name).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
