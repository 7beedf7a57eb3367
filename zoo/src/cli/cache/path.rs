//! `cache path`: where something is.

use std::path::PathBuf;

use bossnas_converter::checkpoint::Choice;
use bossnas_hub::cache::{Cache, Lock, Trust};
use bossnas_hub::{Checkpoint, DataSet, Entry};
use bossnas_report::Failure;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::model;
use crate::cli::state_dict::StateDictArg;
use crate::cli::stored::Stored;

/// Print where the cache, or something in it, is
///
/// Of a model or checkpoint it is the file with its weights as safetensors, of a data set the folder in which it is unpacked.
/// Nothing is printed unless it is there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo cache path
  bossnas-zoo cache path BossNet-T0
  bossnas-zoo cache path BossNet-T0 --state-dict model
  bossnas-zoo cache path BossNet-T0 --original
  tar -tf \"$(bossnas-zoo cache path CIFAR-10 --original)\"")]
pub(crate) struct Args {
    /// Model, checkpoint or data set from `bossnas-zoo list`; without it the cache's own folder
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Which weights of a training checkpoint
    #[arg(
        long,
        value_name = "WHICH",
        help = "Which weights of a training checkpoint; without it those that the registry prefers",
        requires = "name"
    )]
    state_dict: Option<StateDictArg>,
    /// The files as they came
    #[arg(long, conflicts_with = "state_dict", requires = "name")]
    original: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    name: Option<String>,
    paths: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let cache = Cache::of_user()?;
    let (name, paths) = match &args.name {
        None => (None, vec![cache.root().to_owned()]),
        Some(name) => {
            let registry = context.registry()?;
            let lock = cache.lock()?;
            let look = Look { args, cache: &cache, lock: &lock, asked: name };
            let (name, paths, trust) =
                match registry.entry(name).ok_or_else(|| model::unknown_entry(&registry, name, "cache ls"))? {
                    Entry::Checkpoint(checkpoint) => look.checkpoint(checkpoint)?,
                    Entry::DataSet(set) if set.layout.is_embedded() => {
                        return Err(embedded(&set.name, "`bossnas-zoo eval --data digits` uses it").into());
                    }
                    Entry::Embedded(weights) => {
                        let hint =
                            format!("`bossnas-zoo export {name}` writes its ONNX file, with --safetensors its weights");
                        return Err(embedded(&weights.name, &hint).into());
                    }
                    Entry::DataSet(set) => look.data_set(set)?,
                };
            if trust == Trust::Unconfirmed {
                context.console.warn(format_args!("{name}: {}", trust.explain()));
            }
            (Some(name), paths)
        }
    };
    if args.json {
        return context.console.json("cache-path", &Document { name, paths });
    }
    // As they are, not escaped: another program shall open them.
    paths.iter().try_for_each(|path| context.console.line(path.display()))
}

/// What is part of the program is in no folder.
fn embedded(name: &str, hint: &str) -> Failure {
    Failure::failed(format!("`{name}` is part of the program, not in the cache")).hint(hint)
}

struct Look<'a> {
    args: &'a Args,
    cache: &'a Cache,
    lock: &'a Lock,
    asked: &'a str,
}

type Place = (String, Vec<PathBuf>, Trust);

impl Look<'_> {
    fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<Place, Failure> {
        let name = checkpoint.name.clone();
        if self.args.original {
            let fetched = self.cache.fetched(self.lock, &checkpoint.file).ok_or_else(|| self.not_fetched())?;
            let trust = fetched.trust();
            return Ok((name, vec![fetched.path], trust));
        }
        let stored = Stored::of_checkpoint(checkpoint, self.cache, self.lock).ok_or_else(|| self.not_fetched())?;
        let choice = self.args.state_dict.map_or(Choice::Auto, Choice::from);
        Ok((name, vec![stored.weights(choice)?], stored.trust()))
    }

    fn data_set(&self, set: &DataSet) -> Result<Place, Failure> {
        if self.args.state_dict.is_some() {
            return Err(Failure::usage(format!("`{}` is a data set: it has no state dict", set.name)));
        }
        let (files, folder) = if self.args.original {
            let files = set.files.iter().map(|file| self.cache.fetched(self.lock, file));
            (files.collect::<Option<Vec<_>>>().ok_or_else(|| self.not_fetched())?, None)
        } else {
            let fetched = self.cache.fetched_data_set(self.lock, set).ok_or_else(|| self.not_fetched())?;
            (fetched.files, Some(fetched.folder))
        };
        let unconfirmed = files.iter().any(|file| file.trust() == Trust::Unconfirmed);
        let trust = if unconfirmed { Trust::Unconfirmed } else { Trust::FirstUse };
        let paths = folder.map_or_else(|| files.into_iter().map(|file| file.path).collect(), |folder| vec![folder]);
        Ok((set.name.clone(), paths, trust))
    }

    fn not_fetched(&self) -> Failure {
        Failure::failed(format!("`{}` is not in the cache", self.asked))
            .hint(format!("`bossnas-zoo fetch {}` brings it", self.asked))
    }
}
