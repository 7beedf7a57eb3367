//! From a graph to the nodes of an ONNX model, without the numbers.
//!
//! Every graph value is an ONNX value of the same name. Where one operator takes several nodes, those before the last are
//! called after it (`layer4.0.net.2.scores`).

use bossnas_model::graph::{Activation, Graph, Node, NormParams, Op, Orientation, ParamId, ValueId};
use bossnas_model::shape::{self, ShapeError};

use super::proto::{
    AttributeProto, NodeProto, TensorShapeProto, TypeProto, ValueInfoProto, attribute_proto, tensor_proto,
    tensor_shape_proto, type_proto,
};
use super::{Batch, Options};

/// A tensor that is stored in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Initializer {
    pub(super) name: String,
    pub(super) dims: Vec<usize>,
    pub(super) data: Data,
}

/// Where its elements come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    /// A parameter of the graph, float32, of the initializer's name.
    Param,
    /// Extents for a `Reshape`, axes, sizes.
    Int64(Vec<i64>),
    /// Constants of the arithmetic.
    Float(Vec<f32>),
}

impl Initializer {
    pub(super) fn data_type(&self) -> tensor_proto::DataType {
        match self.data {
            Data::Param | Data::Float(_) => tensor_proto::DataType::Float,
            Data::Int64(_) => tensor_proto::DataType::Int64,
        }
    }

    /// Bytes of its elements.
    pub(super) fn byte_len(&self) -> usize {
        let element = match self.data {
            Data::Param | Data::Float(_) => size_of::<f32>(),
            Data::Int64(_) => size_of::<i64>(),
        };
        element * self.dims.iter().product::<usize>()
    }
}

/// A model without its numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Skeleton {
    pub(super) nodes: Vec<NodeProto>,
    pub(super) initializers: Vec<Initializer>,
    pub(super) inputs: Vec<ValueInfoProto>,
    pub(super) outputs: Vec<ValueInfoProto>,
}

/// The nodes that compute `graph`.
pub(super) fn emit(graph: &Graph, options: Options) -> Result<Skeleton, ShapeError> {
    let batch = options.batch.fixed().unwrap_or(1);
    let [height, width] = options.size;
    let inputs: Vec<[usize; 4]> = graph.inputs().iter().map(|input| [batch, input.channels, height, width]).collect();
    let shapes = shape::infer(graph, &inputs)?;
    let mut emitter = Emitter { graph, shapes: &shapes, options, nodes: Vec::new(), initializers: Vec::new() };
    for param in referenced(graph) {
        let param = graph.param(param);
        emitter.initializers.push(Initializer {
            name: param.name.clone(),
            dims: param.shape.clone(),
            data: Data::Param,
        });
    }
    for (index, node) in graph.nodes().iter().enumerate() {
        emitter.node(node, graph.value_of(index));
    }
    let info = |value: ValueId| value_info(graph.value_name(value), &shapes[value.index()], options.batch);
    let inputs = (0..graph.inputs().len()).map(|index| info(graph.input_value(index))).collect();
    let outputs = graph.outputs().iter().map(|&value| info(value)).collect();
    Ok(Skeleton { nodes: emitter.nodes, initializers: emitter.initializers, inputs, outputs })
}

