//! Looks at everything. Nothing stops at the first problem.

use std::io::Write;
use std::path::Path;
use std::thread;

use bossnas_files::{AtomicFile, WriteError};
use bossnas_hub::Registry;
use bossnas_hub::cache::{Cache, Inventory, Kind, LeftoverKind, PartialDownload, State, StoredEntry};
use bossnas_zoo::fetch::free;
use bossnas_zoo::runtime::{Runtime, RuntimeError, Works, probe};

use super::environment;
use super::report::{CacheReport, EntryReport, PartialReport, Problem, RegistryReport, Report, RuntimeReport};
use crate::cli::cache::LOCK_HINT;
use crate::cli::context::Context;

pub(super) fn examine(context: &Context) -> Report {
    let mut problems = Vec::new();
    let registry = match context.registry() {
        Ok(registry) => Some(registry),
        Err(failure) => {
            let hint = failure.hints().join("; ");
            problems.push(Problem { broken: true, message: failure.to_string(), hint });
            None
        }
    };
    let cache = match Cache::of_user() {
        Ok(cache) => Some(cache),
        Err(error) => {
            problems.push(broken(&error, "name a folder with $BOSSNAS_HOME"));
            None
        }
    };
    let inventory = cache.as_ref().and_then(|cache| look(cache, registry.as_ref(), &mut problems));
    let cache = cache.map(|cache| cache_report(&cache, inventory.as_ref(), &mut problems));
    let entries = entries(registry.as_ref(), inventory.as_ref(), &mut problems);
    let partials = inventory.iter().flat_map(|inventory| &inventory.partials).map(partial).collect();
    let certificates = environment::certificates(&mut problems);
    let environment = environment::variables(&mut problems);
    Report {
        usable: !problems.iter().any(|problem| problem.broken),
        versions: environment::versions(),
        runtimes: runtimes(),
        registry: registry.map(|registry| RegistryReport {
            origin: registry.origin().to_owned(),
            models: registry.models().len(),
            checkpoints: registry.checkpoints().len(),
            data_sets: registry.data_sets().len(),
            built_in: built_in(&registry),
        }),
        cache,
        entries,
        partials,
        certificates,
        proxies: environment::proxies(),
        environment,
        terminal: environment::terminal(context),
        problems,
    }
}

/// Names of the models and data sets that are part of the program.
fn built_in(registry: &Registry) -> Vec<String> {
    let models = registry.models().iter().filter(|model| model.embedded().is_some()).map(|model| &model.name);
    let sets = registry.data_sets().iter().filter(|set| set.layout.is_embedded()).map(|set| &set.name);
    models.chain(sets).cloned().collect()
}

/// Tries them all at once, each in a process of its own.
fn runtimes() -> Vec<RuntimeReport> {
    thread::scope(|scope| {
        let tried: Vec<_> = Runtime::all().map(|runtime| (runtime, scope.spawn(move || probe(runtime)))).collect();
        tried.into_iter().map(|(runtime, thread)| RuntimeReport::of(runtime, thread.join())).collect()
    })
}

impl RuntimeReport {
    fn of(runtime: Runtime, tried: thread::Result<Result<Works, RuntimeError>>) -> Self {
        let name = runtime.name();
        match tried {
            Ok(Ok(Works { build, library })) => {
                let library = library.map(|library| library.path);
                Self { name, works: true, library, build, reason: None, hint: None }
            }
            Ok(Err(error)) => {
                let hint = (!error.hints.is_empty()).then(|| error.hints.join("; "));
                Self { name, works: false, library: None, build: None, reason: Some(error.message), hint }
            }
            Err(_) => {
                let reason = Some("trying it failed in a way that was not foreseen".to_owned());
                Self { name, works: false, library: None, build: None, reason, hint: None }
            }
        }
    }
}

fn broken(error: &dyn std::error::Error, hint: &str) -> Problem {
    Problem { broken: true, message: error.to_string(), hint: hint.to_owned() }
}

fn look(cache: &Cache, registry: Option<&Registry>, problems: &mut Vec<Problem>) -> Option<Inventory> {
    match cache.inventory(registry) {
        Ok(inventory) => {
            if let Some(problem) = &inventory.lock_problem {
                problems.push(Problem { broken: true, message: problem.clone(), hint: LOCK_HINT.to_owned() });
            }
            Some(inventory)
        }
        Err(error) => {
            problems.push(broken(&error, "see to the permissions of that folder, or name another with $BOSSNAS_HOME"));
            None
        }
    }
}

