//! An ONNX file: looked at as any file, rebuilt as one of ours.

use bossnas_converter::onnx::OnnxModel;
use bossnas_converter::onnx::summary::Summary;

pub(crate) fn run(data: &[u8]) {
    if let Ok(summary) = Summary::of_bytes("fuzz.onnx", data.to_vec()) {
        std::hint::black_box(summary.nodes());
    }
    if let Ok(model) = OnnxModel::from_bytes("fuzz.onnx", data.to_vec()) {
        for param in model.graph.params() {
            let values = model.weights.f32(&param.name);
            assert_eq!(values.map(|values| values.len()).ok(), Some(param.elements()), "{}", param.name);
        }
    }
}
