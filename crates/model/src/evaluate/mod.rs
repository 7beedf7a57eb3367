//! The float64 evaluator: runs any graph on any weights, in small and obvious code. It is the yardstick for every other
//! way of running a network, so it prefers being right to being fast: convolutions are im2col and a matrix product, all
//! else are plain loops.

mod ops;

use crate::graph::{Graph, Node, Op, ParamId};
use crate::shape::{self, ShapeError};
use crate::weights::{Weights, WeightsError};

/// A float64 tensor in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f64>,
}

impl Tensor {
    /// A tensor of `shape`. `None` if the number of elements is another.
    pub fn new(shape: impl Into<Vec<usize>>, data: Vec<f64>) -> Option<Self> {
        let shape = shape.into();
        (shape.iter().product::<usize>() == data.len()).then_some(Self { shape, data })
    }

    /// Extents, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Elements in row-major order.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// The largest absolute value; 0 for an empty tensor, NaN if there is one.
    pub fn max_abs(&self) -> f64 {
        self.data.iter().fold(0.0, |max, x| if x.is_nan() || x.abs() > max { x.abs() } else { max })
    }
}

/// Why a graph could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The inputs do not fit the graph.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A parameter could not be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A parameter has another shape than the graph says.
    #[error("parameter `{name}` has shape {found:?}, the network needs {expected:?}")]
    ParamShape {
        /// Name of the parameter.
        name: String,
        /// What the graph says.
        expected: Vec<usize>,
        /// What the weights hold.
        found: Vec<usize>,
    },
}

/// Runs `graph` in evaluation mode on `inputs`, each `[batch, channels, height, width]`, and returns its outputs.
pub fn evaluate(graph: &Graph, weights: &dyn Weights, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, EvaluateError> {
    evaluate_observed(graph, weights, inputs, |_, _| ())
}

/// Like [`evaluate`]; `observe` sees every node's value under its name, in order. A value is held no longer than it is
/// needed, a parameter only while its node runs.
///
/// # Panics
/// Where a value has another shape than [`shape::infer`] says: one of the two is then wrong.
pub fn evaluate_observed(
    graph: &Graph,
    weights: &dyn Weights,
    inputs: Vec<Tensor>,
    mut observe: impl FnMut(&str, &Tensor),
) -> Result<Vec<Tensor>, EvaluateError> {
    let inferred = shape::infer(graph, &input_shapes(graph, &inputs)?)?;
    let last_uses = graph.last_uses();
    let mut values: Vec<Option<Tensor>> = inputs.into_iter().map(Some).collect();
    for (index, node) in graph.nodes().iter().enumerate() {
        let operands: Vec<&Tensor> = node.inputs.iter().filter_map(|v| values[v.index()].as_ref()).collect();
        let value = run(graph, weights, node, &operands)?;
        assert_eq!(value.shape, inferred[values.len()], "shape inference and the evaluator part at {}", node.name);
        observe(&node.name, &value);
        values.push(Some(value));
        for (slot, &last_use) in values.iter_mut().zip(&last_uses) {
            if last_use <= index {
                *slot = None;
            }
        }
    }
    Ok(graph.outputs().iter().filter_map(|v| values[v.index()].clone()).collect())
}

fn input_shapes(graph: &Graph, inputs: &[Tensor]) -> Result<Vec<[usize; 4]>, ShapeError> {
    let as_map = |(input, tensor): (&crate::graph::Input, &Tensor)| {
        tensor.shape.as_slice().try_into().map_err(|_| ShapeError::Input {
            input: input.name.clone(),
            channels: input.channels,
            found: tensor.shape.clone(),
        })
    };
    if graph.inputs().len() != inputs.len() {
        return Err(ShapeError::InputCount { expected: graph.inputs().len(), found: inputs.len() });
    }
    graph.inputs().iter().zip(inputs).map(as_map).collect()
}

fn run(graph: &Graph, weights: &dyn Weights, node: &Node, operands: &[&Tensor]) -> Result<Tensor, EvaluateError> {
    let param = |id: ParamId| -> Result<Tensor, EvaluateError> {
        let param = graph.param(id);
        let found = &weights.require(&param.name)?.shape;
        if *found != param.shape {
            let (name, expected, found) = (param.name.clone(), param.shape.clone(), found.clone());
            return Err(EvaluateError::ParamShape { name, expected, found });
        }
        Ok(Tensor { shape: param.shape.clone(), data: weights.f64(&param.name)? })
    };
    let optional = |id: Option<ParamId>| id.map(&param).transpose();
    let x = operands[0];
    Ok(match &node.op {
        &Op::Conv2d { weight, bias, stride, padding, groups } => {
            ops::conv2d(x, &param(weight)?, optional(bias)?.as_ref(), &ops::Window { stride, padding, groups })
        }
        &Op::BatchNorm { params, eps } => {
            let (scale, shift) = (param(params.weight)?, param(params.bias)?);
            ops::batch_norm(x, &scale, &shift, &param(params.mean)?, &param(params.var)?, eps)
        }
        &Op::Activation(activation) => ops::activation(x, activation),
        &Op::MaxPool { kernel, stride, padding } => ops::max_pool(x, kernel, stride, padding),
        &Op::AvgPool { window } => ops::avg_pool(x, window),
        Op::GlobalAvgPool => ops::global_avg_pool(x),
        Op::Flatten => Tensor { shape: x.shape[..2].to_vec(), data: x.data.clone() },
        &Op::Linear { weight, bias } => ops::linear(x, &param(weight)?, optional(bias)?.as_ref()),
        &Op::Shift { bias } => ops::shift(x, &param(bias)?),
        Op::Add => ops::add(x, operands[1]),
        Op::Mul => ops::mul(x, operands[1]),
        &Op::Attention { heads, head_width, scale, orientation } => {
            ops::attention(x, heads, head_width, scale, orientation)
        }
        Op::DropPath { .. } => x.clone(),
    })
}
