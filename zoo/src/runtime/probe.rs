//! Whether a runtime works here, tried with a file of one node.

use bossnas_converter::onnx::proto::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
    tensor_proto::DataType, tensor_shape_proto, type_proto,
};
use bossnas_files::npy::{Element, Tensor};
use prost::Message as _;

use super::error::RuntimeError;
use super::library::Library;
use super::settings::{InputSpec, Load, Settings};
use super::{Runtime, Session};

/// Rows and columns of the product that is tried.
const SIDE: usize = 4;

/// A runtime that works.
#[derive(Debug, Clone)]
pub struct Works {
    /// Which build of ONNX Runtime it is, in its own words.
    pub build: Option<String>,
    /// The library that it is in.
    pub library: Option<Library>,
}

/// Runs a product of matrices in `runtime`; the error says why that cannot be.
pub fn probe(runtime: Runtime) -> Result<Works, RuntimeError> {
    let library = match runtime {
        Runtime::Tract => None,
        Runtime::Ort(provider) => Some(Library::choose(provider)?),
    };
    let failed = |error: std::io::Error| RuntimeError::failed(format!("no folder to try {runtime} in: {error}"));
    let folder = tempfile::tempdir().map_err(failed)?;
    let model = folder.path().join("probe.onnx");
    std::fs::write(&model, product().encode_to_vec()).map_err(failed)?;
    let shape = vec![SIDE, SIDE];
    let load = Load {
        model,
        runtime,
        inputs: vec![InputSpec { name: "x".to_owned(), element: Element::Float32, shape: shape.clone() }],
        symbols: Vec::new(),
        outputs: None,
        settings: Settings { threads: Some(1), profile: runtime != Runtime::Tract, ..Settings::default() },
    };
    let mut session = Session::load(&load)?;
    let ones = Tensor::from_f64s(Element::Float32, shape, &[1.0; SIDE * SIDE]);
    let ran = session.run(&[("x".to_owned(), ones.unwrap_or_else(|| unreachable!("a tensor of ones")))])?;
    let right = ran.outputs.iter().all(|(_, tensor)| tensor.f64s() == [SIDE as f64; SIDE * SIDE]);
    if right {
        Ok(Works { build: session.build().map(str::to_owned), library })
    } else {
        Err(RuntimeError::failed(format!("{runtime} computes a product of matrices wrongly")))
    }
}

/// `y = x w`, with a `w` of ones.
fn product() -> ModelProto {
    let extent = |extent: usize| tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::dimension::Value::DimValue(extent as i64)),
        ..Default::default()
    };
    let shape = TensorShapeProto { dim: vec![extent(SIDE), extent(SIDE)] };
    let tensor = type_proto::Tensor { elem_type: Some(DataType::Float.into()), shape: Some(shape) };
    let port = |name: &str| ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor.clone())), ..Default::default() }),
        ..Default::default()
    };
    let weights = TensorProto {
        name: Some("w".to_owned()),
        dims: vec![SIDE as i64; 2],
        data_type: Some(DataType::Float.into()),
        float_data: vec![1.0; SIDE * SIDE],
        ..Default::default()
    };
    let node = NodeProto {
        op_type: Some("MatMul".to_owned()),
        name: Some("product".to_owned()),
        input: vec!["x".to_owned(), "w".to_owned()],
        output: vec!["y".to_owned()],
        ..Default::default()
    };
    let graph = GraphProto {
        name: Some("probe".to_owned()),
        node: vec![node],
        initializer: vec![weights],
        input: vec![port("x")],
        output: vec![port("y")],
        ..Default::default()
    };
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(17) }],
        graph: Some(graph),
        ..Default::default()
    }
}
