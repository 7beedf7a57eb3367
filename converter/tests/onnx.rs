//! ONNX files of ours: written, read back, and refused when anything in them was changed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::sync::Arc;

use bossnas_converter::onnx::proto::ModelProto;
use bossnas_converter::onnx::summary::Summary;
use bossnas_converter::onnx::{Batch, Metadata, OnnxError, OnnxModel, Options, Source, defects, weights_digest, write};
use bossnas_files::AtomicFile;
use bossnas_model::arch::{Architecture, BossNet};
use bossnas_model::evaluate::{Tensor, evaluate};
use bossnas_model::pass::{self, Pass};
use bossnas_model::preprocess::Preprocessing;
use bossnas_model::weights::{Cut, SharedWeights};
use bossnas_testkit::recipe::{self, RecipeWeights};
use proptest::prelude::*;
use prost::Message as _;

const NET: &str = "bossnet:1/0/-/01+silu+se+base=4+classes=3";

fn metadata(passes: &[Pass], size: [usize; 2]) -> Metadata {
    Metadata {
        architecture: NET.parse().unwrap(),
        model: Some("tiny".to_owned()),
        passes: passes.to_vec(),
        source: Source::StateDict("model_ema".to_owned()),
        preprocessing: Preprocessing::published(size),
        labels: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
        licence: Some("none".to_owned()),
    }
}

fn weights() -> SharedWeights {
    let net: BossNet = NET.parse().unwrap();
    Arc::new(RecipeWeights::new(net.graph().params(), recipe::SILU_GAIN, 0))
}

fn write_to(path: &Path, passes: &[Pass], options: Options) -> Metadata {
    let metadata = metadata(passes, options.size);
    let source = weights();
    let (graph, folded) = pass::apply(passes, &metadata.architecture.graph().unwrap(), source.clone());
    let mut file = AtomicFile::create(path).unwrap();
    let written = write(&mut file, &graph, &*folded, &*source, options, &metadata).unwrap();
    file.commit().unwrap();
    assert_eq!(written.bytes, path.metadata().unwrap().len());
    assert_eq!(written.weights_digest, weights_digest(&*source).unwrap());
    metadata
}

fn small_file() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.onnx");
    let options = Options { opset: 17, batch: Batch::Dynamic, size: [64, 64] };
    let _ = write_to(&path, &Pass::INFERENCE, options);
    std::fs::read(path).unwrap()
}

