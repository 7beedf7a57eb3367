//! Files of others: arrays of any type, tensors in other files, and more memory than there is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

use bossnas_converter::onnx::proto::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto,
    tensor_proto::{DataLocation, DataType},
    tensor_shape_proto, type_proto,
};
use bossnas_files::SourceFile;
use bossnas_files::npy::{self, Element, Tensor};
use bossnas_zoo::runtime::Provider;
use bossnas_zoo::runtime::library::Library;
use prost::Message as _;
use serde_json::Value;

fn zoo(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bossnas-zoo"));
    let output = command.current_dir(folder).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The runtimes that are here.
fn runtimes() -> Vec<&'static str> {
    match Library::choose(Provider::Cpu) {
        Ok(_) => vec!["tract", "cpu"],
        Err(error) => {
            let strict = std::env::var_os("BOSSNAS_STRICT").is_some_and(|value| !value.is_empty());
            assert!(!strict, "{error}, and $BOSSNAS_STRICT is set");
            eprintln!("SKIPPED ort-cpu: {error}");
            vec!["tract"]
        }
    }
}

fn port(name: &str, kind: DataType, shape: &[i64]) -> ValueInfoProto {
    let extent = |&extent: &i64| tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::dimension::Value::DimValue(extent)),
        ..Default::default()
    };
    let shape = TensorShapeProto { dim: shape.iter().map(extent).collect() };
    let tensor = type_proto::Tensor { elem_type: Some(kind.into()), shape: Some(shape) };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(r#type), ..Default::default() }
}

/// A model of one node `y = op(...)`.
fn model(op: &str, inputs: &[&str], ports: [ValueInfoProto; 2], initializer: Option<TensorProto>) -> Vec<u8> {
    let [input, output] = ports;
    let node = NodeProto {
        op_type: Some(op.to_owned()),
        name: Some("node".to_owned()),
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec!["y".to_owned()],
        ..Default::default()
    };
    let graph = GraphProto {
        name: Some("graph".to_owned()),
        node: vec![node],
        initializer: initializer.into_iter().collect(),
        input: vec![input],
        output: vec![output],
        ..Default::default()
    };
    let opset = OperatorSetIdProto { domain: Some(String::new()), version: Some(17) };
    ModelProto { ir_version: Some(8), opset_import: vec![opset], graph: Some(graph), ..Default::default() }
        .encode_to_vec()
}

