//! Everything that can be wrong with a registry.

use std::ops::RangeInclusive;

use bossnas_files::ReadError;
use bossnas_model::arch::ParseError;

use crate::Embedded;

/// Why a registry cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file cannot be read.
    #[error("cannot use the registry: {0}")]
    Read(#[from] ReadError),
    /// The file is far larger than any registry.
    #[error("the registry `{origin}` has {bytes} bytes, more than the {limit} that a registry may have")]
    TooLarge {
        /// Where it came from.
        origin: String,
        /// Its size.
        bytes: u64,
        /// The largest size.
        limit: u64,
    },
    /// It says something that it must not.
    #[error("the registry `{origin}` is wrong in line {line}: {problem}")]
    Invalid {
        /// Where it came from.
        origin: String,
        /// Line of the mistake, counted from 1.
        line: usize,
        /// The mistake.
        #[source]
        problem: Box<Problem>,
    },
}

/// The mistakes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No TOML, an unknown or missing key, or a value of the wrong type.
    #[error("{0}")]
    Toml(String),
    /// Made for another version.
    #[error("its schema is {0}, expected {expected}", expected = crate::parse::SCHEMA)]
    Schema(i64),
    /// A name that nobody could type or that looks like something else.
    #[error("`{}` is no name: 1 to 64 printable ASCII characters without `:` and `\\`, no blank at the ends", .0.escape_debug())]
    Name(String),
    /// A name or alias that is there already, perhaps in another case.
    #[error("`{name}` is there already, in line {first_line}")]
    Duplicate {
        /// The second one.
        name: String,
        /// Line of the first one.
        first_line: usize,
    },
    /// A name that is not the same on every system.
    #[error("`{}` is no file name: 1 to 128 letters, digits, `.`, `_` or `-`, no dot at the ends", .0.escape_debug())]
    FileName(String),
    /// One entry more than a registry may have.
    #[error("more than {limit} times [[{section}]], the most that a registry may have")]
    TooMany {
        /// The section that there are too many of.
        section: &'static str,
        /// The largest number of them.
        limit: usize,
    },
    /// A layout that is not known.
    #[error("`{}` is no layout, expected cifar10, cifar100, rank-files or digits", .0.escape_debug())]
    Layout(String),
    /// More or fewer files than the layout has.
    #[error("a data set of layout {layout} with {count} files, expected {}", range(expected))]
    Files {
        /// The layout.
        layout: &'static str,
        /// How many files there are.
        count: usize,
        /// How many there may be.
        expected: RangeInclusive<usize>,
    },
    /// An address that is not a plain https one.
    #[error("`{}` is no address of a file: {why}", url.escape_debug())]
    Url {
        /// The address.
        url: String,
        /// What is wrong.
        why: &'static str,
    },
    /// An architecture that does not parse.
    #[error("the architecture `{}` is wrong at {error}", arch.escape_debug())]
    Arch {
        /// The text.
        arch: String,
        /// Where and why.
        error: ParseError,
    },
    /// A digest that is none.
    #[error("`{}` is no SHA-256 digest of 64 hexadecimal digits", .0.escape_debug())]
    Hash(String),
    /// A state dict that no checkpoint has.
    #[error("`{}` is no state dict, expected auto, model_ema or model", .0.escape_debug())]
    StateDict(String),
    /// A number outside its range.
    #[error("`{key}` is {value}, expected {expected}")]
    Number {
        /// The key.
        key: &'static str,
        /// The number.
        value: String,
        /// The range.
        expected: &'static str,
    },
    /// A checkpoint that is not listed.
    #[error("there is no checkpoint `{}`", .0.escape_debug())]
    NoCheckpoint(String),
    /// Embedded weights that are not listed.
    #[error("there is no [[embedded]] `{}`", .0.escape_debug())]
    NoEmbedded(String),
    /// Embedded weights that the program does not have.
    #[error("`{}` is no part of this program, which has {}", .0.escape_debug(), Embedded::names().collect::<Vec<_>>().join(", "))]
    NotCompiledIn(String),
    /// A data set that is not listed.
    #[error("there is no data set `{}`", .0.escape_debug())]
    NoDataSet(String),
    /// A model with no weights, or with two.
    #[error("the model `{}` has {} `checkpoint` {} `embedded`, expected one of them", model.escape_debug(),
            if *both { "both" } else { "neither" }, if *both { "and" } else { "nor" })]
    Weights {
        /// The model.
        model: String,
        /// Whether it has both.
        both: bool,
    },
    /// More or fewer names than the architecture has classes.
    #[error("{count} names for the {classes} classes of the architecture")]
    Classes {
        /// How many names there are.
        count: usize,
        /// How many there should be.
        classes: usize,
    },
}

/// `1 to 1000`, or `1`.
fn range(range: &RangeInclusive<usize>) -> String {
    let (first, last) = (range.start(), range.end());
    if first == last { first.to_string() } else { format!("{first} to {last}") }
}
