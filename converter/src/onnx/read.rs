//! Reads a file of ours back: the metadata say which network and which passes, the graph is rebuilt from them, and the
//! file must hold exactly the nodes and tensors that this graph is written as.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use bossnas_files::SourceFile;
use bossnas_model::graph::Graph;
use bossnas_model::pass;
use bossnas_model::weights::{DType, MemoryWeights, Problem, TensorInfo, Weights, WeightsError};
use bytes::Bytes;
use prost::Message as _;

use super::digest::{self, Entry};
use super::emit::{Initializer, Skeleton, emit};
use super::metadata::{Digests, Metadata};
use super::proto::{
    GraphProto, ModelProto, TensorProto, ValueInfoProto, tensor_shape_proto::dimension::Value, type_proto,
};
use super::{Batch, MAX_BYTES, MAX_OPSET, MIN_OPSET, OnnxError, Options};

/// A file of ours, rebuilt.
pub struct OnnxModel {
    /// The graph after the passes that the metadata name.
    pub graph: Graph,
    /// Its weights, float32.
    pub weights: Arc<dyn Weights>,
    /// What the file says about itself.
    pub metadata: Metadata,
    /// How it was written.
    pub options: Options,
    /// Digest of the state dict it was made from.
    pub weights_digest: bossnas_files::Digest,
}

/// Decodes any ONNX file.
pub(super) fn decode(path: &Path) -> Result<ModelProto, OnnxError> {
    let source = SourceFile::open(path)?;
    if source.len() > MAX_BYTES {
        return Err(OnnxError::TooLarge { path: path.to_owned(), bytes: source.len() });
    }
    decode_bytes(path, source.read_at(0, source.len())?.into())
}

pub(super) fn decode_bytes(path: &Path, bytes: Bytes) -> Result<ModelProto, OnnxError> {
    let not_onnx = |problem: String| OnnxError::NotOnnx { path: path.to_owned(), problem };
    let model = ModelProto::decode(bytes).map_err(|e| not_onnx(e.to_string()))?;
    // Any few bytes may decode to something: a model has a graph and says which operators it uses.
    match (&model.graph, model.opset_import.is_empty()) {
        (None, _) => Err(not_onnx("there is no graph in it".to_owned())),
        (_, true) => Err(not_onnx("it does not say which operator set it uses".to_owned())),
        _ => Ok(model),
    }
}

impl OnnxModel {
    /// Opens a file of ours.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OnnxError> {
        let path = path.as_ref();
        Self::rebuild(path, decode(path)?)
    }

    /// Like [`OnnxModel::open`], for bytes in memory; `path` is for messages.
    pub fn from_bytes(path: impl AsRef<Path>, bytes: impl Into<Bytes>) -> Result<Self, OnnxError> {
        let path = path.as_ref();
        Self::rebuild(path, decode_bytes(path, bytes.into())?)
    }

    fn rebuild(path: &Path, model: ModelProto) -> Result<Self, OnnxError> {
        let differs = |problem: String| OnnxError::Differs { path: path.to_owned(), problem };
        let (claims, digests) = Claims::read(path, &model)?;
        let file = model.graph.unwrap_or_default();
        let unfolded = claims.metadata.architecture.graph()?;
        // A pass never looks at numbers before they are read.
        let (graph, _) = pass::apply(&claims.metadata.passes, &unfolded, Arc::new(MemoryWeights::default()));
        let expected = emit(&graph, claims.options)?;
        compare(&expected, &file).map_err(differs)?;
        let weights = FileWeights::new(&graph, &expected.initializers, file.initializer, digests).map_err(differs)?;
        let Claims { metadata, options, weights_digest } = claims;
        Ok(Self { graph, weights: Arc::new(weights), metadata, options, weights_digest })
    }
}

/// What a file of ours says that it is. Nothing of it is proved.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// What it says about itself.
    pub metadata: Metadata,
    /// How it was written.
    pub options: Options,
    /// Digest of the state dict it was made from.
    pub weights_digest: bossnas_files::Digest,
}

impl Claims {
    /// What the file at `path` says that it is; [`OnnxError::Foreign`] if it is none of ours.
    pub fn of_file(path: impl AsRef<Path>) -> Result<Self, OnnxError> {
        let path = path.as_ref();
        Ok(Self::read(path, &decode(path)?)?.0)
    }

    pub(super) fn read(path: &Path, model: &ModelProto) -> Result<(Self, Digests), OnnxError> {
        let foreign = |problem: String| OnnxError::Foreign { path: path.to_owned(), problem };
        let differs = |problem: String| OnnxError::Differs { path: path.to_owned(), problem };
        let (metadata, digests) = Metadata::parse(&model.metadata_props).map_err(foreign)?;
        let opset = model.opset_import.first().and_then(|opset| opset.version).unwrap_or_default();
        let opset =
            u8::try_from(opset).ok().filter(|o| (MIN_OPSET..=MAX_OPSET).contains(o)).ok_or(OnnxError::Opset(opset))?;
        let extents = model.graph.as_ref().and_then(input_extents);
        let (batch, size) = extents.ok_or_else(|| differs("its input is no batch of images".to_owned()))?;
        let options = Options { opset, batch, size };
        Ok((Self { metadata, options, weights_digest: digests.weights }, digests))
    }
}

