//! Strict reading of a registry: what is not understood is an error with its line.

mod raw;
mod reader;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use self::raw::{Head, RawRegistry};
use self::reader::{Mistake, Reader};
use crate::Embedded;
use crate::error::Problem;
use crate::registry::{Checkpoint, Contents};

/// The version that this program reads.
pub(crate) const SCHEMA: i64 = 1;

/// The largest number of checkpoints, of embedded weights, of models and of data sets.
const MAX_ENTRIES: usize = 1000;

/// Everything in the registry `text`.
pub(crate) fn contents(text: &str) -> Result<Contents, Mistake> {
    let reader = Reader { text };
    // The schema first, so that a newer registry is called that and not one with an unknown key.
    let head: Head = reader.toml()?;
    if *head.schema.get_ref() != SCHEMA {
        return Err(reader.at(&head.schema, Problem::Schema(*head.schema.get_ref())));
    }
    let raw: RawRegistry = reader.toml()?;
    reader.at_most(MAX_ENTRIES, "checkpoint", raw.checkpoints.iter().map(|raw| &raw.name))?;
    reader.at_most(MAX_ENTRIES, "embedded", raw.embedded.iter().map(|raw| &raw.name))?;
    reader.at_most(MAX_ENTRIES, "model", raw.models.iter().map(|raw| &raw.name))?;
    reader.at_most(MAX_ENTRIES, "data_set", raw.data_sets.iter().map(|raw| &raw.name))?;
    let mut names = HashMap::new();
    let mut files = HashMap::new();
    let mut checkpoints: Vec<Arc<Checkpoint>> = Vec::new();
    for raw in raw.checkpoints {
        reader.name(&raw.name, &mut names)?;
        let place = raw.url.clone();
        let checkpoint = reader.checkpoint(raw)?;
        // A mirror serves files under their names.
        reader.unique(&place, &checkpoint.file.name, &mut files)?;
        checkpoints.push(Arc::new(checkpoint));
    }
    let mut sets = HashSet::new();
    for raw in &raw.data_sets {
        sets.extend(raw.aliases.iter().chain([&raw.name]).map(|name| name.get_ref().to_ascii_lowercase()));
    }
    let mut names = HashMap::new();
    let mut embedded: Vec<Arc<Embedded>> = Vec::new();
    for raw in raw.embedded {
        reader.unique(&raw.name, raw.name.get_ref(), &mut names)?;
        embedded.push(Arc::new(reader.embedded(raw, &sets)?));
    }
    let mut names = HashMap::new();
    let mut models = Vec::new();
    for raw in raw.models {
        reader.name(&raw.name, &mut names)?;
        raw.aliases.iter().try_for_each(|alias| reader.name(alias, &mut names))?;
        models.push(reader.model(raw, &checkpoints, &embedded, &sets)?);
    }
    let mut data_sets = Vec::new();
    for raw in raw.data_sets {
        reader.name(&raw.name, &mut names)?;
        raw.aliases.iter().try_for_each(|alias| reader.name(alias, &mut names))?;
        data_sets.push(reader.data_set(raw)?);
    }
    Ok(Contents { checkpoints, embedded, models, data_sets })
}
