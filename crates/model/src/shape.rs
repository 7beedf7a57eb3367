//! Shape inference: the extents of every value of a graph, for inputs of any size.

use crate::graph::{Graph, Node, Op, Param};

/// Elements of one value above which inference refuses: 2^36 float32 are 256 GiB.
const MAX_ELEMENTS: usize = 1 << 36;

/// Why a graph cannot run on inputs of the given shapes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// An input shape does not fit the graph's inputs.
    #[error("input `{input}` must be [batch, {channels}, height, width] with no extent 0, not {found:?}")]
    Input {
        /// Name of the input.
        input: String,
        /// The channels it needs.
        channels: usize,
        /// The shape that was given.
        found: Vec<usize>,
    },
    /// Another number of inputs.
    #[error("the network has {expected} inputs, {found} were given")]
    InputCount {
        /// What the graph has.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A window is larger than the padded map it slides over.
    #[error("`{node}`: a map of {height}x{width} is too small for a window of {kernel}x{kernel}")]
    TooSmall {
        /// Name of the node.
        node: String,
        /// Height of its input.
        height: usize,
        /// Width of its input.
        width: usize,
        /// Side of the window.
        kernel: usize,
    },
    /// Operands do not fit the operator or each other.
    #[error("`{node}`: {op} cannot read {found:?}")]
    Operands {
        /// Name of the node.
        node: String,
        /// Its operator.
        op: &'static str,
        /// Shapes of its inputs.
        found: Vec<Vec<usize>>,
    },
    /// A value has more elements than anyone could hold.
    #[error("`{node}` would have more than 2^36 elements")]
    TooLarge {
        /// Name of the node.
        node: String,
    },
}

/// The shapes of all values (inputs first, then nodes), given those of the inputs, `[batch, channels, height, width]`.
pub fn infer(graph: &Graph, inputs: &[[usize; 4]]) -> Result<Vec<Vec<usize>>, ShapeError> {
    if inputs.len() != graph.inputs().len() {
        return Err(ShapeError::InputCount { expected: graph.inputs().len(), found: inputs.len() });
    }
    let mut shapes: Vec<Vec<usize>> = Vec::with_capacity(graph.value_count());
    for (input, shape) in graph.inputs().iter().zip(inputs) {
        let fits = shape[1] == input.channels && shape.iter().all(|&extent| (1..1 << 20).contains(&extent));
        if !fits {
            let (name, channels) = (input.name.clone(), input.channels);
            return Err(ShapeError::Input { input: name, channels, found: shape.to_vec() });
        }
        shapes.push(shape.to_vec());
    }
    for node in graph.nodes() {
        let operands: Vec<&[usize]> = node.inputs.iter().map(|v| shapes[v.index()].as_slice()).collect();
        let shape = infer_node(graph.params(), node, &operands)?;
        let elements = shape.iter().try_fold(1_usize, |n, &extent| n.checked_mul(extent));
        if elements.is_none_or(|n| n > MAX_ELEMENTS) {
            return Err(ShapeError::TooLarge { node: node.name.clone() });
        }
        shapes.push(shape);
    }
    Ok(shapes)
}

fn infer_node(params: &[Param], node: &Node, operands: &[&[usize]]) -> Result<Vec<usize>, ShapeError> {
    let misfit = || ShapeError::Operands {
        node: node.name.clone(),
        op: node.op.name(),
        found: operands.iter().map(|shape| shape.to_vec()).collect(),
    };
    let windows = |map: [usize; 2], kernel: usize, stride: usize, padding: usize| {
        let along = |extent: usize| Some((extent + 2 * padding).checked_sub(kernel)? / stride + 1);
        let [height, width] = map;
        match (along(height), along(width)) {
            (Some(h), Some(w)) => Ok([h, w]),
            _ => Err(ShapeError::TooSmall { node: node.name.clone(), height, width, kernel }),
        }
    };
    match (&node.op, operands) {
        (&Op::Conv2d { weight, stride, padding, groups, .. }, &[&[n, c, h, w]]) => {
            let &[out, per_group, kernel, _] = params[weight.index()].shape.as_slice() else { return Err(misfit()) };
            if per_group * groups != c {
                return Err(misfit());
            }
            let [h, w] = windows([h, w], kernel, stride, padding)?;
            Ok(vec![n, out, h, w])
        }
        (Op::BatchNorm { params: norm, .. }, &[shape @ &[_, c, ..]]) if params[norm.weight.index()].shape == [c] => {
            Ok(shape.to_vec())
        }
        (Op::Shift { bias }, &[shape @ &[_, c, ..]]) if params[bias.index()].shape == [c] => Ok(shape.to_vec()),
        (Op::Activation(_) | Op::DropPath { .. }, &[shape]) => Ok(shape.to_vec()),
        (&Op::MaxPool { kernel, stride, padding }, &[&[n, c, h, w]]) => {
            let [h, w] = windows([h, w], kernel, stride, padding)?;
            Ok(vec![n, c, h, w])
        }
        (&Op::AvgPool { window }, &[&[n, c, h, w]]) => Ok(vec![n, c, h.div_ceil(window), w.div_ceil(window)]),
        (Op::GlobalAvgPool, &[&[n, c, _, _]]) => Ok(vec![n, c, 1, 1]),
        (Op::Flatten, &[&[n, c, 1, 1] | &[n, c]]) => Ok(vec![n, c]),
        (Op::Linear { weight, .. }, &[&[n, features]]) => match params[weight.index()].shape.as_slice() {
            &[out, width] if width == features => Ok(vec![n, out]),
            _ => Err(misfit()),
        },
        (Op::Add, &[a, b]) if a == b => Ok(a.to_vec()),
        (Op::Mul, &[a @ &[n, c, ..], b]) if a == b || b == [n, c, 1, 1] => Ok(a.to_vec()),
        (&Op::Attention { heads, head_width, .. }, &[&[n, c, h, w]]) if c == 3 * heads * head_width => {
            Ok(vec![n, heads * head_width, h, w])
        }
        (
            Op::Conv2d { .. }
            | Op::BatchNorm { .. }
            | Op::Shift { .. }
            | Op::Activation(_)
            | Op::DropPath { .. }
            | Op::MaxPool { .. }
            | Op::AvgPool { .. }
            | Op::GlobalAvgPool
            | Op::Flatten
            | Op::Linear { .. }
            | Op::Add
            | Op::Mul
            | Op::Attention { .. },
            _,
        ) => Err(misfit()),
    }
}
