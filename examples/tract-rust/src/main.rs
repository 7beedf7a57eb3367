//! Classifies a photograph with an ONNX file of bossnas-zoo, in tract: `classify-tract MODEL.onnx PHOTO.jpg`
//!
//! The file itself says how a photograph becomes its input (`bossnas.preprocessing`) and what its classes are called
//! (`bossnas.labels`), so that nothing here knows a network.

mod photo;
mod top5;

use anyhow::{Context as _, bail};
use tract_onnx::prelude::*;

use photo::Preprocessing;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, photo] = &arguments[..] else { bail!("usage: classify-tract MODEL.onnx PHOTO.jpg") };

    let model = tract_onnx::onnx().model_for_path(model)?;
    let about = |key: &str| model.properties.get(&format!("onnx.metadata_props.{key}"));
    let how = about("bossnas.preprocessing").context("the file does not say what its input is")?;
    let how: Preprocessing = serde_json::from_str(how.try_as_plain_ram()?.to_scalar::<String>()?)?;
    let labels: Vec<String> = match about("bossnas.labels") {
        Some(labels) => serde_json::from_str(labels.try_as_plain_ram()?.to_scalar::<String>()?)?,
        None => Vec::new(),
    };

    let [height, width] = how.size.map(|side| side as usize);
    // tract is fastest when it knows all extents, of the batch too.
    let model = model.with_input_fact(0, f32::fact([1, 3, height, width]).into())?;
    let runnable = model.into_optimized()?.into_runnable()?;

    let images = Tensor::from_shape(&[1, 3, height, width], &photo::prepare(photo, &how)?)?;
    let outputs = runnable.run(tvec![images.into()])?;
    let logits: Vec<f32> = outputs[0].to_plain_array_view::<f32>()?.iter().copied().collect();
    top5::print(&logits, &labels);
    Ok(())
}
