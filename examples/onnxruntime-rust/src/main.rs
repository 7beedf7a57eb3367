//! Classifies a photograph with an ONNX file of bossnas-zoo, in ONNX Runtime: `classify-onnxruntime MODEL.onnx PHOTO.jpg`
//!
//! The file itself says how a photograph becomes its input (`bossnas.preprocessing`) and what its classes are called
//! (`bossnas.labels`), so that nothing here knows a network. `$ORT_DYLIB_PATH` names the library.

mod photo;
mod top5;

use anyhow::{Context as _, bail};
use ort::session::Session;
use ort::value::Tensor;

use photo::Preprocessing;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, photo] = &arguments[..] else { bail!("usage: classify-onnxruntime MODEL.onnx PHOTO.jpg") };

    let library = std::env::var("ORT_DYLIB_PATH").context("$ORT_DYLIB_PATH must name the library of ONNX Runtime")?;
    let environment = ort::init_from(library)?.build()?;
    let mut session = Session::builder(&environment)?.commit_from_file(model)?;

    let about = session.metadata()?;
    let how = about.custom("bossnas.preprocessing").context("the file does not say what its input is")?;
    let how: Preprocessing = serde_json::from_str(&how)?;
    let labels: Vec<String> = serde_json::from_str(&about.custom("bossnas.labels").unwrap_or("[]".to_owned()))?;
    drop(about);

    let [height, width] = how.size.map(|side| side as usize);
    let images = Tensor::from_array(([1, 3, height, width], photo::prepare(photo, &how)?))?;
    let outputs = session.run(ort::inputs![images])?;
    let (_, logits) = outputs[0].try_extract_tensor::<f32>()?;
    top5::print(logits, &labels);
    Ok(())
}
