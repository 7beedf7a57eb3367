//! A file that classifies: how its images are prepared and what its classes are called.

use std::path::{Path, PathBuf};

use bossnas_converter::onnx::summary::{Port, Summary};
use bossnas_converter::onnx::{Claims, Source};
use bossnas_files::SourceFile;
use bossnas_files::npy::Element;
use bossnas_model::preprocess::Preprocessing;
use bossnas_report::Failure;
use bossnas_zoo::ports;
use bossnas_zoo::runtime::{InputSpec, Load, Runtime, Settings};

use super::context::Context;
use super::size::Size;

const MAX_LABEL_BYTES: u64 = 16 << 20;

/// How images are prepared for a file of others. Files of ours say it themselves.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Files of others")]
pub(crate) struct ClassifierArgs {
    /// Size of the input
    #[arg(long, value_name = "N|HxW")]
    size: Option<Size>,
    /// Size that images are resized to cover before the centre is cut out [default: 256/224 of the input]
    #[arg(long, value_name = "N|HxW")]
    resize: Option<Size>,
    /// Mean of red, green and blue that is subtracted [default: ImageNet's]
    #[arg(long, value_name = "R,G,B", value_parser = parse_colours)]
    mean: Option<[f64; 3]>,
    /// Standard deviation that is divided by [default: ImageNet's]
    #[arg(long, value_name = "R,G,B", value_parser = parse_colours)]
    std: Option<[f64; 3]>,
    /// Names of the classes, a line each
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

impl ClassifierArgs {
    /// Nothing but the size is said.
    pub(crate) const fn of_size(size: Option<Size>) -> Self {
        Self { size, resize: None, mean: None, std: None, labels: None }
    }
}

fn parse_colours(text: &str) -> Result<[f64; 3], String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    let numbers = numbers.and_then(|numbers| <[f64; 3]>::try_from(numbers).ok());
    let usable = numbers.filter(|numbers| numbers.iter().all(|number| number.is_finite()));
    usable.ok_or_else(|| "expected three numbers: R,G,B".to_owned())
}

/// What must be known of a file to classify with it.
pub(crate) struct Classifier {
    pub(crate) how: Preprocessing,
    pub(crate) labels: Vec<String>,
    /// Images at a time that the file insists on.
    pub(crate) batch: Option<usize>,
    /// Where the weights of a file of ours come from.
    pub(crate) source: Option<Source>,
    /// The name of a file of ours in the registry.
    pub(crate) model: Option<String>,
    input: Port,
}

impl Classifier {
    /// What the file says, or what is said of it.
    pub(crate) fn of(args: &ClassifierArgs, file: &Path, context: &Context) -> anyhow::Result<Self> {
        let summary = Summary::of_runnable(file)?;
        if summary.source().is_some() {
            Self::of_ours(args, file, summary)
        } else {
            Self::of_others(args, file, summary, context)
        }
    }

    fn of_ours(args: &ClassifierArgs, file: &Path, summary: Summary) -> anyhow::Result<Self> {
        let given = [args.size.or(args.resize).is_some(), args.mean.or(args.std).is_some(), args.labels.is_some()];
        if given.contains(&true) {
            let message = format!("`{}` says itself how images are prepared and what the classes are", file.display());
            return Err(Failure::usage(message)
                .hint("--size, --resize, --mean, --std and --labels are for files of others")
                .into());
        }
        let input = only_input(file, summary)?;
        let Claims { metadata, options, .. } = Claims::of_file(file)?;
        Ok(Self {
            how: metadata.preprocessing,
            labels: metadata.labels,
            batch: options.batch.fixed(),
            source: Some(metadata.source),
            model: metadata.model,
            input,
        })
    }

    fn of_others(args: &ClassifierArgs, file: &Path, summary: Summary, context: &Context) -> anyhow::Result<Self> {
        let input = only_input(file, summary)?;
        let [batch, height, width] = extents(file, &input)?;
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
        if let Some(resize) = args.resize {
            if resize.height < size.height || resize.width < size.width {
                return Err(Failure::usage(format!("--resize {resize} is smaller than the input, {size}")).into());
            }
            how.resize = resize.into();
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
        Ok(Self { how, labels, batch, source: None, model: None, input })
    }

    /// What to load to classify `batch` images at a time.
    pub(crate) fn load(&self, file: &Path, runtime: Runtime, settings: Settings, batch: usize) -> Load {
        let [height, width] = self.how.size;
        let shape = vec![batch, 3, height, width];
        let inputs = vec![InputSpec { name: self.input.name.clone(), element: Element::Float32, shape }];
        let symbols = ports::symbols(std::slice::from_ref(&self.input), &inputs);
        Load { model: file.to_owned(), runtime, inputs, symbols, outputs: None, settings }
    }
}

fn only_input(file: &Path, summary: Summary) -> anyhow::Result<Port> {
    let count = summary.inputs.len();
    let only = summary.inputs.into_iter().next().filter(|_| count == 1);
    let only = only.ok_or_else(|| {
        Failure::failed(format!("`{}` has {count} inputs: it is no classifier of images", file.display()))
    })?;
    match ports::element(&only) {
        Some(Element::Float32) => Ok(only),
        _ => Err(Failure::failed(format!("`{}` takes {} and not float32 images", file.display(), only.kind))
            .hint("`bossnas-zoo run` takes arrays of any type")
            .into()),
    }
}

/// Batch, height and width of an input of images, where they are fixed.
fn extents(file: &Path, input: &Port) -> anyhow::Result<[Option<usize>; 3]> {
    let small = |extent: Option<usize>| extent.filter(|extent| (1..=4096).contains(extent));
    match ports::extents(input).as_deref() {
        None => Ok([None; 3]),
        Some(&[batch, channels, height, width]) if channels.is_none_or(|channels| channels == 3) => {
            Ok([small(batch), small(height), small(width)])
        }
        Some(_) => {
            let declared = input.shape.as_deref().unwrap_or_default().join(" x ");
            let message =
                format!("`{}` takes {declared}, not images: expected batch x 3 x height x width", file.display());
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
