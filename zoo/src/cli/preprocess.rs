//! `preprocess`: photographs become the tensor that a network reads.

use std::path::PathBuf;

use bossnas_converter::onnx::OnnxModel;
use bossnas_data::jpeg_decoder;
use bossnas_files::npy::Writer;
use bossnas_files::{AtomicFile, WriteError};
use bossnas_hub::Resolved;
use bossnas_model::preprocess::Preprocessing;
use bossnas_model::space::Space;
use bossnas_report::{Align, Failure, Table};
use bossnas_zoo::images::{Prepared, prepare_all};
use serde::Serialize;

use super::context::Context;
use super::file_kind::FileKind;
use super::size::Size;
use super::{model, searched};

/// Turn images into the tensor that a network reads
///
/// The transform is the one that the published networks were evaluated with: resize with antialiased bicubic filtering, crop
/// the centre, scale to [0, 1], normalise with ImageNet's mean and standard deviation. It equals Pillow and torchvision to
/// one grey level: compare your own pipeline with it. EXIF orientation is ignored (unless with --exif) and transparency
/// dropped, as the published weights saw their images.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  bossnas-zoo preprocess photo.jpg -o input.npy
  bossnas-zoo preprocess a.jpg b.png -o batch.npy --size 288
  bossnas-zoo preprocess photo.jpg -o input.npy --like BossNet-T0@288
  bossnas-zoo preprocess photo.jpg -o input.npy --like bossnet-t0-224x224-bdyn.onnx")]
pub(crate) struct Args {
    /// JPEG or PNG files
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    /// Where the tensor goes: float32, images x 3 x height x width
    #[arg(short, long, value_name = "X.npy")]
    output: PathBuf,
    /// Size of the input [default: 224]
    #[arg(long, value_name = "N|HxW")]
    size: Option<Size>,
    /// As this model wants it: an ONNX file of ours, or a name from `bossnas-zoo list`
    #[arg(long, value_name = "MODEL", conflicts_with = "size")]
    like: Option<String>,
    /// Turn images as their EXIF orientation says, which the published weights never saw
    #[arg(long)]
    exif: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document {
    output: PathBuf,
    jpeg_decoder: &'static str,
    shape: [usize; 4],
    dtype: &'static str,
    preprocessing: How,
    images: Vec<Image>,
}

#[derive(Serialize)]
struct How {
    size: [usize; 2],
    resize: [usize; 2],
    interpolation: &'static str,
    mean: [f64; 3],
    std: [f64; 3],
}

#[derive(Serialize)]
struct Image {
    path: PathBuf,
    height: u32,
    width: u32,
    min: f32,
    mean: f64,
    max: f32,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let how = how(args, context)?;
    let [height, width] = how.size;
    let shape = [args.images.len(), 3, height, width];
    let mut file = AtomicFile::create(&args.output)?;
    let failed = |error| WriteError::from_io(&args.output, error);
    let mut writer = Writer::new(&mut file, &shape).map_err(failed)?;
    let mut images = Vec::new();
    prepare_all(&args.images, &how, super::images::options(args.exif), |prepared| {
        writer.append(&prepared.values).map_err(failed)?;
        images.push(Image::of(prepared));
        anyhow::Ok(())
    })?;
    writer.finish().map_err(failed)?;
    file.commit()?;

    let interpolation = how.interpolation.name();
    let Preprocessing { size, resize, mean, std, .. } = how;
    let preprocessing = How { size, resize, interpolation, mean, std };
    let document = Document {
        output: args.output.clone(),
        jpeg_decoder: jpeg_decoder().name(),
        shape,
        dtype: "float32",
        preprocessing,
        images,
    };
    if args.json {
        return context.console.json("preprocess", &document);
    }
    context.console.print(document.table().render(context.console.style()))?;
    let extents = shape.map(|extent| extent.to_string()).join(" x ");
    super::images::note_decoder(context.console);
    context.console.note(format_args!("wrote `{}`: float32 {extents}", document.output.display()));
    Ok(())
}

fn how(args: &Args, context: &Context) -> anyhow::Result<Preprocessing> {
    let Some(text) = &args.like else {
        return Ok(Preprocessing::published(args.size.unwrap_or(Size::DEFAULT).into()));
    };
    let registry = context.registry()?;
    match model::find(&registry, text)? {
        Resolved::Registered(model) => Ok(model.preprocessing_at([model.size; 2])),
        Resolved::File(path) if FileKind::of(&path)? == FileKind::Onnx => {
            Ok(OnnxModel::open(&path)?.metadata.preprocessing)
        }
        Resolved::Run(path) => {
            let run = searched::open(&path)?;
            let size = [run.checkpoint.image_size; 2];
            Ok(match run.space() {
                Space::Nats(_) => Preprocessing::cifar(size),
                Space::Hytra(_) | Space::Mbconv(_) => Preprocessing::published(size),
            })
        }
        Resolved::File(_) | Resolved::Architecture(_) => Err(Failure::usage(format!(
            "`{text}` says nothing of images"
        ))
        .hint("--like takes an ONNX file of ours, a run folder, or a name from `bossnas-zoo list`; --size does without")
        .into()),
    }
}

impl Image {
    fn of(prepared: Prepared) -> Self {
        let Prepared { path, image: [height, width], values } = prepared;
        let mean = values.iter().copied().map(f64::from).sum::<f64>() / values.len() as f64;
        let min = values.iter().copied().fold(f32::INFINITY, f32::min);
        let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Self { path, height, width, min, mean, max }
    }
}

impl Document {
    fn table(&self) -> Table {
        let mut table = Table::new([
            ("image", Align::Left),
            ("pixels", Align::Right),
            ("min", Align::Right),
            ("mean", Align::Right),
            ("max", Align::Right),
        ]);
        for image in &self.images {
            table.row([
                image.path.display().to_string(),
                format!("{} x {}", image.width, image.height),
                format!("{:.4}", image.min),
                format!("{:.4}", image.mean),
                format!("{:.4}", image.max),
            ]);
        }
        table
    }
}
