//! Writes checkpoints as a DeiT training run leaves them: the layout of the published BossNet files.
//!
//! `torch.save({"model", "optimizer", "lr_scheduler", "epoch", "model_ema", "args"})` makes a zip archive
//! ([`archive`]) of one pickle ([`pickle`]) and one entry for each tensor's storage. Tensors are asked for and written
//! one at a time, so a file of any size costs the memory of its largest tensor.

pub mod archive;
pub mod pickle;
mod training;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use bossnas_model::weights::{DType, Weights, WeightsError};

use self::archive::Archive;
use self::pickle::{Pickler, Storage, Value};
use crate::recipe::{Kind, RecipeWeights};

/// Why a checkpoint could not be written.
#[derive(Debug, thiserror::Error)]
pub enum DeitError {
    /// A tensor could not be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file could not be written.
    #[error("cannot write the checkpoint: {0}")]
    Write(#[from] std::io::Error),
}

/// What to write.
#[derive(Clone, Copy)]
pub struct Checkpoint<'a> {
    /// State dict under the key `model`.
    pub model: &'a dyn Weights,
    /// State dict under the key `model_ema`.
    pub model_ema: &'a dyn Weights,
}

impl Checkpoint<'_> {
    /// Writes the checkpoint to `path` and returns its size in bytes. `optimizer` holds AdamW's moments for every
    /// trained parameter of `model`, with made-up numbers.
    pub fn write(&self, path: &Path) -> Result<u64, DeitError> {
        let name = path.file_stem().map_or_else(|| "archive".into(), |stem| stem.to_string_lossy().into_owned());
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let size = self.write_to(&name, &mut out)?;
        out.flush()?;
        Ok(size)
    }

    /// Writes the checkpoint, whose entries lie in the archive's folder `name`, and returns its size in bytes.
    pub fn write_to(&self, name: &str, out: impl Write) -> Result<u64, DeitError> {
        let moments = training::moments(self.model);
        let mut tensors = Tensors { sources: Vec::new() };
        let model = tensors.state_dict(self.model);
        let optimizer = training::optimizer(&moments, &mut |name| tensors.add(&moments.weights, name));
        let model_ema = tensors.state_dict(self.model_ema);
        let root = Value::dict([
            ("model", model),
            ("optimizer", optimizer),
            ("lr_scheduler", training::lr_scheduler()),
            ("epoch", Value::Int(training::EPOCH)),
            ("model_ema", model_ema),
            ("args", training::args()),
        ]);

        let mut archive = Archive::new(name, out);
        archive.entry("data.pkl", &Pickler::pickle(&root))?;
        archive.entry(".format_version", b"1")?;
        archive.entry(".storage_alignment", b"64")?;
        archive.entry("byteorder", b"little")?;
        for (key, (weights, name)) in tensors.sources.iter().enumerate() {
            archive.entry(&format!("data/{key}"), &weights.bytes(name)?)?;
        }
        archive.entry("version", b"3\n")?;
        archive.entry(".data/serialization_id", b"0000000000000000000000000000000000000000")?;
        Ok(archive.finish()?)
    }
}

/// Writes the checkpoint of a network of the recipe: `model_ema` with the fixtures' seed 0, so that its logits are the
/// fixtures', and `model` with seed 1. Returns the size in bytes.
pub fn write_recipe<'a>(
    path: &Path,
    shapes: impl IntoIterator<Item = (&'a str, &'a [usize])> + Clone,
    gain: f64,
) -> Result<u64, DeitError> {
    let model = RecipeWeights::of_shapes(shapes.clone(), gain, 1);
    let model_ema = RecipeWeights::of_shapes(shapes, gain, 0);
    Checkpoint { model: &model, model_ema: &model_ema }.write(path)
}

/// The storages of the file in the order of their keys.
struct Tensors<'a> {
    sources: Vec<(&'a dyn Weights, String)>,
}

impl<'a> Tensors<'a> {
    /// Gives the tensor the next storage and returns what the pickle says of it. A tensor that is not there is `None`.
    fn add(&mut self, weights: &'a dyn Weights, name: &str) -> Value {
        let Some(info) = weights.info(name) else { return Value::None };
        let key = self.sources.len();
        self.sources.push((weights, name.to_owned()));
        Value::Tensor(Storage { class: storage_class(info.dtype), key, shape: info.shape.clone() })
    }

    /// An ordered dict of all tensors with PyTorch's `_metadata`: the version of every module on the way to a tensor.
    fn state_dict(&mut self, weights: &'a dyn Weights) -> Value {
        let names = weights.names();
        let mut modules = vec![""];
        for name in &names {
            for (end, _) in name.match_indices('.') {
                if !modules.contains(&&name[..end]) {
                    modules.push(&name[..end]);
                }
            }
        }
        let is_norm = |module: &str| weights.info(&format!("{module}.running_mean")).is_some();
        let version = |module| Value::dict([("version", Value::Int(if is_norm(module) { 2 } else { 1 }))]);
        let metadata = modules.into_iter().map(|module| (Value::str(module), version(module))).collect();
        let items = names.iter().map(|name| (Value::str(name), self.add(weights, name))).collect();
        Value::OrderedDict {
            items,
            attributes: vec![("_metadata", Value::OrderedDict { items: metadata, attributes: Vec::new() })],
        }
    }
}

fn storage_class(dtype: DType) -> &'static str {
    match dtype {
        DType::F64 => "DoubleStorage",
        DType::F32 => "FloatStorage",
        DType::F16 => "HalfStorage",
        DType::Bf16 => "BFloat16Storage",
        DType::I64 => "LongStorage",
        DType::I32 => "IntStorage",
        DType::I16 => "ShortStorage",
        DType::I8 => "CharStorage",
        DType::U8 => "ByteStorage",
        DType::Bool => "BoolStorage",
    }
}

/// Whether a state dict's entry is a trained parameter.
fn is_trained(name: &str, shape: &[usize]) -> bool {
    let buffer = [Some(Kind::BatchCount), Some(Kind::RunningMean), Some(Kind::RunningVar)];
    !buffer.contains(&Kind::of_parameter(name, shape))
}

#[cfg(test)]
mod tests;
