//! What of a file of ours is not as it was written: every node and every tensor, held against what its architecture and the
//! weights it was made from give when they are written again.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use bossnas_model::pass;
use bossnas_model::weights::{Cut, SharedWeights};

use super::emit::{Initializer, emit};
use super::proto::{GraphProto, NodeProto, TensorProto};
use super::read::{Claims, decode};
use super::write::bytes_of;
use super::{OnnxError, Options};

/// A node or a tensor that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// The value that is computed wrongly because of it.
    pub value: String,
    /// What it is, in a few words.
    pub problem: String,
}

/// All defects of the file at `path`, which says that it is one of ours, made from `source`, in the order of its nodes.
pub fn defects(path: &Path, source: &SharedWeights) -> Result<Vec<Defect>, OnnxError> {
    let model = decode(path)?;
    let Claims { metadata, options, .. } = Claims::read(path, &model)?.0;
    let file = model.graph.unwrap_or_default();
    let graph = metadata.architecture.graph()?;
    let weights: SharedWeights = Arc::new(Cut::new(source.clone(), &graph));
    let (graph, weights) = pass::apply(&metadata.passes, &graph, weights);
    let expected = emit(&graph, options)?;
    let mut defects = nodes(&expected.nodes, &file.node);
    let tensors: HashMap<&str, &TensorProto> =
        file.initializer.iter().filter_map(|tensor| Some((tensor.name.as_deref()?, tensor))).collect();
    for initializer in &expected.initializers {
        let problem = match tensors.get(initializer.name.as_str()) {
            None => Some(format!("tensor `{}` is missing", initializer.name)),
            Some(tensor) => tensor_problem(initializer, tensor, &bytes_of(initializer, &*weights)?),
        };
        defects.extend(problem.map(|problem| Defect { value: reader(&expected.nodes, &initializer.name), problem }));
    }
    let known = |tensor: &&TensorProto| {
        expected.initializers.iter().any(|initializer| tensor.name.as_deref() == Some(&initializer.name))
    };
    for tensor in file.initializer.iter().filter(|tensor| !known(tensor)) {
        let name = tensor.name.clone().unwrap_or_default();
        let problem = format!("tensor `{name}` does not belong there");
        defects.push(Defect { value: reader(&file.node, &name), problem });
    }
    defects.extend(ports(&expected.inputs, &expected.outputs, &file, options));
    let place: HashMap<&str, usize> =
        expected.nodes.iter().enumerate().map(|(index, node)| (output(node), index)).collect();
    defects.sort_by_key(|defect| place.get(defect.value.as_str()).copied().unwrap_or(usize::MAX));
    Ok(defects)
}

fn output(node: &NodeProto) -> &str {
    node.output.first().map_or("", String::as_str)
}

/// The first value that is computed from a tensor.
fn reader(nodes: &[NodeProto], tensor: &str) -> String {
    let reads = |node: &&NodeProto| node.input.iter().any(|input| input == tensor);
    nodes.iter().find(reads).map(output).unwrap_or_default().to_owned()
}

/// Nodes are found by their names, so that one too many does not make all that follow wrong.
fn nodes(expected: &[NodeProto], file: &[NodeProto]) -> Vec<Defect> {
    let name = |node: &NodeProto| node.name.clone().unwrap_or_default();
    let by_name: HashMap<String, &NodeProto> = file.iter().map(|node| (name(node), node)).collect();
    let mut defects = Vec::new();
    for node in expected {
        let problem = match by_name.get(&name(node)) {
            Some(found) if *found == node => continue,
            Some(_) => format!("node `{}` is not what its architecture has there", name(node)),
            None => format!("node `{}` is missing", name(node)),
        };
        defects.push(Defect { value: output(node).to_owned(), problem });
    }
    for node in file.iter().filter(|node| !expected.iter().any(|own| own.name == node.name)) {
        let problem = format!("node `{}` does not belong there", name(node));
        defects.push(Defect { value: output(node).to_owned(), problem });
    }
    defects
}

fn tensor_problem(expected: &Initializer, tensor: &TensorProto, bytes: &[u8]) -> Option<String> {
    let name = &expected.name;
    let dims: Vec<i64> = expected.dims.iter().map(|&extent| extent as i64).collect();
    if tensor.dims != dims || tensor.data_type != Some(expected.data_type().into()) {
        return Some(format!("tensor `{name}` has shape {:?} or type other than {dims:?}", tensor.dims));
    }
    let raw = tensor.raw_data.as_deref().unwrap_or_default();
    if raw.len() != bytes.len() {
        return Some(format!("tensor `{name}` has {} bytes of {}", raw.len(), bytes.len()));
    }
    let differing: Vec<usize> = (0..raw.len() / 4).filter(|&at| raw[at * 4..][..4] != bytes[at * 4..][..4]).collect();
    let first = *differing.first()?;
    let number = |bytes: &[u8]| f32::from_le_bytes([0, 1, 2, 3].map(|byte| bytes[first * 4 + byte]));
    Some(format!(
        "tensor `{name}` has {} wrong elements, number {first} the first of them: {} and not {}",
        differing.len(),
        number(raw),
        number(bytes)
    ))
}

fn ports(
    inputs: &[super::proto::ValueInfoProto],
    outputs: &[super::proto::ValueInfoProto],
    file: &GraphProto,
    options: Options,
) -> Option<Defect> {
    let [height, width] = options.size;
    let problem = format!("inputs or outputs are not those of images of {height}x{width}");
    (inputs != file.input || outputs != file.output).then_some(Defect { value: String::new(), problem })
}
