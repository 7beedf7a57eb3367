//! `classify`: what is in a photograph.

mod classifier;

use std::path::PathBuf;

use bossnas_converter::onnx::Source;
use bossnas_converter::onnx::summary::Summary;
use bossnas_hub::cache::Trust;
use bossnas_report::escape;
use bossnas_zoo::predict::Guess;
use serde::Serialize;

use self::classifier::Classifier;
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
