//! A file that classifies: how its images are prepared, what its classes are called, and running it.

use std::path::Path;

use bossnas_converter::onnx::summary::{Port, Summary};
use bossnas_converter::onnx::{OnnxModel, Source};
use bossnas_files::SourceFile;
use bossnas_files::npy::Array;
use bossnas_model::preprocess::Preprocessing;
use bossnas_report::Failure;
use bossnas_zoo::images::{Prepared, prepare_all};
use bossnas_zoo::predict::best;
use bossnas_zoo::runtime::Tract;

use super::{Args, Classified};
use crate::cli::context::Context;
use crate::cli::size::Size;

const MAX_LABEL_BYTES: u64 = 16 << 20;

/// What must be known of a file to classify with it.
pub(super) struct Classifier {
    how: Preprocessing,
    labels: Vec<String>,
    /// Images at a time that the file insists on.
    batch: usize,
    pub(super) source: Option<Source>,
}

impl Classifier {
    pub(super) fn of_ours(args: &Args, file: &Path, source: Source) -> anyhow::Result<Self> {
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

    pub(super) fn of_others(args: &Args, file: &Path, summary: &Summary, context: &Context) -> anyhow::Result<Self> {
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
        if how.std.iter().any(|&std| std <= 0.0) {
            return Err(Failure::usage("a standard deviation is above 0").into());
        }
        if args.labels.is_none() {
            context.console.note("the classes have no names: --labels FILE gives them some");
        }
        let labels = args.labels.as_deref().map(read_labels).transpose()?.unwrap_or_default();
        Ok(Self { how, labels, batch: batch.unwrap_or(1), source: None })
    }

    pub(super) fn classify(&self, args: &Args, file: &Path) -> anyhow::Result<Vec<Classified>> {
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