#[test]
fn whole_numbers_go_in_and_come_out_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let ports = [port("x", DataType::Int64, &[2]), port("y", DataType::Int64, &[2])];
    fs::write(folder.path().join("twice.onnx"), model("Add", &["x", "x"], ports, None)).unwrap();
    // More digits than a float64 has.
    let numbers = [(1_i64 << 60) + 1, -3];
    let bytes = |numbers: [i64; 2]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let tensor = Tensor::new(Element::Int64, vec![2], bytes(numbers)).unwrap();
    npy::write_tensor(folder.path().join("x.npy"), &tensor).unwrap();
    for provider in runtimes() {
        let arguments = ["run", "twice.onnx", "--input", "x.npy", "--output", "y.npy", "--provider", provider];
        let (code, _, said) = zoo(folder.path(), &arguments);
        assert_eq!(code, Some(0), "{said}");
        let twice = npy::read_tensor(&SourceFile::open(folder.path().join("y.npy")).unwrap()).unwrap();
        assert_eq!((twice.element(), twice.bytes()), (Element::Int64, bytes(numbers.map(|n| n * 2)).as_slice()));
    }
    let halves = Tensor::from_f64s(Element::Float32, vec![2], &[0.5, 1.0]).unwrap();
    npy::write_tensor(folder.path().join("halves.npy"), &halves).unwrap();
    let (code, _, said) = zoo(folder.path(), &["run", "twice.onnx", "--input", "halves.npy"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot hold all of the float32 numbers"), "{said}");
}

/// `y = x + w`, with `w` in another file.
fn with_external_data(location: &str) -> Vec<u8> {
    let entry =
        |key: &str, value: &str| StringStringEntryProto { key: Some(key.to_owned()), value: Some(value.to_owned()) };
    let weights = TensorProto {
        name: Some("w".to_owned()),
        dims: vec![2],
        data_type: Some(DataType::Float.into()),
        data_location: Some(DataLocation::External.into()),
        external_data: vec![entry("location", location), entry("offset", "4"), entry("length", "8")],
        ..Default::default()
    };
    model("Add", &["x", "w"], [port("x", DataType::Float, &[2]), port("y", DataType::Float, &[2])], Some(weights))
}

#[test]
fn tensors_in_other_files_are_read_inside_of_the_models_folder_only() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("model");
    fs::create_dir(&folder).unwrap();
    let numbers: Vec<u8> = [0.0_f32, 1.0, 2.0].iter().flat_map(|number| number.to_le_bytes()).collect();
    fs::write(folder.join("w.bin"), &numbers).unwrap();
    fs::write(outer.path().join("secret.bin"), &numbers).unwrap();
    npy::write_path(outer.path().join("x.npy"), &[2], &[10.0, 20.0]).unwrap();
    for (location, fits) in [("w.bin", true), ("../secret.bin", false), ("missing.bin", false)] {
        fs::write(folder.join("m.onnx"), with_external_data(location)).unwrap();
        for provider in runtimes() {
            // Also with an output that the file does not declare, which makes a copy of it in memory.
            for output in ["y", "w"].iter().take(if provider == "cpu" { 1 } else { 2 }) {
                let output = format!("{output}=out.npy");
                let arguments =
                    ["run", "model/m.onnx", "--input", "x.npy", "--output", &output, "--provider", provider];
                let (code, _, said) = zoo(outer.path(), &arguments);
                assert_eq!(code, Some(i32::from(!fits)), "{location} in {provider}: {said}");
                assert!(fits || said.contains(location), "{said}");
            }
        }
    }
    fs::write(folder.join("m.onnx"), with_external_data("w.bin")).unwrap();
    let (code, stdout, said) = zoo(outer.path(), &["run", "model/m.onnx", "--input", "x.npy", "--json"]);
    assert_eq!(code, Some(0), "{said}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&document["outputs"][0]["min"], &document["outputs"][0]["max"]),
        (&Value::from(11.0), &Value::from(22.0))
    );
    let (code, stdout, said) = zoo(outer.path(), &["validate", "model/m.onnx", "--against", "tract,tract"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{said}");
}

/// A model that fills a matrix of these extents with a number.
#[cfg(unix)]
fn repeated(folder: &Path, times: [i64; 2]) {
    let extent = TensorProto {
        name: Some("extent".to_owned()),
        dims: vec![2],
        data_type: Some(DataType::Int64.into()),
        int64_data: times.to_vec(),
        ..Default::default()
    };
    let ports = [port("x", DataType::Float, &[1]), port("y", DataType::Float, &times)];
    fs::write(folder.join("repeat.onnx"), model("Expand", &["x", "extent"], ports, Some(extent))).unwrap();
    npy::write_path(folder.join("x.npy"), &[1], &[1.0]).unwrap();
}

#[cfg(unix)]
#[test]
fn more_memory_than_there_is_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    // More than any machine can address.
    repeated(folder.path(), [1 << 20, 1 << 26]);
    for provider in runtimes() {
        let (code, stdout, said) =
            zoo(folder.path(), &["run", "repeat.onnx", "--input", "x.npy", "--provider", provider]);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{provider}: {said}");
        assert!(said.contains("error: "), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_memory_limit_holds_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    // A gigabyte.
    repeated(folder.path(), [1 << 8, 1 << 20]);
    let limited = |provider: &str, limit: &str| {
        zoo(folder.path(), &["run", "repeat.onnx", "--input", "x.npy", "--provider", provider, "--memory-limit", limit])
    };
    for provider in runtimes() {
        let (code, _, said) = limited(provider, "700M");
        assert_eq!(code, Some(1), "{provider}: {said}");
        assert!(said.contains("--memory-limit allows more"), "{said}");
    }
    let (code, _, said) = limited("cuda", "1G");
    assert_eq!(code, Some(2), "{said}");
}
