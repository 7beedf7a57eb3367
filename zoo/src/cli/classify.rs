//! `classify`: what is in a photograph.

use std::path::{Path, PathBuf};

use bossnas_converter::onnx::summary::{Port, Summary};
use bossnas_converter::onnx::{OnnxModel, Source};
use bossnas_files::SourceFile;
use bossnas_files::npy::Array;
use bossnas_hub::cache::Trust;
use bossnas_model::preprocess::{Interpolation, Preprocessing};
use bossnas_report::{Failure, escape};
use bossnas_zoo::images::{Prepared, prepare_all};
use bossnas_zoo::predict::{Guess, best};
use bossnas_zoo::runtime::Tract;
use serde::Serialize;

use super::context::Context;
use super::model_file;
use super::size::Size;

/// Say what is in photographs
///
/// MODEL is the name of a model that was fetched, or an ONNX file. How images are prepared and what the classes are called
/// stands in files of ours; for a file of others say it with the options.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo classify BossNet-T0 photo.jpg
  bossnas-zoo classify bossnet-t0-224x224-bdyn.onnx a.jpg b.png --top 3
  bossnas-zoo classify BossNet-T0 photo.jpg --json
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
    /// Size of the input of a file of others
    #[arg(long, value_name = "N|HxW")]
    size: Option<Size>,
    /// Mean of red, green and blue that a file of others expects to be subtracted [default: ImageNet's]
    #[arg(long, value_name = "R,G,B", value_parser = parse_colours)]
    mean: Option<[f64; 3]>,
    /// Standard deviation that it expects to be divided by [default: ImageNet's]
    #[arg(long, value_name = "R,G,B", value_parser = parse_colours)]
    std: Option<[f64; 3]>,
    /// Names of the classes of a file of others, a line each
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

const MAX_LABEL_BYTES: u64 = 16 << 20;

fn parse_colours(text: &str) -> Result<[f64; 3], String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    let numbers = numbers.and_then(|numbers| <[f64; 3]>::try_from(numbers).ok());
    let usable = numbers.filter(|numbers| numbers.iter().all(|number| number.is_finite()));
    usable.ok_or_else(|| "expected three numbers: R,G,B".to_owned())
}

#[derive(Serialize)]
struct Document {
    file: PathBuf,
    runtime: &'static str,
    weights: Option<String>,
    trust: Option<&'static str>,
    images: Vec<Classified>,
}

#[derive(Serialize)]
struct Classified {
    path: PathBuf,
    classes: Vec<Guess>,
}

/// What must be known of a file to classify with it.
struct Classifier {
    how: Preprocessing,
    labels: Vec<String>,
    /// Images at a time that the file insists on.
    batch: usize,
    source: Option<Source>,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let (file, trust) = model_file::find(&args.model, context)?;
    let summary = Summary::of_file(&file)?;
    let classifier = match summary.source() {
        Some(source) => Classifier::of_ours(args, &file, source)?,
        None => Classifier::of_others(args, &file, &summary, context)?,
    };
    if let Some(source @ Source::Untrained { .. }) = &classifier.source {
        context.console.warn(format_args!("{source}: what it says means nothing"));
    }
    let images = classifier.classify(args, &file)?;
    let weights = classifier.source.as_ref().map(ToString::to_string);
    let document = Document { file, runtime: "tract", weights, trust: trust.map(Trust::name), images };
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
    Ok(())
}

impl Classifier {
    fn of_ours(args: &Args, file: &Path, source: Source) -> anyhow::Result<Self> {
        if args.size.is_some() || args.mean.is_some() || args.std.is_some() || args.labels.is_some() {
            let message = format!("`{}` says itself how images are prepared and what the classes are", file.display());
            return Err(Failure::usage(message)
                .hint("--size, --mean, --std and --labels are for files of others")
                .into());
        }
        let model = OnnxModel::open(file)?;
        let batch = model.options.batch.fixed().unwrap_or(1);
        Ok(Self { how: model.metadata.preprocessing, labels: model.metadata.labels, batch, source: Some(source) })
    }

