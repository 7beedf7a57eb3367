//! MODEL arguments.

use bossnas_hub::{Model, Registry, ResolveError, Resolved, resolve};
use bossnas_model::arch::{Architecture, BossNet};
use bossnas_report::Failure;

/// What `text` is; a MODEL that is nothing is wrong usage, with what was perhaps meant.
pub(crate) fn find<'r>(registry: &'r Registry, text: &str) -> Result<Resolved<'r>, Failure> {
    resolve(registry, text).map_err(|error| explain(registry, &error))
}

/// Names of the models in `registry` that are one of `networks`.
pub(crate) fn names_of(registry: &Registry, networks: &[BossNet]) -> Vec<String> {
    let is = |model: &&Model| networks.iter().any(|net| model.arch == Architecture::BossNet(net.clone()));
    registry.models().iter().filter(is).map(|model| model.name.clone()).collect()
}

fn explain(registry: &Registry, error: &ResolveError) -> Failure {
    let did_you_mean = |failure: Failure, near: &[String]| match near {
        [] => failure,
        near => failure.hint(format!("did you mean {}?", alternatives(near))),
    };
    match error {
        ResolveError::NoSuchFile(_) => Failure::failed(error.to_string())
            .hint("MODEL is an existing file, a name from `bossnas-zoo list`, or an architecture"),
        ResolveError::NotAFile(_) => Failure::failed(error.to_string()),
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

fn alternatives(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
