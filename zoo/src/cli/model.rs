//! MODEL arguments.

use bossnas_hub::{Model, Registry, ResolveError, Resolved, resolve};
use bossnas_model::arch::{Architecture, BossNet};
use bossnas_report::Failure;

use super::size::Size;

/// What `text` is; a MODEL that is nothing is wrong usage, with what was perhaps meant.
pub(crate) fn find<'r>(registry: &'r Registry, text: &str) -> Result<Resolved<'r>, Failure> {
    resolve(registry, text).map_err(|error| explain(registry, &error))
}

/// Names of the models in `registry` that are one of `networks`.
pub(crate) fn names_of(registry: &Registry, networks: &[Architecture]) -> Vec<String> {
    let is = |model: &&Model| networks.contains(&model.arch);
    registry.models().iter().filter(is).map(|model| model.name.clone()).collect()
}

/// The published model in `registry` that is `net`, at its first size.
pub(crate) fn of_network<'r>(registry: &'r Registry, net: &BossNet) -> Option<&'r Model> {
    of_architecture(registry, &Architecture::BossNet(net.clone()))
}

/// The published model in `registry` that is `net`, at its first size. A network that is part of the program has a name for its own
/// weights alone.
pub(crate) fn of_architecture<'r>(registry: &'r Registry, net: &Architecture) -> Option<&'r Model> {
    registry.models().iter().find(|model| model.arch == *net && model.embedded().is_none())
}

/// A network needs an input that leaves at least one whole pixel of its last map.
pub(crate) fn check_size(net: &Architecture, name: &str, size: Size) -> Result<(), Failure> {
    let stride = net.total_stride();
    if size.height >= stride && size.width >= stride {
        return Ok(());
    }
    let message = format!("{size} is too small for {name}: its strides make one pixel of every {stride}x{stride}");
    Err(Failure::usage(message).hint(format!("--size {stride} or more")))
}

fn explain(registry: &Registry, error: &ResolveError) -> Failure {
    let did_you_mean = |failure: Failure, near: &[String]| match near {
        [] => failure,
        near => failure.hint(format!("did you mean {}?", alternatives(near))),
    };
    match error {
        ResolveError::NoSuchFile(_) => Failure::failed(error.to_string())
            .hint("MODEL is an existing file or run folder, a name from `bossnas-zoo list`, or an architecture"),
        ResolveError::NotAFile(_) => Failure::failed(error.to_string())
            .hint("a run folder is what `bossnas-train search` writes: it holds config.toml and checkpoint.json"),
        ResolveError::Architecture { error: position, near } => {
            did_you_mean(Failure::usage(error.to_string()).detail(position.caret()), near)
        }
        ResolveError::Unknown { near, .. } if near.is_empty() => {
            let names: Vec<&str> = registry.models().iter().map(|model| model.name.as_str()).collect();
            Failure::usage(error.to_string()).hint(format!("the models are {}", names.join(", "))).hint(
                "a MODEL may also be an existing file or an architecture such as bossnet:1/1/11101/000100000+silu+se",
            )
        }
        ResolveError::Unknown { near, .. } => did_you_mean(Failure::usage(error.to_string()), near),
    }
}

/// A name that no model and no data set has; `shows` is the command that shows names beside `list`.
pub(crate) fn unknown_entry(registry: &Registry, name: &str, shows: &str) -> Failure {
    let failure = Failure::usage(format!("there is no model and no data set `{name}`"));
    match registry.nearest_entries(name).as_slice() {
        [] => failure.hint(format!("`bossnas-zoo list` and `bossnas-zoo {shows}` show what there is")),
        near => failure.hint(format!("did you mean {}?", alternatives(near))),
    }
}

/// `a`, `b` or `c`.
pub(crate) fn alternatives(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
