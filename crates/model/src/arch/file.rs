//! `arch.json`: an architecture with where it comes from, as a search writes it.
//!
//! ```json
//! {
//!   "schema": "bossnas-zoo/arch/1",
//!   "arch": "hytra:5433/3230/0010/0000",
//!   "space": "hytra",
//!   "path": [[5, 4, 3, 3], [3, 2, 3, 0], [0, 0, 1, 0], [0, 0, 0, 0]],
//!   "scores": {"stage 1": -3.62},
//!   "provenance": {"seed": 1}
//! }
//! ```
//!
//! `arch` is what counts. `space` and `path` say the same for programs that do not read the text form; a file in which
//! they differ is refused. `scores` and `provenance` may be missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Architecture, ParseError};

const SCHEMA: &str = "bossnas-zoo/arch/1";

/// The contents of an `arch.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct ArchFile {
    /// The architecture.
    pub arch: Architecture,
    /// Named scores, such as the loss of each stage.
    pub scores: BTreeMap<String, f64>,
    /// Whatever the writer wants to keep about how it was found.
    pub provenance: Option<Map<String, Value>>,
}

/// Why a file is no `arch.json`.
#[derive(Debug, thiserror::Error)]
pub enum ArchFileError {
    /// No JSON, or the wrong fields.
    #[error("not an arch.json: {0}")]
    Json(#[from] serde_json::Error),
    /// Another kind of document, or a newer version.
    #[error("its schema is `{}`, expected `{SCHEMA}`", .0.escape_debug())]
    Schema(String),
    /// The text form is wrong.
    #[error("its architecture is wrong at {0}")]
    Arch(#[from] ParseError),
    /// Two fields say different things.
    #[error("its `{field}` says another thing than its `arch`, {arch}")]
    Contradiction {
        /// `space` or `path`.
        field: &'static str,
        /// What `arch` says, in canonical form.
        arch: String,
    },
    /// A score is infinite or no number, which JSON cannot say.
    #[error("the score `{}` is {value}, which JSON cannot hold", .name.escape_debug())]
    Score {
        /// Name of the score.
        name: String,
        /// Its value.
        value: f64,
    },
}

#[derive(Deserialize)]
struct Head {
    schema: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "schema")]
    _schema: String,
    arch: String,
    space: String,
    path: Vec<Vec<u8>>,
    #[serde(default)]
    scores: BTreeMap<String, f64>,
    provenance: Option<Map<String, Value>>,
}

impl ArchFile {
    /// Only the architecture.
    pub fn new(arch: Architecture) -> Self {
        Self { arch, scores: BTreeMap::new(), provenance: None }
    }

    /// Reads the text of a file. The caller limits its size.
    pub fn from_json(json: &str) -> Result<Self, ArchFileError> {
        // The schema first, so that a newer version is called that and not a file with an unknown field.
        let Head { schema } = serde_json::from_str(json)?;
        if schema != SCHEMA {
            return Err(ArchFileError::Schema(schema.chars().take(80).collect()));
        }
        let raw: Raw = serde_json::from_str(json)?;
        let arch: Architecture = raw.arch.parse()?;
        let contradiction = |field| ArchFileError::Contradiction { field, arch: arch.to_string() };
        if raw.space != arch.space() {
            return Err(contradiction("space"));
        }
        if raw.path != arch.stages() {
            return Err(contradiction("path"));
        }
        Ok(Self { arch, scores: raw.scores, provenance: raw.provenance })
    }

    /// The text of a file, with a line break at the end. Fails only on a score that is infinite or no number.
    pub fn to_json(&self) -> Result<String, ArchFileError> {
        if let Some((name, &value)) = self.scores.iter().find(|(_, score)| !score.is_finite()) {
            return Err(ArchFileError::Score { name: name.clone(), value });
        }
        // Field by field, so that the path stays on one line.
        let mut fields = vec![
            ("schema", serde_json::to_string(SCHEMA)?),
            ("arch", serde_json::to_string(&self.arch.to_string())?),
            ("space", serde_json::to_string(self.arch.space())?),
            ("path", serde_json::to_string(&self.arch.stages())?.replace(',', ", ")),
        ];
        if !self.scores.is_empty() {
            fields.push(("scores", nested(&self.scores)?));
        }
        if let Some(provenance) = &self.provenance {
            fields.push(("provenance", nested(provenance)?));
        }
        let fields: Vec<String> = fields.iter().map(|(key, value)| format!("  \"{key}\": {value}")).collect();
        Ok(format!("{{\n{}\n}}\n", fields.join(",\n")))
    }
}

/// An object as the value of a field of the outermost one.
fn nested<T: Serialize>(object: &T) -> Result<String, serde_json::Error> {
    // Line breaks within texts are escaped, so every one here is between two parts.
    Ok(serde_json::to_string_pretty(object)?.replace('\n', "\n  "))
}
