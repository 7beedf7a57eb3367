//! `classify`: what is in a photograph.

use std::path::{Path, PathBuf};

use bossnas_converter::onnx::Source;
use bossnas_data::jpeg_decoder;
use bossnas_files::SourceFile;
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
use super::default_models::{self, Printed};
use super::model_file::{self, ModelFile};
use super::runtime::{Chosen, RuntimeArgs};

/// Say what is in photographs
///
/// MODEL is the name of a model that was fetched or is part of the program, or an ONNX file. If the first argument is an image,
/// there is no MODEL: every model that was fetched is taken, else BossNet-Digits, which knows handwritten digits. How images are
/// prepared and what the classes are called stands in files of ours; for a file of others say it with the options.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "bossnas-zoo classify [OPTIONS] [MODEL] <IMAGE>...",
    after_help = "Examples:
  bossnas-zoo classify BossNet-T0 photo.jpg
  bossnas-zoo classify bossnet-t0-224x224-bdyn.onnx a.jpg b.png --top 3
  bossnas-zoo classify BossNet-T0 photo.jpg --provider cuda --json
  bossnas-zoo classify foreign.onnx photo.jpg --size 224 --labels classes.txt"
)]
pub(crate) struct Args {
    /// A name from `bossnas-zoo list` or an ONNX file, if it is not to be every model that was fetched, else BossNet-Digits; then
    /// JPEG or PNG files
    #[arg(value_name = "[MODEL] IMAGE", required = true)]
    arguments: Vec<String>,
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
    /// As it was asked for.
    model: String,
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
    let (model, images) = model_and_images(&args.arguments)?;
    let names = default_models::names(model, "classify with", context)?;
    let how = Printed { command: "classify", json: args.json, is_given: model.is_some() };
    let several = names.len() > 1;
    let one = |name: &str| Ok(classified(args, name, &images, context)?.into());
    default_models::each(&names, &how, context, one, |document: &Document| document.print(several, context))
}

/// A MODEL, if the first argument is no image, and the images.
fn model_and_images(arguments: &[String]) -> Result<(Option<&str>, Vec<PathBuf>), Failure> {
    let (model, images) = match arguments {
        [first, ..] if is_image(Path::new(first)) => (None, arguments),
        [first, images @ ..] => (Some(first.as_str()), images),
        [] => (None, arguments),
    };
    if images.is_empty() {
        let message = format!("`{}` is taken for a MODEL, and no IMAGE is given", model.unwrap_or_default());
        return Err(Failure::usage(message).hint("bossnas-zoo classify [MODEL] IMAGE..., each a JPEG or PNG file"));
    }
    Ok((model, images.iter().map(PathBuf::from).collect()))
}

/// A file that begins like a JPEG or PNG file, or what is called like one.
fn is_image(path: &Path) -> bool {
    let begins = |file: SourceFile| file.read_up_to(0, 8).ok();
    match SourceFile::open(path).ok().and_then(begins) {
        Some(start) => start.starts_with(b"\xff\xd8\xff") || start.starts_with(b"\x89PNG\r\n\x1a\n"),
        None => path
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| ["jpg", "jpeg", "png"].iter().any(|known| extension.eq_ignore_ascii_case(known))),
    }
}

/// What one model says of the images.
fn classified(args: &Args, name: &str, images: &[PathBuf], context: &Context) -> anyhow::Result<Document> {
    let asked = args.runtime.asked()?;
    let ModelFile { path, trust, .. } = &model_file::find(name, context)?;
    let classifier = Classifier::of(&args.classifier, path, context)?;
    if let Some(source @ Source::Untrained { .. }) = &classifier.source {
        context.console.warn(format_args!("{source}: what it says means nothing"));
    }
    let Chosen { runtime, settings, .. } = asked.for_file(path, Goal::Latency)?;
    let load = classifier.load(path, runtime, settings, classifier.batch.unwrap_or(1));
    let images = classify(args, images, &classifier, &load)?;
    let weights = classifier.source.as_ref().map(ToString::to_string);
    Ok(Document {
        model: name.to_owned(),
        file: path.clone(),
        runtime: runtime.name(),
        weights,
        trust: trust.map(Trust::name),
        jpeg_decoder: jpeg_decoder().name(),
        images,
    })
}

impl Document {
    /// `several`: whether other models are asked too.
    fn print(&self, several: bool, context: &Context) -> anyhow::Result<()> {
        let style = context.console.style();
        for image in &self.images {
            let name = image.path.display().to_string();
            let title = if several { format!("{name}, {}", self.model) } else { name };
            context.console.line(style.bold(escape(&title)))?;
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
        if let Some(weights) = &self.weights {
            context.console.note(format_args!("weights: {weights}"));
        }
        super::images::note_decoder(context.console);
        Ok(())
    }
}

fn classify(args: &Args, images: &[PathBuf], classifier: &Classifier, load: &Load) -> anyhow::Result<Vec<Classified>> {
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
    prepare_all(images, &classifier.how, super::images::options(args.exif), |image| {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_argument_is_a_model_unless_it_is_an_image() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path.display().to_string()
        };
        let (png, onnx) = (file("without-extension", b"\x89PNG\r\n\x1a\n..."), file("model.png", b"\x08\x08\x12"));
        let split = |arguments: &[&str]| {
            let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
            let (model, images) = model_and_images(&arguments).ok()?;
            Some((model.map(str::to_owned), images.len()))
        };
        assert_eq!(split(&[&png]), Some((None, 1)));
        assert_eq!(split(&[&png, &png]), Some((None, 2)));
        assert_eq!(split(&["T0", &png]), Some((Some("T0".to_owned()), 1)));
        assert_eq!(split(&[&onnx, &png]), Some((Some(onnx.clone()), 1)), "what is in a file counts, not its name");
        assert_eq!(split(&["missing.JPG"]), Some((None, 1)), "who reads it says that it is missing");
        assert_eq!(split(&["T0"]), None);
    }
}