/// The parameters that nodes read, in the table's order.
fn referenced(graph: &Graph) -> Vec<ParamId> {
    let mut ids: Vec<ParamId> = graph.nodes().iter().flat_map(|node| node.op.params()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn value_info(name: &str, shape: &[usize], batch: Batch) -> ValueInfoProto {
    use tensor_shape_proto::{Dimension, dimension::Value};
    let extent = |(axis, &extent): (usize, &usize)| match batch {
        Batch::Dynamic if axis == 0 => Value::DimParam("batch".to_owned()),
        _ => Value::DimValue(extent as i64),
    };
    let dimension = |value| Dimension { value: Some(value), ..Dimension::default() };
    let dim = shape.iter().enumerate().map(|axis| dimension(extent(axis))).collect();
    let tensor = type_proto::Tensor {
        elem_type: Some(tensor_proto::DataType::Float.into()),
        shape: Some(TensorShapeProto { dim }),
    };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: Some(name.to_owned()), r#type: Some(r#type), ..ValueInfoProto::default() }
}

struct Emitter<'a> {
    graph: &'a Graph,
    shapes: &'a [Vec<usize>],
    options: Options,
    nodes: Vec<NodeProto>,
    initializers: Vec<Initializer>,
}

impl Emitter<'_> {
    fn node(&mut self, node: &Node, value: ValueId) {
        let graph = self.graph;
        let inputs: Vec<&str> = node.inputs.iter().map(|&v| graph.value_name(v)).collect();
        let param = |id: ParamId| graph.param(id).name.as_str();
        let name = node.name.as_str();
        let x = inputs[0];
        match &node.op {
            &Op::Conv2d { weight, bias, stride, padding, groups } => {
                let kernel = &graph.param(weight).shape[2..];
                let attributes = vec![
                    int("group", groups as i64),
                    ints("kernel_shape", kernel.iter().map(|&k| k as i64)),
                    ints("pads", [padding as i64; 4]),
                    ints("strides", [stride as i64; 2]),
                ];
                let operands: Vec<&str> = [x, param(weight)].into_iter().chain(bias.map(param)).collect();
                self.push("Conv", name, &operands, attributes);
            }
            &Op::BatchNorm { params: NormParams { weight, bias, mean, var }, eps } => {
                let operands = [x, param(weight), param(bias), param(mean), param(var)];
                self.push("BatchNormalization", name, &operands, vec![float("epsilon", eps as f32)]);
            }
            Op::Activation(Activation::Relu) => self.push("Relu", name, &[x], Vec::new()),
            Op::Activation(Activation::Sigmoid) => self.push("Sigmoid", name, &[x], Vec::new()),
            Op::Activation(Activation::Silu) => {
                let gate = format!("{name}.sigmoid");
                self.push("Sigmoid", &gate, &[x], Vec::new());
                self.push("Mul", name, &[x, &gate], Vec::new());
            }
            &Op::MaxPool { kernel, stride, padding } => {
                let attributes = vec![
                    ints("kernel_shape", [kernel as i64; 2]),
                    ints("pads", [padding as i64; 4]),
                    ints("strides", [stride as i64; 2]),
                ];
                self.push("MaxPool", name, &[x], attributes);
            }
            &Op::AvgPool { window } => {
                // What ceil mode would add at the lower and right border, said as padding that is not counted.
                let input = &self.shapes[node.inputs[0].index()];
                let missing = |extent: usize| (extent.next_multiple_of(window) - extent) as i64;
                let attributes = vec![
                    int("count_include_pad", 0),
                    ints("kernel_shape", [window as i64; 2]),
                    ints("pads", [0, 0, missing(input[2]), missing(input[3])]),
                    ints("strides", [window as i64; 2]),
                ];
                self.push("AveragePool", name, &[x], attributes);
            }
            Op::GlobalAvgPool => self.push("GlobalAveragePool", name, &[x], Vec::new()),
            Op::Flatten => self.push("Flatten", name, &[x], vec![int("axis", 1)]),
            &Op::Linear { weight, bias } => {
                let operands: Vec<&str> = [x, param(weight)].into_iter().chain(bias.map(param)).collect();
                self.push("Gemm", name, &operands, vec![int("transB", 1)]);
            }
            &Op::Shift { bias } => {
                // One number a channel, spread over the map.
                let dims = [&[self.shapes[value.index()][1]][..], &vec![1; self.shapes[value.index()].len() - 2]];
                let bias = param(bias);
                if let Some(initializer) = self.initializers.iter_mut().find(|i| i.name == bias) {
                    initializer.dims = dims.concat();
                }
                self.push("Add", name, &[x, bias], Vec::new());
            }
            Op::Add => self.push("Add", name, &inputs, Vec::new()),
            Op::Mul => self.push("Mul", name, &inputs, Vec::new()),
            &Op::Attention { heads, head_width, scale, orientation } => {
                let map = [self.shapes[value.index()][2], self.shapes[value.index()][3]];
                self.attention(name, x, &Attention { heads, head_width, scale, orientation, map });
            }
            Op::DropPath { .. } => self.push("Identity", name, &[x], Vec::new()),
        }
    }

    fn attention(&mut self, name: &str, qkv: &str, attention: &Attention) {
        let &Attention { heads, head_width, scale, orientation, map: [height, width] } = attention;
        let part = |part: &str| format!("{name}.{part}");
        let [split, q, k, v, rows] = ["heads", "q", "k", "v", "q_rows"].map(part);
        let extents = [3 * heads, head_width, height * width].map(|extent| extent as i64);
        let extents = self.int64(&part("heads_shape"), &[0, extents[0], extents[1], extents[2]]);
        self.push("Reshape", &split, &[qkv, &extents], Vec::new());
        // Three equal parts: the operator says so by its outputs, and from opset 18 on by a number as well.
        let parts = (self.options.opset >= 18).then(|| int("num_outputs", 3));
        let attributes = parts.into_iter().chain([int("axis", 1)]).collect();
        self.push_many("Split", &split.replace(".heads", ".split"), &[&split], &[&q, &k, &v], attributes);
        let transpose = || vec![ints("perm", [0, 1, 3, 2])];
        self.push("Transpose", &rows, &[&q], transpose());
        let mut scores = part("scores");
        self.push("MatMul", &scores, &[&rows, &k], Vec::new());
        if (scale - 1.0).abs() > 0.0 {
            let factor = self.float(&part("scale"), scale as f32);
            let scaled = part("scaled_scores");
            self.push("Mul", &scaled, &[&scores, &factor], Vec::new());
            scores = scaled;
        }
        let mut weights = part("weights");
        self.push("Softmax", &weights, &[&scores], vec![int("axis", -1)]);
        if orientation == Orientation::Standard {
            let columns = part("weights_columns");
            self.push("Transpose", &columns, &[&weights], transpose());
            weights = columns;
        }
        let mixed = part("mixed");
        self.push("MatMul", &mixed, &[&v, &weights], Vec::new());
        let extents = [heads * head_width, height, width].map(|extent| extent as i64);
        let extents = self.int64(&part("map_shape"), &[0, extents[0], extents[1], extents[2]]);
        self.push("Reshape", name, &[&mixed, &extents], Vec::new());
    }

    fn int64(&mut self, name: &str, values: &[i64]) -> String {
        let (name, dims) = (name.to_owned(), vec![values.len()]);
        self.initializers.push(Initializer { name: name.clone(), dims, data: Data::Int64(values.to_vec()) });
        name
    }

    fn float(&mut self, name: &str, value: f32) -> String {
        let name = name.to_owned();
        self.initializers.push(Initializer { name: name.clone(), dims: Vec::new(), data: Data::Float(vec![value]) });
        name
    }

    fn push(&mut self, op: &str, name: &str, inputs: &[&str], attributes: Vec<AttributeProto>) {
        self.push_many(op, name, inputs, &[name], attributes);
    }

    fn push_many(&mut self, op: &str, name: &str, inputs: &[&str], outputs: &[&str], attribute: Vec<AttributeProto>) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        self.nodes.push(NodeProto {
            op_type: Some(op.to_owned()),
            name: Some(name.to_owned()),
            input: owned(inputs),
            output: owned(outputs),
            attribute,
            ..NodeProto::default()
        });
    }
}

/// An attention product over a map.
struct Attention {
    heads: usize,
    head_width: usize,
    scale: f64,
    orientation: Orientation,
    map: [usize; 2],
}

fn attribute(name: &str, kind: attribute_proto::AttributeType) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), r#type: Some(kind.into()), ..AttributeProto::default() }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { i: Some(value), ..attribute(name, attribute_proto::AttributeType::Int) }
}

fn ints(name: &str, values: impl IntoIterator<Item = i64>) -> AttributeProto {
    let ints = values.into_iter().collect();
    AttributeProto { ints, ..attribute(name, attribute_proto::AttributeType::Ints) }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: Some(value), ..attribute(name, attribute_proto::AttributeType::Float) }
}
