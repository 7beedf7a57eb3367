//! The values of any ONNX file: which there are, in the order in which they are computed, and a copy of the file that puts
//! some of them out.

use std::collections::HashSet;
use std::path::Path;

use prost::Message as _;

use super::OnnxError;
use super::proto::{GraphProto, ValueInfoProto};
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
