//! What a command takes that was given no MODEL: every model that was fetched, else those that are part of the program.

use bossnas_hub::{Model, Registry};
use bossnas_report::{Console, Failure};
use serde::Serialize;

use super::context::Context;
use super::stored::Stored;

/// The models of the registry that there are weights for; the person is told which. An error that tells how to fetch one if
/// there are none: the registry is another one, and nothing of it was fetched.
pub(crate) fn all<'r>(to_do: &str, registry: &'r Registry, console: Console) -> anyhow::Result<Vec<&'r Model>> {
    let mut fetched = Vec::new();
    for model in registry.models() {
        if Stored::of_model(model)?.is_some() {
            fetched.push(model);
        }
    }
    let (models, note) = if fetched.is_empty() {
        let embedded = registry.models().iter().filter(|model| model.embedded().is_some());
        (embedded.collect(), "no MODEL was given and none was fetched; this one is part of the program:")
    } else {
        (fetched, "no MODEL was given; this is what was fetched:")
    };
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    if names.is_empty() {
        let message = format!("nothing to {to_do}: no MODEL, and no model was fetched");
        let first = registry.models().first().map_or("NAME", |model| model.name.as_str());
        return Err(Failure::usage(message)
            .hint(format!("`bossnas-zoo fetch {first}` brings one, `bossnas-zoo list` has the names"))
            .into());
    }
    console.note(format_args!("{note} {}", names.join(", ")));
    Ok(models)
}

/// MODEL, or the names of the models to take without it.
pub(crate) fn names(model: Option<&str>, to_do: &str, context: &Context) -> anyhow::Result<Vec<String>> {
    if let Some(model) = model {
        return Ok(vec![model.to_owned()]);
    }
    let registry = context.registry()?;
    Ok(all(to_do, &registry, context.console)?.into_iter().map(|model| model.name.clone()).collect())
}

/// An option that writes one file is refused for several models.
pub(crate) fn only_one(names: &[String], option: &str, is_given: bool) -> Result<(), Failure> {
    if !is_given || names.len() == 1 {
        return Ok(());
    }
    Err(Failure::usage(format!("{option} is for one model, and there are {}: {}", names.len(), names.join(", ")))
        .hint("name the one that is meant"))
}

/// What a command has to say of one model, and why it fails nevertheless.
pub(crate) struct Answer<D> {
    pub(crate) document: D,
    pub(crate) failure: Option<anyhow::Error>,
}

impl<D> From<D> for Answer<D> {
    fn from(document: D) -> Self {
        Self { document, failure: None }
    }
}

/// How answers are printed.
pub(crate) struct Printed<'a> {
    /// The command, for the schema of JSON.
    pub(crate) command: &'a str,
    pub(crate) json: bool,
    /// Whether a MODEL was given: then its document is the answer, else a list of them.
    pub(crate) is_given: bool,
}

#[derive(Serialize)]
struct Documents<D> {
    models: Vec<D>,
}

/// Asks `one` about each model, prints what it says, and fails with the first failure that comes with an answer, after the last
/// model. A model without an answer ends it.
pub(crate) fn each<D: Serialize>(
    names: &[String],
    how: &Printed<'_>,
    context: &Context,
    mut one: impl FnMut(&str) -> anyhow::Result<Answer<D>>,
    print: impl Fn(&D) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut documents = Vec::new();
    let mut first = None;
    for (index, name) in names.iter().enumerate() {
        let Answer { document, failure } = one(name)?;
        if !how.json {
            if index > 0 {
                context.console.line("")?;
            }
            print(&document)?;
        }
        documents.push(document);
        first = first.or(failure);
    }
    if how.json {
        match documents.pop() {
            Some(only) if how.is_given => context.console.json(how.command, &only)?,
            last => {
                documents.extend(last);
                context.console.json(how.command, &Documents { models: documents })?;
            }
        }
    }
    first.map_or(Ok(()), Err)
}
