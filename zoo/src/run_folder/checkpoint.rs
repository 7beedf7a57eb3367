//! `checkpoint.json`: what a search was told, how far it is, and where its weights are.

use std::path::Path;

use bossnas_files::{Digest, ReadError, SourceFile};
use bossnas_model::graph::Orientation;
use bossnas_model::space::{Hytra, Space};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Problem, RunError, operations};

const NAME: &str = "checkpoint.json";
const SCHEMA: &str = "bossnas-train/checkpoint/1";
/// Larger files are not read.
const MAX_BYTES: u64 = 16 << 20;
/// Largest side of the images of a search.
const MAX_SIDE: usize = 4096;

/// What the last checkpoint of a search says.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The search space, with the widths, the attention and the depths of the search.
    pub space: Space,
    /// Height and width of the images it trains on.
    pub image_size: usize,
    /// Its rules, as they stand there.
    pub rules: Map<String, Value>,
    /// The stage that is trained, from 0.
    pub stage: usize,
    /// The epoch of that stage, from 0.
    pub epoch: u64,
    /// Batches done, over all stages.
    pub step: u64,
    /// The paths of the stages that are decided.
    pub best_paths: Vec<Vec<u8>>,
    /// Name of the file with the weights, which lies beside it.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Digest,
}

#[derive(Deserialize)]
struct Head {
    schema: String,
}

#[derive(Deserialize)]
struct Raw {
    file: String,
    bytes: u64,
    sha256: String,
    space: String,
    base: usize,
    image_size: usize,
    #[serde(default)]
    rules: Map<String, Value>,
    stage: usize,
    epoch: u64,
    step: u64,
    best_paths: Vec<String>,
    depths: Option<Vec<usize>>,
}

impl Checkpoint {
    /// Reads that of the run at `folder`.
    pub(super) fn read(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join(NAME);
        let file = SourceFile::open(&path).map_err(|error| match error {
            ReadError::Missing { .. } => RunError::NoCheckpoint(folder.to_owned()),
            error => error.into(),
        })?;
        let wrong = |problem: Problem| RunError::new(&path, problem);
        if file.len() > MAX_BYTES {
            return Err(wrong(Problem::TooLarge { len: file.len(), limit: MAX_BYTES }));
        }
        let bytes = file.read_at(0, file.len())?;
        parse(&bytes).map_err(wrong)
    }
}

fn parse(bytes: &[u8]) -> Result<Checkpoint, Problem> {
    let Head { schema } = serde_json::from_slice(bytes)?;
    if schema != SCHEMA {
        return Err(Problem::Schema { found: schema.chars().take(80).collect(), expected: SCHEMA });
    }
    let raw: Raw = serde_json::from_slice(bytes)?;
    let space = space(&raw)?;
    if !is_file_name(&raw.file) {
        return Err(Problem::FileName(raw.file.chars().take(80).collect()));
    }
    let sha256 = raw.sha256.parse().map_err(|_| Problem::Sha256(raw.sha256.chars().take(80).collect()))?;
    let within = |field, found: usize, low: usize, high: usize| {
        let expected = format!("{low} to {high}");
        if (low..=high).contains(&found) { Ok(found) } else { Err(Problem::Number { field, found, expected }) }
    };
    let stages = space.stages();
    within("number of best_paths", raw.best_paths.len(), 0, stages)?;
    Ok(Checkpoint {
        image_size: within("image_size", raw.image_size, 1, MAX_SIDE)?,
        // A search that is through may stand after its last stage.
        stage: within("stage", raw.stage, 0, stages)?,
        best_paths: best_paths(&space, &raw.best_paths)?,
        space,
        rules: raw.rules,
        epoch: raw.epoch,
        step: raw.step,
        file: raw.file,
        bytes: raw.bytes,
        sha256,
    })
}

fn space(raw: &Raw) -> Result<Space, Problem> {
    let space: Space = raw.space.parse().map_err(|_| Problem::UnknownSpace(raw.space.chars().take(80).collect()))?;
    let space = space.with_base(raw.base)?.with_orientation(attention(&raw.rules)?);
    let (Space::Hytra(hytra), Some(depths)) = (space, &raw.depths) else { return Ok(space) };
    built(space, hytra, depths)
}

/// The scales that stages have weights for: those of the published supernet, or more where the search has more. A stage that
/// was decided may use fewer.
fn built(space: Space, hytra: Hytra, depths: &[usize]) -> Result<Space, Problem> {
    let mut all = hytra.depths();
    if depths.len() != all.len() {
        let expected = all.len().to_string();
        return Err(Problem::Number { field: "number of depths", found: depths.len(), expected });
    }
    for (built, &depth) in all.iter_mut().zip(depths) {
        *built = depth.max(*built);
    }
    Ok(space.with_depths(all)?)
}

/// Which way round attention is, by its name or by that of the rules that have it so.
fn attention(rules: &Map<String, Value>) -> Result<Orientation, Problem> {
    let Some(value) = rules.get("attention") else { return Ok(Orientation::Standard) };
    match value.as_str() {
        Some("corrected") => Ok(Orientation::Standard),
        Some("published") => Ok(Orientation::Transposed),
        name => name
            .and_then(Orientation::from_name)
            .ok_or_else(|| Problem::Attention(value.to_string().chars().take(80).collect())),
    }
}

fn best_paths(space: &Space, texts: &[String]) -> Result<Vec<Vec<u8>>, Problem> {
    let mut before = None;
    let mut paths = Vec::new();
    for (stage, text) in texts.iter().enumerate() {
        let path = operations(text).ok_or_else(|| Problem::NoPath { text: text.clone(), stage })?;
        space.check_path(stage, before, &path).map_err(|error| Problem::Path { path: super::digits(&path), error })?;
        before = path.last().copied();
        paths.push(path);
    }
    Ok(paths)
}

/// `checkpoint-00001200.safetensors`, and nothing that leads to another folder.
fn is_file_name(name: &str) -> bool {
    let digits = name.strip_prefix("checkpoint-").and_then(|rest| rest.strip_suffix(".safetensors"));
    digits.is_some_and(|digits| (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))
}
