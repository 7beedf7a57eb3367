//! What was asked for: entries of the registry.

use bossnas_hub::{Checkpoint, DataSet, Embedded, Entry, Registry, RemoteFile};
use bossnas_model::arch::{Architecture, BossNet};
use bossnas_report::Failure;
use bossnas_zoo::fetch::{Content, Fetcher};

use super::Args;
use super::explain::explain;
use super::watch::BarWatch;
use crate::cli::context::Context;
use crate::cli::model;

/// One entry to fetch.
pub(super) enum Task<'r> {
    /// A checkpoint, the networks whose weights it holds, and the models of that name.
    Checkpoint(&'r Checkpoint, Vec<BossNet>, Vec<&'r str>),
    /// A data set.
    DataSet(&'r DataSet),
    /// Weights that are part of the program, and the models of that name.
    Embedded(&'r Embedded, Vec<&'r str>),
}

impl<'r> Task<'r> {
    /// All that was asked for, each once.
    pub(super) fn all(args: &Args, registry: &'r Registry) -> Result<Vec<Self>, Failure> {
        let mut entries: Vec<Entry<'r>> = Vec::new();
        for name in &args.names {
            let entry = registry.entry(name).ok_or_else(|| model::unknown_entry(registry, name, "list --data-sets"))?;
            entries.push(entry);
        }
        if args.all {
            entries.extend(registry.checkpoints().iter().map(|checkpoint| Entry::Checkpoint(checkpoint)));
        }
        if args.data_sets {
            let sets = registry.data_sets().iter().filter(|set| !set.layout.is_embedded());
            entries.extend(sets.map(Entry::DataSet));
        }
        let mut tasks: Vec<Self> = Vec::new();
        for entry in entries {
            let task = Self::new(registry, &entry);
            if !tasks.iter().any(|other| other.name() == task.name()) {
                tasks.push(task);
            }
        }
        if tasks.is_empty() { Err(nothing(registry)) } else { check(args, &tasks).map(|()| tasks) }
    }

    fn new(registry: &'r Registry, entry: &Entry<'r>) -> Self {
        match *entry {
            Entry::DataSet(set) => Self::DataSet(set),
            Entry::Embedded(embedded) => {
                let models = registry.models_of_embedded(&embedded.name).map(|model| model.name.as_str());
                Self::Embedded(embedded, models.collect())
            }
            Entry::Checkpoint(checkpoint) => {
                let models: Vec<_> = registry.models_of(&checkpoint.name).collect();
                let network = |arch: &Architecture| match arch {
                    Architecture::BossNet(net) => Some(net.clone()),
                    Architecture::Search(_) => None,
                };
                let networks = models.iter().filter_map(|model| network(&model.arch)).collect();
                Self::Checkpoint(checkpoint, networks, models.iter().map(|model| model.name.as_str()).collect())
            }
        }
    }

    /// Its name in the registry.
    pub(super) fn name(&self) -> &'r str {
        match self {
            Self::Checkpoint(checkpoint, ..) => &checkpoint.name,
            Self::DataSet(set) => &set.name,
            Self::Embedded(embedded, _) => &embedded.name,
        }
    }

    /// Whether there is nothing to fetch.
    pub(super) fn is_embedded(&self) -> bool {
        match self {
            Self::Checkpoint(..) => false,
            Self::DataSet(set) => set.layout.is_embedded(),
            Self::Embedded(..) => true,
        }
    }

    /// The files that belong to it.
    pub(super) fn files(&self) -> &'r [RemoteFile] {
        match self {
            Self::Checkpoint(checkpoint, ..) => std::slice::from_ref(&checkpoint.file),
            Self::DataSet(set) => &set.files,
            Self::Embedded(..) => &[],
        }
    }

    /// What its files should be.
    pub(super) fn content(&self) -> Content<'_> {
        match self {
            Self::Checkpoint(_, networks, _) => Content::Checkpoint(networks),
            Self::DataSet(set) if set.layout.is_archive() => Content::Archive,
            Self::DataSet(_) | Self::Embedded(..) => Content::Plain,
        }
    }
}

fn nothing(registry: &Registry) -> Failure {
    let models: Vec<&str> = registry.models().iter().map(|model| model.name.as_str()).collect();
    let sets: Vec<&str> = registry.data_sets().iter().map(|set| set.name.as_str()).collect();
    Failure::usage("nothing to fetch: no NAME, no --all and no --data-sets")
        .hint(format!("the models are {}", models.join(", ")))
        .hint(format!("the data sets are {}", sets.join(", ")))
}

fn check(args: &Args, tasks: &[Task<'_>]) -> Result<(), Failure> {
    if tasks.iter().all(Task::is_embedded) {
        let given = [
            (args.sha256.is_some(), "--sha256"),
            (args.from_file.is_some(), "--from-file"),
            (!args.mirror.is_empty(), "--mirror"),
            (args.force, "--force"),
            (args.retrust, "--retrust"),
        ];
        let given = given.into_iter().find_map(|(given, option)| given.then_some(option));
        return given.map_or(Ok(()), |option| {
            let name = tasks.first().map_or("", Task::name);
            Err(Failure::usage(format!("`{name}` is part of the program: there is no file for {option}")))
        });
    }
    let files: usize = tasks.iter().map(|task| task.files().len()).sum();
    if files == 1 {
        return Ok(());
    }
    if args.sha256.is_some() {
        return Err(Failure::usage(format!("--sha256 is the digest of one file, and {files} are to be fetched")));
    }
    match &args.from_file {
        Some(path) if !path.is_dir() => {
            Err(Failure::usage(format!("`{}` is one file, and {files} are to be fetched", path.display()))
                .hint("--from-file also takes a folder, in which files have the names that they have upstream"))
        }
        _ => Ok(()),
    }
}

/// Fetches the registry that an address names, and says so.
pub(super) fn fetch_registry(fetcher: &Fetcher, remote: &RemoteFile, context: &Context) -> Result<(), Failure> {
    let progress = context.console.progress();
    let watch = BarWatch::new(&progress, context.console, "registry");
    let outcome = fetcher.fetch(remote, Content::Registry, &watch).map_err(|error| explain(remote, error, 0))?;
    drop(watch);
    let record = &outcome.fetched.record;
    let first = if outcome.transfer.is_some_and(|transfer| transfer.is_first) { "trusted on first use, " } else { "" };
    context.console.note(format_args!("registry {}: {first}sha256 {}", record.url, record.sha256));
    Ok(())
}