/// Why a changed file is refused.
fn refusal(change: impl FnOnce(&mut ModelProto)) -> String {
    let mut model = ModelProto::decode(small_file().as_slice()).unwrap();
    change(&mut model);
    match OnnxModel::from_bytes("tiny.onnx", model.encode_to_vec()) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_read_back_computes_what_was_written(
        opset in 13_u8..=21, batch in prop::option::of(1_usize..4), height in 33_usize..70, width in 33_usize..70,
        folded: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.onnx");
        let passes = if folded { &Pass::INFERENCE[..] } else { &Pass::INFERENCE[..1] };
        let options = Options { opset, batch: batch.map_or(Batch::Dynamic, Batch::Fixed), size: [height, width] };
        let metadata = write_to(&path, passes, options);

        let model = OnnxModel::open(&path).unwrap();
        prop_assert_eq!(&model.metadata, &metadata);
        prop_assert_eq!(model.options, options);
        let image = || {
            let shape = [1, 3, height, width];
            Tensor::new(shape, recipe::input("image", &shape).into_iter().map(f64::from).collect()).unwrap()
        };
        let expected = evaluate(&metadata.architecture.graph().unwrap(), &*weights(), vec![image()]).unwrap();
        let got = evaluate(&model.graph, &*model.weights, vec![image()]).unwrap();
        let error = got[0].data().iter().zip(expected[0].data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // Folded weights are rounded to float32 once.
        prop_assert!(error <= 1e-6 * expected[0].max_abs(), "off by {error:.1e}");
    }
}

#[test]
fn paths_through_supernets_are_read_back_as_strictly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("path.onnx");
    for text in [
        "hytra:5432/2300/1010/0000+base=2",
        "mbconv:01/2301/2301/2301/2301+base=8",
        "nats-c10:07/31/4+base=16",
        "nats-c100:11/1/11+base=8",
    ] {
        let architecture: Architecture = text.parse().unwrap();
        let graph = architecture.graph().unwrap();
        let whole: SharedWeights = Arc::new(RecipeWeights::new(graph.params(), recipe::RELU_GAIN, 0));
        let metadata = Metadata { architecture, ..metadata(&Pass::INFERENCE, [64, 64]) };
        let cut: SharedWeights = Arc::new(Cut::new(whole.clone(), &graph));
        let (folded, weights) = pass::apply(&metadata.passes, &graph, cut.clone());
        let options = Options { opset: 17, batch: Batch::Dynamic, size: [64, 64] };
        let mut file = AtomicFile::create(&path).unwrap();
        let _ = write(&mut file, &folded, &*weights, &*whole, options, &metadata).unwrap();
        file.commit().unwrap();

        let model = OnnxModel::open(&path).unwrap();
        assert_eq!(model.metadata, metadata);
        let outputs: Vec<&str> = model.graph.outputs().iter().map(|&value| model.graph.value_name(value)).collect();
        assert_eq!(outputs, ["features"]);
        let image = || {
            let values = recipe::input("image", &[1, 3, 64, 64]).into_iter().map(f64::from).collect();
            Tensor::new([1, 3, 64, 64], values).unwrap()
        };
        let expected = evaluate(&graph, &*cut, vec![image()]).unwrap();
        let got = evaluate(&model.graph, &*model.weights, vec![image()]).unwrap();
        let error = got[0].data().iter().zip(expected[0].data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // Folded weights are rounded to float32 once.
        assert!(error <= 2e-6 * expected[0].max_abs(), "{text} is off by {error:.1e}");
        assert_eq!(defects(&path, &whole).unwrap(), []);

        // The same file under the name of another path.
        let mut other = ModelProto::decode(std::fs::read(&path).unwrap().as_slice()).unwrap();
        let entry = other.metadata_props.iter_mut().find(|entry| entry.key() == "bossnas.architecture").unwrap();
        entry.value = Some(text.replace("hytra:5432", "hytra:5422").replace("/4+", "/5+").replace("/11+", "/12+"));
        entry.value = entry.value.take().map(|value| value.replace("mbconv:01", "mbconv:11"));
        let refused = OnnxModel::from_bytes("path.onnx", other.encode_to_vec());
        assert!(matches!(refused, Err(OnnxError::Differs { .. })), "{text}");
    }
}

#[test]
fn the_encoding_is_the_one_of_the_library() {
    let bytes = small_file();
    let model = ModelProto::decode(bytes.as_slice()).unwrap();
    assert!(model.encode_to_vec() == bytes, "decoded and encoded again, other bytes come out");
}

#[test]
fn a_file_with_anything_changed_is_refused_by_name() {
    fn graph(model: &mut ModelProto) -> &mut bossnas_converter::onnx::proto::GraphProto {
        model.graph.as_mut().unwrap()
    }
    let cases: [(&str, String); 8] = [
        ("accepted", refusal(|_| ())),
        (
            "`layer1.0.conv2.weight` belongs",
            refusal(|m| {
                let tensor = graph(m).initializer.iter_mut().find(|t| t.name() == "layer1.0.conv2.weight").unwrap();
                tensor.name = Some("layer1.0.conv9.weight".to_owned());
            }),
        ),
        (
            "tensor `fc.bias` has shape [1, 3]",
            refusal(|m| {
                graph(m).initializer.iter_mut().find(|t| t.name() == "fc.bias").unwrap().dims = vec![1, 3];
            }),
        ),
        (
            "node `maxpool` is not what",
            refusal(|m| {
                let node = graph(m).node.iter_mut().find(|n| n.name() == "maxpool").unwrap();
                node.attribute[0].ints = vec![2, 2];
            }),
        ),
        (
            "digest differs",
            refusal(|m| {
                let tensor = graph(m).initializer.iter_mut().find(|t| t.name() == "fc.weight").unwrap();
                let mut raw = tensor.raw_data.take().unwrap().to_vec();
                raw[5] ^= 1;
                tensor.raw_data = Some(raw.into());
            }),
        ),
        (
            "inputs or outputs",
            refusal(|m| {
                graph(m).output[0].name = Some("scores".to_owned());
            }),
        ),
        ("not written by bossnas-zoo", refusal(|m| m.metadata_props.clear())),
        ("opset 12 is not between", refusal(|m| m.opset_import[0].version = Some(12))),
    ];
    for (expected, found) in cases {
        assert!(found.contains(expected), "`{expected}` is not in `{found}`");
    }
}

#[test]
fn metadata_with_numbers_out_of_bounds_are_refused() {
    for (key, value) in [
        (
            "bossnas.preprocessing",
            r#"{"size":[64,64],"resize":[73,73],"interpolation":"bicubic","mean":[1e999,0,0],"std":[1,1,1]}"#,
        ),
        (
            "bossnas.preprocessing",
            r#"{"size":[64,0],"resize":[73,73],"interpolation":"bicubic","mean":[0,0,0],"std":[1,1,1]}"#,
        ),
        (
            "bossnas.preprocessing",
            r#"{"size":[64,64],"resize":[73,73],"interpolation":"bicubic","mean":[0,0,0],"std":[0,1,1]}"#,
        ),
        ("bossnas.passes", "fold-everything"),
        ("bossnas.labels", "{}"),
        ("bossnas.architecture", "bossnet:1/2/1/1"),
        ("bossnas.weights_sha256", "ab"),
    ] {
        let found = refusal(|model| {
            let entry = model.metadata_props.iter_mut().find(|e| e.key() == key).unwrap();
            entry.value = Some(value.to_owned());
        });
        assert!(found.contains(key), "`{key}` is not in `{found}`");
    }
}

#[test]
fn a_summary_tells_what_is_in_the_file() {
    let summary = Summary::of_bytes("tiny.onnx", small_file()).unwrap();
    assert_eq!(summary.source(), Some(Source::StateDict("model_ema".to_owned())));
    assert_eq!(summary.inputs[0].shape.as_deref().unwrap(), ["batch", "3", "64", "64"]);
    assert_eq!(summary.operators.get("BatchNormalization"), None);
    assert_eq!(summary.operators["Softmax"], 2);
    assert!(!summary.external_data);
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    for bytes in [&b""[..], b"\x08\x08", b"PK\x03\x04", b"hello world, this is text"] {
        let error = Summary::of_bytes("x.onnx", bytes.to_vec()).unwrap_err();
        assert!(matches!(error, OnnxError::NotOnnx { .. }), "{error}");
    }
}
