//! What any ONNX file holds, ours or foreign: for `inspect`.

use std::collections::BTreeMap;
use std::path::Path;

use super::proto::{
    ModelProto, TensorProto, ValueInfoProto, tensor_proto, tensor_shape_proto::dimension::Value, type_proto,
};
use super::read::{decode, decode_bytes};
use super::{OnnxError, Source, external};

/// An input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Name of the value.
    pub name: String,
    /// Element type as the standard names it (`FLOAT`), or the kind of value if it is no tensor.
    pub kind: String,
    /// Extents: a number, a symbol, or `?`. `None` where the file does not say.
    pub shape: Option<Vec<String>>,
}

/// What an ONNX file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// IR version.
    pub ir_version: i64,
    /// Program that wrote it, with its version.
    pub producer: String,
    /// Operator sets: domain (empty for the standard's own) and version.
    pub opsets: Vec<(String, i64)>,
    /// Name of the graph.
    pub graph: String,
    /// Inputs that are no initializers.
    pub inputs: Vec<Port>,
    /// Outputs.
    pub outputs: Vec<Port>,
    /// How many nodes of each operator, by name.
    pub operators: BTreeMap<String, usize>,
    /// Number of initializers.
    pub initializers: usize,
    /// Bytes that their elements take, by their shapes.
    pub initializer_bytes: u64,
    /// Whether some initializers lie in other files.
    pub external_data: bool,
    /// Key and value of each metadata entry, in stored order.
    pub metadata: Vec<(String, String)>,
}

impl Summary {
    /// Reads the file at `path`.
    pub fn of_file(path: impl AsRef<Path>) -> Result<Self, OnnxError> {
        let path = path.as_ref();
        Ok(Self::new(&decode(path)?))
    }

    /// Reads the file at `path`, which is going to be run: tensors that lie in other files must lie where they may.
    pub fn of_runnable(path: impl AsRef<Path>) -> Result<Self, OnnxError> {
        let path = path.as_ref();
        let model = decode(path)?;
        external::check(path, &model)?;
        Ok(Self::new(&model))
    }

    /// Reads a file from memory; `path` is for messages.
    pub fn of_bytes(path: impl AsRef<Path>, bytes: impl Into<bytes::Bytes>) -> Result<Self, OnnxError> {
        Ok(Self::new(&decode_bytes(path.as_ref(), bytes.into())?))
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.operators.values().sum()
    }

    /// Where the weights come from, if the file is one of ours.
    pub fn source(&self) -> Option<Source> {
        Source::parse(|key| self.metadata.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())).ok()
    }

    fn new(model: &ModelProto) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let graph = model.graph.clone().unwrap_or_default();
        let mut operators = BTreeMap::new();
        for node in &graph.node {
            let domain = text(&node.domain);
            let op = text(&node.op_type);
            let op = if domain.is_empty() { op } else { format!("{domain}.{op}") };
            *operators.entry(op).or_default() += 1;
        }
        let is_initializer = |input: &&ValueInfoProto| graph.initializer.iter().any(|tensor| tensor.name == input.name);
        let producer = format!("{} {}", text(&model.producer_name), text(&model.producer_version));
        Self {
            ir_version: model.ir_version.unwrap_or_default(),
            producer: producer.trim().to_owned(),
            opsets: model.opset_import.iter().map(|o| (text(&o.domain), o.version.unwrap_or_default())).collect(),
            graph: text(&graph.name),
            inputs: graph.input.iter().filter(|input| !is_initializer(input)).map(port).collect(),
            outputs: graph.output.iter().map(port).collect(),
            operators,
            initializers: graph.initializer.len(),
            initializer_bytes: graph.initializer.iter().map(tensor_bytes).fold(0, u64::saturating_add),
            external_data: graph.initializer.iter().any(|tensor| !tensor.external_data.is_empty()),
            metadata: model.metadata_props.iter().map(|e| (text(&e.key), text(&e.value))).collect(),
        }
    }
}

fn port(value: &ValueInfoProto) -> Port {
    let name = value.name.clone().unwrap_or_default();
    let kind = value.r#type.as_ref().and_then(|t| t.value.as_ref());
    let Some(type_proto::Value::TensorType(tensor)) = kind else {
        return Port { name, kind: if kind.is_some() { "no tensor" } else { "unknown" }.to_owned(), shape: None };
    };
    let extent = |value: &Option<Value>| match value {
        // Some exporters write -1 where they mean that nobody knows.
        Some(Value::DimValue(..0)) => "?".to_owned(),
        Some(Value::DimValue(extent)) => extent.to_string(),
        Some(Value::DimParam(symbol)) if !symbol.is_empty() => symbol.clone(),
        Some(Value::DimParam(_)) | None => "?".to_owned(),
    };
    let shape = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(|dim| extent(&dim.value)).collect());
    Port { name, kind: type_name(tensor.elem_type.unwrap_or_default()).to_owned(), shape }
}

fn type_name(elem_type: i32) -> &'static str {
    tensor_proto::DataType::try_from(elem_type).map_or("unknown", |kind| kind.as_str_name())
}

/// Bytes of a tensor by its extents and type; saturating, since extents are whatever the file says.
fn tensor_bytes(tensor: &TensorProto) -> u64 {
    use tensor_proto::DataType as T;
    let bits: u64 = match T::try_from(tensor.data_type.unwrap_or_default()) {
        Ok(T::Complex128) => 128,
        Ok(T::Double | T::Int64 | T::Uint64 | T::Complex64) => 64,
        Ok(T::Float | T::Int32 | T::Uint32) => 32,
        Ok(T::Float16 | T::Bfloat16 | T::Int16 | T::Uint16) => 16,
        Ok(T::Uint4 | T::Int4 | T::Float4e2m1) => 4,
        _ => 8,
    };
    let elements = tensor.dims.iter().map(|&extent| u64::try_from(extent).unwrap_or(0)).fold(1, u64::saturating_mul);
    elements.saturating_mul(bits).div_ceil(8)
}
