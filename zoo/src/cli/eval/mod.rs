//! `eval`: how often a classifier is right.

pub(super) mod data;
pub(super) mod report;

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bossnas_data::classes::ClassesError;
use bossnas_data::dataset::{Layout, Split};
use bossnas_data::loader::LoaderOptions;
use bossnas_report::{Counted, Failure};
use bossnas_zoo::eval::{EvalError, Job, Outcome, evaluate, streams};
use bossnas_zoo::runtime::Load;
use bossnas_zoo::tune::Goal;
use clap::ValueEnum;

use self::data::Data;
use self::report::Document;
use super::classifier::{Classifier, ClassifierArgs};
use super::context::Context;
use super::default_models::{self, Printed};
use super::model_file::{self, ModelFile};
use super::runtime::{Chosen, RuntimeArgs};

/// Images at a time where the file takes any number.
const BATCH: u16 = 8;

/// Count how often a classifier is right
///
/// DATA is a folder with a folder for each class, a text file with `path label` on each line, a folder of CIFAR batches, the name
/// of a data set that was fetched, or `digits`: handwritten digits that are part of the program, of which every fifth is held out
/// for evaluations. Every image counts once; one that cannot be read is named and left out. Shares
/// have 95 % intervals (Wilson). Images are decoded ahead on all cores; on processors each thread runs a batch of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo eval --data digits
  bossnas-zoo eval BossNet-T0 --data imagenet/val
  bossnas-zoo eval BossNet-T0 --data imagenet/val --provider cuda --batch 64 --csv predictions.csv
  bossnas-zoo eval cifar.onnx --data CIFAR-10 --limit 1000 --json
  bossnas-zoo eval foreign.onnx --data photos.txt --size 224 --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5")]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(crate) struct Args {
    /// A name from `bossnas-zoo list`, or an ONNX file [default: every model that was fetched, else BossNet-Digits]
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    /// The images
    #[arg(long, value_name = "DATA")]
    data: String,
    /// Which part of a data set that has several
    #[arg(long, value_name = "test|train", default_value = "test", hide_possible_values = true)]
    split: SplitArg,
    /// Images at a time, of each thread [default: 8, or what the file insists on]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: Option<u16>,
    /// Only so many images, spread evenly over the data
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Threads that read and decode [default: all processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Turn images as their EXIF orientation says, which the published weights never saw
    #[arg(long)]
    exif: bool,
    /// End at the first image that cannot be used
    #[arg(long)]
    strict: bool,
    /// Write what was said of each image
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Show the score of each class
    #[arg(long)]
    per_class: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    classifier: ClassifierArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SplitArg {
    Test,
    Train,
}

impl From<SplitArg> for Split {
    fn from(split: SplitArg) -> Self {
        match split {
            SplitArg::Test => Self::Test,
            SplitArg::Train => Self::Train,
        }
    }
}

/// Everything that a report is made of.
struct Evaluated<'a> {
    args: &'a Args,
    /// The model as it was asked for.
    name: &'a str,
    model: &'a ModelFile,
    classifier: &'a Classifier,
    data: &'a Data,
    streams: &'a [Load],
    outcome: &'a Outcome,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let names = default_models::names(args.model.as_deref(), "evaluate", context)?;
    default_models::only_one(&names, "--csv", args.csv.is_some())?;
    let how = Printed { command: "eval", json: args.json, is_given: args.model.is_some() };
    let one = |name: &str| Ok(evaluated(args, name, context)?.into());
    default_models::each(&names, &how, context, one, |document: &Document| document.print(args, context))
}

/// Evaluates one model.
fn evaluated(args: &Args, name: &str, context: &Context) -> anyhow::Result<Document> {
    let asked = args.runtime.asked()?;
    let model = model_file::find(name, context)?;
    let ModelFile { path, .. } = &model;
    let Chosen { runtime, settings, tuned } = asked.for_file(path, Goal::Throughput)?;
    let classifier = Classifier::of(&args.classifier, path, context)?;
    let data = Data::open(&args.data, args.split.into(), &classifier, context)?;
    let batch = match (args.batch.map(usize::from), classifier.batch) {
        (Some(asked), Some(fixed)) if asked != fixed => {
            return Err(
                Failure::usage(format!("`{}` takes {fixed} images at a time, not {asked}", path.display())).into()
            );
        }
        (_, Some(fixed)) => fixed,
        (asked, None) => asked.or(tuned.map(|setting| setting.batch)).unwrap_or(BATCH.into()),
    };
    let load = classifier.load(path, runtime, settings, batch);
    let streams = if tuned.is_none_or(|setting| setting.streams) { streams(&load) } else { vec![load] };
    let mut loader = LoaderOptions::new(classifier.how.clone());
    loader.decode = super::images::options(args.exif);
    if let Some(workers) = args.workers.and_then(|workers| NonZero::new(usize::from(workers))) {
        loader.threads = workers;
    }
    // A batch for each stream is ready while it runs another.
    let ready = NonZero::new(batch * streams.len() * 2).unwrap_or(loader.threads);
    loader.ahead = loader.threads.saturating_add(ready.get());
    let indices = spread(data.set.len(), args.limit);
    context.console.detail(format_args!(
        "{} images, {} streams of {batch} images, {} threads that decode",
        indices.len(),
        streams.len(),
        loader.threads
    ));

    let progress = context.console.progress();
    let bar = progress.bar_of(&args.data, Counted::Things("images"));
    bar.start(0, Some(indices.len() as u64));
    let job = Job {
        streams,
        data: Arc::clone(&data.set),
        indices,
        classes: data.classes.clone(),
        loader,
        strict: args.strict,
    };
    let outcome = evaluate(&job, |done| bar.set(done)).map_err(|error| explain(error, path, data.set.layout()))?;
    drop(bar);
    let labels = data.labels(&classifier);
    if let Some(csv) = &args.csv {
        report::write_csv(csv, &outcome, &data, labels)?;
    }
    let evaluated = Evaluated {
        args,
        name,
        model: &model,
        classifier: &classifier,
        data: &data,
        streams: &job.streams,
        outcome: &outcome,
    };
    Document::new(&evaluated, context)
}

/// Numbers of `limit` samples, spread evenly over all.
pub(super) fn spread(len: usize, limit: Option<u32>) -> Vec<usize> {
    let limit = limit.map_or(len, |limit| (limit as usize).min(len));
    (0..limit).map(|index| (index as u128 * len as u128 / limit.max(1) as u128) as usize).collect()
}

pub(super) fn explain(error: EvalError, file: &Path, layout: Layout) -> anyhow::Error {
    match error {
        EvalError::Score(error) => super::classify::explain(error, file).into(),
        EvalError::Data(error) => anyhow::Error::from(error),
        EvalError::Classes(ClassesError::Count { .. }) if layout == Layout::Digits => {
            Failure::failed(error.to_string())
                .hint("`bossnas-zoo eval BossNet-Digits --data digits` takes a network that knows them")
                .into()
        }
        EvalError::Classes(ClassesError::Count { .. }) => Failure::failed(error.to_string())
            .hint("name the folders after the classes of the network, or by their numbers, or give a list of images")
            .into(),
        EvalError::Classes(ClassesError::Label { .. }) => Failure::failed(error.to_string()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_spread_over_all_samples() {
        assert_eq!(spread(10, Some(5)), [0, 2, 4, 6, 8]);
        assert_eq!(spread(3, Some(5)), [0, 1, 2]);
        assert_eq!(spread(3, None), [0, 1, 2]);
        assert_eq!(spread(7, Some(3)), [0, 2, 4]);
    }
}