/// Batch, height and width that the input declares.
fn input_extents(graph: &GraphProto) -> Option<(Batch, [usize; 2])> {
    let [input] = graph.input.as_slice() else { return None };
    let Some(type_proto::Value::TensorType(tensor)) = input.r#type.as_ref()?.value.as_ref() else { return None };
    let [n, _, h, w] = tensor.shape.as_ref()?.dim.as_slice() else { return None };
    let fixed = |value: &Option<Value>| match value {
        Some(Value::DimValue(extent)) => usize::try_from(*extent).ok().filter(|extent| (1..1 << 20).contains(extent)),
        _ => None,
    };
    let batch = match &n.value {
        Some(Value::DimParam(_)) => Batch::Dynamic,
        value => Batch::Fixed(fixed(value)?),
    };
    Some((batch, [fixed(&h.value)?, fixed(&w.value)?]))
}

/// The first difference between what a graph is written as and what a file holds.
fn compare(expected: &Skeleton, file: &GraphProto) -> Result<(), String> {
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    for (ours, theirs) in expected.nodes.iter().zip(&file.node) {
        if ours != theirs {
            return Err(format!("node `{}` is not what its architecture has there", name(&theirs.name)));
        }
    }
    let counts = [expected.nodes.len(), file.node.len()];
    if counts[0] != counts[1] {
        return Err(format!("it has {} nodes, its architecture has {}", counts[1], counts[0]));
    }
    let same = |ours: &[ValueInfoProto], theirs: &[ValueInfoProto]| ours == theirs;
    if !same(&expected.inputs, &file.input) || !same(&expected.outputs, &file.output) {
        return Err("its inputs or outputs are not what its architecture has".to_owned());
    }
    for (ours, theirs) in expected.initializers.iter().zip(&file.initializer) {
        let dims: Vec<i64> = ours.dims.iter().map(|&extent| extent as i64).collect();
        if theirs.name.as_deref() != Some(&ours.name) {
            return Err(format!("it has a tensor `{}` where `{}` belongs", name(&theirs.name), ours.name));
        }
        if theirs.dims != dims {
            return Err(format!("tensor `{}` has shape {:?}, its architecture needs {dims:?}", ours.name, theirs.dims));
        }
        if theirs.data_type != Some(ours.data_type().into()) {
            return Err(format!("tensor `{}` has the wrong element type", ours.name));
        }
    }
    let counts = [expected.initializers.len(), file.initializer.len()];
    if counts[0] != counts[1] {
        return Err(format!("it has {} tensors, its architecture has {}", counts[1], counts[0]));
    }
    Ok(())
}

/// The float32 initializers of a file.
struct FileWeights {
    order: Vec<String>,
    tensors: HashMap<String, (TensorInfo, Bytes)>,
}

impl FileWeights {
    fn new(
        graph: &Graph,
        expected: &[Initializer],
        initializers: Vec<TensorProto>,
        digests: Digests,
    ) -> Result<Self, String> {
        let mut weights = Self { order: Vec::new(), tensors: HashMap::new() };
        let mut entries = Vec::with_capacity(expected.len());
        let params: HashMap<&str, &[usize]> =
            graph.params().iter().map(|param| (param.name.as_str(), param.shape.as_slice())).collect();
        for (initializer, tensor) in expected.iter().zip(initializers) {
            let raw = tensor.raw_data.unwrap_or_default();
            let data_type = initializer.data_type();
            if raw.len() != initializer.byte_len() {
                return Err(format!("tensor `{}` has {} bytes, not what its shape needs", initializer.name, raw.len()));
            }
            entries.push(Entry::new(&initializer.name, data_type.as_str_name(), &initializer.dims, &raw));
            if let Some(shape) = params.get(initializer.name.as_str()) {
                let info = TensorInfo { dtype: DType::F32, shape: shape.to_vec() };
                weights.order.push(initializer.name.clone());
                weights.tensors.insert(initializer.name.clone(), (info, raw));
            }
        }
        if digest::of_set(entries) != digests.initializers {
            return Err("its tensors are not those it was written with (their digest differs)".to_owned());
        }
        Ok(weights)
    }
}

impl Weights for FileWeights {
    fn names(&self) -> Vec<&str> {
        self.order.iter().map(String::as_str).collect()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name).map(|(info, _)| info)
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError> {
        let (_, bytes) = self.tensors.get(name).ok_or_else(|| WeightsError::new(name, Problem::Missing))?;
        Ok(Cow::Borrowed(bytes))
    }
}
