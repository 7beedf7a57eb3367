//! The smallest file that works hard: one product of matrices.

use bossnas_converter::onnx::proto::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
    tensor_proto::DataType, tensor_shape_proto, type_proto,
};

/// `y = x w`, square matrices of float32 with `side` rows, and a `w` of ones.
pub(crate) fn product_of_matrices(side: usize) -> ModelProto {
    let extent = |extent: usize| tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::dimension::Value::DimValue(extent as i64)),
        ..Default::default()
    };
    let shape = TensorShapeProto { dim: vec![extent(side), extent(side)] };
    let tensor = type_proto::Tensor { elem_type: Some(DataType::Float.into()), shape: Some(shape) };
    let port = |name: &str| ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor.clone())), ..Default::default() }),
        ..Default::default()
    };
    let weights = TensorProto {
        name: Some("w".to_owned()),
        dims: vec![side as i64; 2],
        data_type: Some(DataType::Float.into()),
        raw_data: Some(1.0_f32.to_le_bytes().repeat(side * side).into()),
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
