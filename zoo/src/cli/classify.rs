//! `classify`: what is in a photograph.

use std::path::{Path, PathBuf};

use bossnas_converter::onnx::Source;
use bossnas_data::jpeg_decoder;
use bossnas_hub::cache::Trust;
use bossnas_report::{Failure, escape};
use bossnas_zoo::images::{Prepared, prepare_all};
use bossnas_zoo::predict::{Guess, best};
use bossnas_zoo::runtime::{Load, Session};
use bossnas_zoo::score::{ScoreError, score};
use bossnas_zoo::tune::Goal;
use serde::Serialize;

use super::classifier::{Classifier, ClassifierArgs};
use super::context::Context;
use super::model_file::{self, ModelFile};
use super::runtime::{Chosen, RuntimeArgs};

/// Say what is in photographs
///
/// MODEL is the name of a model that was fetched, or an ONNX file. How images are prepared and what the classes are called
/// stands in files of ours; for a file of others say it with the options.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo classify BossNet-T0 photo.jpg
  bossnas-zoo classify bossnet-t0-224x224-bdyn.onnx a.jpg b.png --top 3
  bossnas-zoo classify BossNet-T0 photo.jpg --provider cuda --json
  bossnas-zoo classify foreign.onnx photo.jpg --size 224 --labels classes.txt")]
pub(crate) struct Args {
    /// A name from `bossnas-zoo list`, or an ONNX file
    #[arg(value_name = "MODEL")]
    model: String,
    /// JPEG or PNG files
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    /// How many classes to show
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    top: u16,
    /// Turn images as their EXIF orientation says, which the published weights never saw
    #[arg(long)]
    exif: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    classifier: ClassifierArgs,
    #[command(flatten)]
    runtime: RuntimeArgs,
}

#[derive(Serialize)]
struct Document {
    file: PathBuf,
    runtime: &'static str,
    weights: Option<String>,
    trust: Option<&'static str>,
    jpeg_decoder: &'static str,
    images: Vec<Classified>,
}

#[derive(Serialize)]
struct Classified {
    path: PathBuf,
    classes: Vec<Guess>,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let asked = args.runtime.asked()?;
    let ModelFile { path, trust, .. } = &model_file::find(&args.model, context)?;
    let classifier = Classifier::of(&args.classifier, path, context)?;
    if let Some(source @ Source::Untrained { .. }) = &classifier.source {
        context.console.warn(format_args!("{source}: what it says means nothing"));
    }
    let Chosen { runtime, settings, .. } = asked.for_file(path, Goal::Latency)?;
    let load = classifier.load(path, runtime, settings, classifier.batch.unwrap_or(1));
    let images = classify(args, &classifier, &load)?;
    let weights = classifier.source.as_ref().map(ToString::to_string);
    let document = Document {
        file: path.clone(),
        runtime: runtime.name(),
        weights,
        trust: trust.map(Trust::name),
        jpeg_decoder: jpeg_decoder().name(),
        images,
    };
    if args.json {
        return context.console.json("classify", &document);
    }
    let style = context.console.style();
    for image in &document.images {
        context.console.line(style.bold(escape(&image.path.display().to_string())))?;
        for Guess { label, probability, .. } in &image.classes {
            let bar = "#".repeat((probability * 30.0).round() as usize);
            let label = escape(label);
            context.console.line(format_args!(
                "  {:>5.1} %  {}{:gap$}  {label}",
                probability * 100.0,
                style.cyan(&bar),
                "",
                gap = 30 - bar.len()
            ))?;
        }
    }
    if let Some(weights) = &document.weights {
        context.console.note(format_args!("weights: {weights}"));
    }
    super::images::note_decoder(context.console);
    Ok(())
}

fn classify(args: &Args, classifier: &Classifier, load: &Load) -> anyhow::Result<Vec<Classified>> {
    let mut session = Session::load(load).map_err(Failure::from)?;
    let mut classified = Vec::new();
    let mut waiting: Vec<Prepared> = Vec::new();
    let mut flush = |waiting: &mut Vec<Prepared>| -> anyhow::Result<()> {
        let images = waiting.iter().map(|image| image.values.as_slice());
        let scored = score(&mut session, load, images).map_err(|error| explain(error, &load.model))?;
        for (image, logits) in waiting.drain(..).zip(scored.rows) {
            classified
                .push(Classified { path: image.path, classes: best(&logits, &classifier.labels, args.top.into()) });
        }
        Ok(())
    };
    let batch = load.inputs[0].shape[0];
    prepare_all(&args.images, &classifier.how, super::images::options(args.exif), |image| {
        waiting.push(image);
        if waiting.len() == batch { flush(&mut waiting) } else { anyhow::Ok(()) }
    })?;
    if !waiting.is_empty() {
        flush(&mut waiting)?;
    }
    Ok(classified)
}

/// What went wrong with a classifier.
pub(super) fn explain(error: ScoreError, file: &Path) -> Failure {
    match error {
        ScoreError::Runtime(error) => error.into(),
        ScoreError::NoScores => {
            Failure::failed(format!("`{}` puts out no row of classes for each image", file.display()))
                .hint("`bossnas-zoo run` shows what it puts out")
        }
    }
}