    fn of_others(args: &Args, file: &Path, summary: &Summary, context: &Context) -> anyhow::Result<Self> {
        let [input] = summary.inputs.as_slice() else {
            let message =
                format!("`{}` has {} inputs: it is no classifier of images", file.display(), summary.inputs.len());
            return Err(Failure::failed(message).into());
        };
        let [batch, height, width] = extents(file, input)?;
        let fixed = height.zip(width).map(|(height, width)| Size { height, width });
        let size = match (args.size, fixed) {
            (Some(asked), Some(fixed)) if asked != fixed => {
                return Err(Failure::usage(format!("`{}` takes images of {fixed}, not {asked}", file.display())).into());
            }
            (Some(size), _) | (None, Some(size)) => size,
            (None, None) => {
                let message = format!("`{}` does not say how large its images are", file.display());
                return Err(Failure::usage(message)
                    .hint("--size N, and --mean and --std if they are not ImageNet's")
                    .into());
            }
        };
        let mut how = Preprocessing::published(size.into());
        if args.mean.is_none() && args.std.is_none() {
            context
                .console
                .note("mean and standard deviation are taken to be ImageNet's: --mean and --std say otherwise");
        }
        how.mean = args.mean.unwrap_or(how.mean);
        how.std = args.std.unwrap_or(how.std);
        how.interpolation = Interpolation::Bicubic;
        if how.std.iter().any(|&std| std <= 0.0) {
            return Err(Failure::usage("a standard deviation is above 0").into());
        }
        if args.labels.is_none() {
            context.console.note("the classes have no names: --labels FILE gives them some");
        }
        let labels = args.labels.as_deref().map(read_labels).transpose()?.unwrap_or_default();
        Ok(Self { how, labels, batch: batch.unwrap_or(1), source: None })
    }

    fn classify(&self, args: &Args, file: &Path) -> anyhow::Result<Vec<Classified>> {
        let [height, width] = self.how.size;
        let shape = [self.batch, 3, height, width];
        let model = Tract::load(file, &[("", &shape)])?;
        let mut classified = Vec::new();
        let mut waiting: Vec<Prepared> = Vec::new();
        let mut flush = |waiting: &mut Vec<Prepared>| -> anyhow::Result<()> {
            let mut values: Vec<f32> = waiting.iter().flat_map(|image| &image.values).copied().collect();
            // A file of a fixed batch gets images of nothing beside the last ones.
            values.resize(shape.iter().product(), 0.0);
            let outputs = model.run(&[&Array { shape: shape.to_vec(), values }])?;
            let logits = outputs.first().map(|(_, array)| array);
            let classes = match logits.map(|logits| (logits, logits.shape.as_slice())) {
                Some((logits, &[rows, classes])) if rows == self.batch && classes > 0 => logits.values.chunks(classes),
                _ => return Err(Failure::failed(format!("`{}` puts out no row of classes", file.display())).into()),
            };
            for (image, logits) in waiting.drain(..).zip(classes) {
                classified.push(Classified { path: image.path, classes: best(logits, &self.labels, args.top.into()) });
            }
            Ok(())
        };
        prepare_all(&args.images, &self.how, |image| {
            waiting.push(image);
            if waiting.len() == self.batch { flush(&mut waiting) } else { anyhow::Ok(()) }
        })?;
        if !waiting.is_empty() {
            flush(&mut waiting)?;
        }
        Ok(classified)
    }
}

/// Batch, height and width of an input of images, where they are fixed.
fn extents(file: &Path, input: &Port) -> anyhow::Result<[Option<usize>; 3]> {
    let fixed = |extent: &String| extent.parse().ok().filter(|&extent: &usize| (1..=4096).contains(&extent));
    match input.shape.as_deref() {
        None => Ok([None; 3]),
        Some([batch, channels, height, width]) if fixed(channels).is_none_or(|channels| channels == 3) => {
            Ok([fixed(batch), fixed(height), fixed(width)])
        }
        Some(shape) => {
            let message = format!(
                "`{}` takes {}, not images: expected batch x 3 x height x width",
                file.display(),
                shape.join(" x ")
            );
            Err(Failure::failed(message).into())
        }
    }
}

fn read_labels(path: &Path) -> anyhow::Result<Vec<String>> {
    let file = SourceFile::open(path)?;
    if file.len() > MAX_LABEL_BYTES {
        return Err(Failure::failed(format!("`{}` is too large for a list of names", path.display())).into());
    }
    let bytes = file.read_at(0, file.len())?;
    Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_three_numbers() {
        assert_eq!(parse_colours("0.5, 0.4,1"), Ok([0.5, 0.4, 1.0]));
        for bad in ["", "1,2", "1,2,3,4", "1,2,x", "1,2,nan"] {
            assert!(parse_colours(bad).is_err(), "{bad}");
        }
    }
}