fn cache_report(cache: &Cache, inventory: Option<&Inventory>, problems: &mut Vec<Problem>) -> CacheReport {
    let written = write_into(cache.root());
    if let Err(error) = &written {
        let message = format!("the cache cannot be written: {error}");
        let hint = "see to the permissions of that folder, or name another with $BOSSNAS_HOME".to_owned();
        problems.push(Problem { broken: true, message, hint });
    }
    let ours =
        |inventory: &Inventory| inventory.leftovers.iter().filter(|left| left.kind != LeftoverKind::Strange).count();
    CacheReport {
        folder: cache.root().to_owned(),
        from_environment: std::env::var_os("BOSSNAS_HOME").is_some_and(|home| !home.is_empty()),
        exists: cache.root().exists(),
        writable: written.is_ok(),
        free_bytes: free(cache.root()),
        used_bytes: inventory.map(|inventory| inventory.bytes),
        leftovers: inventory.map_or(0, ours),
    }
}

/// Writes a scratch file that is never put in its place: into the folder, or where it would be made.
fn write_into(folder: &Path) -> Result<(), WriteError> {
    // What is there and no folder is not looked past.
    let there = folder.ancestors().find(|ancestor| ancestor.symlink_metadata().is_ok()).unwrap_or(folder);
    let path = there.join("doctor");
    let mut file = AtomicFile::create(&path)?;
    file.write_all(b"a scratch file of bossnas-zoo doctor\n").map_err(|error| WriteError::from_io(&path, error))?;
    file.sync()
}

/// Everything that the registry has and the cache has; what is there and cannot be used is a problem.
fn entries(
    registry: Option<&Registry>,
    inventory: Option<&Inventory>,
    problems: &mut Vec<Problem>,
) -> Vec<EntryReport> {
    let stored = inventory.map(|inventory| inventory.entries.as_slice()).unwrap_or_default();
    let mut reports: Vec<EntryReport> = Vec::new();
    let mut missing = |name: &str, kind: Kind, models: Vec<String>| {
        if !stored.iter().any(|entry| entry.kind == kind && entry.name == name) {
            let command = Some(format!("bossnas-zoo fetch {}", models.first().map_or(name, String::as_str)));
            reports.push(EntryReport {
                name: name.to_owned(),
                kind: kind.name(),
                state: "not fetched",
                models,
                command,
            });
        }
    };
    for checkpoint in registry.map(Registry::checkpoints).unwrap_or_default() {
        let models = registry.iter().flat_map(|registry| registry.models_of(&checkpoint.name));
        missing(&checkpoint.name, Kind::Checkpoint, models.map(|model| model.name.clone()).collect());
    }
    let sets = registry.map(Registry::data_sets).unwrap_or_default();
    for set in sets.iter().filter(|set| !set.layout.is_embedded()) {
        missing(&set.name, Kind::DataSet, Vec::new());
    }
    stored.iter().map(|entry| stored_entry(entry, problems)).chain(reports).collect()
}

fn stored_entry(entry: &StoredEntry, problems: &mut Vec<Problem>) -> EntryReport {
    let name = entry.models.first().unwrap_or(&entry.name);
    let command = match (entry.state, entry.kind) {
        (State::Present, _) | (_, Kind::Other) => None,
        (_, Kind::Registry) => Some(format!("bossnas-zoo fetch --registry {}", entry.name)),
        (State::Damaged, _) => Some(format!("bossnas-zoo fetch {name} --force")),
        (State::Incomplete | State::Outdated | State::Recorded, _) => Some(format!("bossnas-zoo fetch {name}")),
    };
    if matches!(entry.state, State::Damaged | State::Incomplete | State::Outdated) {
        let hint = command.as_ref().map_or_else(
            || format!("`bossnas-zoo cache rm {}` removes it", entry.name),
            |command| format!("`{command}` brings what is missing"),
        );
        let message = format!("{} in the cache is {}", entry.name, entry.state.name());
        problems.push(Problem { broken: false, message, hint });
    }
    EntryReport {
        name: entry.name.clone(),
        kind: entry.kind.name(),
        state: entry.state.name(),
        models: entry.models.clone(),
        command,
    }
}

fn partial(partial: &PartialDownload) -> PartialReport {
    let command = partial.entry.as_ref().map(|entry| format!("bossnas-zoo fetch {entry}"));
    PartialReport {
        name: partial.name.clone(),
        bytes: partial.bytes,
        expected_bytes: partial.expected,
        abandoned: partial.is_abandoned(),
        command: command.filter(|_| partial.is_abandoned()),
    }
}
