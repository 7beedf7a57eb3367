//! The values of any ONNX file: which there are, in the order in which they are computed, a copy of the file that puts some
//! of them out, and how exact they can be.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use prost::Message as _;

use super::OnnxError;
use super::proto::tensor_proto::DataType;
use super::proto::{GraphProto, ValueInfoProto, type_proto};
use super::read::decode;

/// A value that a node computes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComputedValue {
    /// Name of the value.
    pub name: String,
    /// Name of the node that computes it, which may be empty.
    pub node: String,
    /// Its operator.
    pub op: String,
    /// Values that the node reads, without those that are left out.
    pub inputs: Vec<String>,
}

/// What the file at `path` computes, in the order of its nodes, which is topological. Values inside of branches and loops are
/// not among them.
pub fn computed_values(path: &Path) -> Result<Vec<ComputedValue>, OnnxError> {
    let graph = decode(path)?.graph.unwrap_or_default();
    let mut values = Vec::new();
    for node in graph.node {
        let (name, op) = (node.name.unwrap_or_default(), node.op_type.unwrap_or_default());
        for output in node.output.into_iter().filter(|output| !output.is_empty()) {
            let inputs = node.input.iter().filter(|input| !input.is_empty()).cloned().collect();
            values.push(ComputedValue { name: output, node: name.clone(), op: op.clone(), inputs });
        }
    }
    Ok(values)
}

/// The bytes of a copy of the file at `path` whose outputs are `values`.
pub fn with_outputs(path: &Path, values: &[String]) -> Result<Vec<u8>, OnnxError> {
    let mut model = decode(path)?;
    let mut graph = model.graph.take().unwrap_or_default();
    let known = names(&graph);
    if let Some(unknown) = values.iter().find(|value| !known.contains(value.as_str())) {
        return Err(OnnxError::NoSuchValue { path: path.to_owned(), value: unknown.clone() });
    }
    let declared = std::mem::take(&mut graph.output);
    let output = |value: &String| {
        let is = |info: &&ValueInfoProto| info.name.as_ref() == Some(value);
        let info = declared.iter().chain(&graph.value_info).find(is).cloned();
        // A runtime finds out types and shapes itself.
        info.unwrap_or_else(|| ValueInfoProto { name: Some(value.clone()), ..ValueInfoProto::default() })
    };
    graph.output = values.iter().map(output).collect();
    model.graph = Some(graph);
    Ok(model.encode_to_vec())
}

/// Everything that has a name in the main graph.
fn names(graph: &GraphProto) -> HashSet<&str> {
    let computed = graph.node.iter().flat_map(|node| &node.output).map(String::as_str);
    let inputs = graph.input.iter().filter_map(|input| input.name.as_deref());
    let stored = graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref());
    computed.chain(inputs).chain(stored).collect()
}

/// What decides how far runs of a file may be apart by rounding alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numerics {
    /// The narrowest type that it computes with.
    pub narrowest: Narrowest,
    /// Nodes that sum products or average, on the longest way from an input to an output.
    pub depth: usize,
}

/// Types by their precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Narrowest {
    /// 53 bits.
    Float64,
    /// 24 bits.
    Float32,
    /// 11 bits.
    Float16,
    /// 8 bits.
    Bfloat16,
    /// Quantised to 8 bits.
    Int8,
}

impl Narrowest {
    /// The name of the type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float64 => "float64",
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Bfloat16 => "bfloat16",
            Self::Int8 => "int8",
        }
    }

    /// Half the distance between 1 and the next larger number.
    pub fn unit_roundoff(self) -> f64 {
        let bits = match self {
            Self::Float64 => 53,
            Self::Float32 => 24,
            Self::Float16 => 11,
            Self::Bfloat16 | Self::Int8 => 8,
        };
        f64::powi(0.5, bits)
    }
}

/// Operators that sum many numbers, each with an error of rounding of its own.
fn sums(op: &str) -> bool {
    let whole = [
        "Attention",
        "AveragePool",
        "Conv",
        "ConvInteger",
        "ConvTranspose",
        "Einsum",
        "GRU",
        "Gemm",
        "GlobalAveragePool",
        "LSTM",
        "MatMul",
        "MatMulInteger",
        "QLinearConv",
        "QLinearMatMul",
        "RNN",
        "Resize",
        "Softmax",
    ];
    whole.contains(&op) || op.ends_with("Normalization") || op.starts_with("Reduce")
}

/// Precision and depth of the file at `path`.
pub fn numerics(path: &Path) -> Result<Numerics, OnnxError> {
    let graph = decode(path)?.graph.unwrap_or_default();
    let of_type = |data_type: i32| match DataType::try_from(data_type) {
        Ok(DataType::Float) => Some(Narrowest::Float32),
        Ok(DataType::Float16) => Some(Narrowest::Float16),
        Ok(DataType::Bfloat16) => Some(Narrowest::Bfloat16),
        Ok(DataType::Double) => Some(Narrowest::Float64),
        _ => None,
    };
    let stored = graph.initializer.iter().filter_map(|tensor| of_type(tensor.data_type?));
    let ports =
        graph.input.iter().chain(&graph.output).filter_map(|port| match port.r#type.as_ref()?.value.as_ref()? {
            type_proto::Value::TensorType(tensor) => of_type(tensor.elem_type?),
            _ => None,
        });
    let quantised = graph
        .node
        .iter()
        .filter_map(|node| node.op_type.as_deref())
        .any(|op| op.starts_with("QLinear") || op.ends_with("Integer") || op == "DequantizeLinear");
    let quantised = quantised.then_some(Narrowest::Int8);
    let narrowest = stored.chain(ports).chain(quantised).max().unwrap_or(Narrowest::Float32);

    let mut depths: HashMap<&str, usize> = HashMap::new();
    for node in &graph.node {
        let before = node.input.iter().filter_map(|input| depths.get(input.as_str())).max().copied().unwrap_or(0);
        let depth = before + usize::from(sums(node.op_type.as_deref().unwrap_or_default()));
        depths.extend(node.output.iter().map(|output| (output.as_str(), depth)));
    }
    Ok(Numerics { narrowest, depth: depths.into_values().max().unwrap_or(0) })
}
