//! Proof that a file computes what its network computes: the unfolded graph with the source weights, in float64, against
//! the file as it was written, loaded by a runtime.

use std::collections::HashSet;
use std::path::Path;

use bossnas_converter::onnx::{Batch, computed_values};
use bossnas_files::npy::Array;
use bossnas_model::cost::{NodeCost, cost};
use bossnas_model::evaluate::{EvaluateError, Tensor, evaluate, evaluate_observed};
use bossnas_model::graph::{Graph, Op};
use bossnas_model::random::unit;
use bossnas_model::shape::ShapeError;
use bossnas_model::weights::Weights;

use crate::compare::{Manner, Tolerance, compare_numbers};
use crate::runtime::{Tract, TractError};

/// How far outputs may be off, in units of the largest reference output. float32 runs of these networks are off by some
/// 1e-6, a weight or axis that is wrong by 1e-2 and more.
pub const TOLERANCE: f64 = 1e-5;
/// The same for values inside of the network, when the first wrong one is looked for.
const INNER_TOLERANCE: f64 = 1e-4;

/// Why a verification could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The reference could not be computed.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The runtime failed.
    #[error(transparent)]
    Runtime(#[from] TractError),
    /// The network does not run at this size.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// It would take more memory than a verification may.
    #[error("too large to verify: {0}")]
    TooLarge(String),
}

/// Largest number of elements in the attention matrices of one node and image: 1 GiB in float32.
const MAX_ATTENTION: usize = 1 << 28;
/// Largest sum of live values of a whole batch in float32: 4 GiB.
const MAX_LIVE_BYTES: u64 = 4 << 30;

/// Whether a verification at this batch and size takes a bearable amount of memory, before any is taken.
pub fn check_size(graph: &Graph, batch: Batch, [height, width]: [usize; 2]) -> Result<(), VerifyError> {
    let cost = cost(graph, height, width)?;
    for (node, NodeCost { name, shape, .. }) in graph.nodes().iter().zip(&cost.nodes) {
        let Op::Attention { heads, .. } = node.op else { continue };
        let pixels: usize = shape[2..].iter().product();
        if pixels.saturating_mul(pixels).saturating_mul(heads) > MAX_ATTENTION {
            let reason = format!("the attention of `{name}` compares {pixels} pixels with each other");
            return Err(VerifyError::TooLarge(reason));
        }
    }
    let images = rows(batch);
    let live = cost.peak_activation_bytes.saturating_mul(images as u64);
    if live > MAX_LIVE_BYTES {
        let reason = format!("{images} images hold {live} bytes of values at once");
        return Err(VerifyError::TooLarge(reason));
    }
    Ok(())
}

/// Images that a file of this batch is verified on.
fn rows(batch: Batch) -> usize {
    batch.fixed().unwrap_or(2)
}

/// The fixed input of a verification and what the network must make of it.
pub struct Reference {
    input: Array,
    outputs: Vec<Tensor>,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Images in the input.
    pub images: usize,
    /// The largest difference of an output, in units of the largest reference output.
    pub error: f64,
    /// Whether that is within [`TOLERANCE`].
    pub passed: bool,
    /// Where it is not: the first value of the network that differs.
    pub first_difference: Option<Difference>,
}

/// A value that a file computes wrongly.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Its name.
    pub value: String,
    /// The largest difference, in units of the largest reference element.
    pub error: f64,
}

impl Verdict {
    /// The worse of two verdicts.
    #[must_use]
    pub fn or_worse(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.error > self.error => other,
            _ => self,
        }
    }
}

impl Reference {
    /// Runs `graph` in float64 on the fixed input for a file of this batch and size. Two different images where the file
    /// takes more than one: a mix-up between images shows.
    pub fn compute(
        graph: &Graph,
        weights: &dyn Weights,
        batch: Batch,
        size: [usize; 2],
    ) -> Result<Self, EvaluateError> {
        let rows = rows(batch);
        let input = probe(rows.min(2), size);
        let outputs = evaluate(graph, weights, vec![widen(&input)])?;
        let (shape, values) = repeat(&input.shape, &input.values, rows);
        let repeated = outputs.iter().map(|output| {
            let (shape, data) = repeat(output.shape(), output.data(), rows);
            tensor(shape, data)
        });
        Ok(Self { input: Array { shape, values }, outputs: repeated.collect() })
    }

    /// Runs the file at `path` on the input. `graph` and `weights` are those of the reference: where the outputs differ,
    /// its inner values tell where that begins.
    pub fn check(&self, path: &Path, graph: &Graph, weights: &dyn Weights) -> Result<Verdict, VerifyError> {
        let shapes = [("", self.input.shape.as_slice())];
        let outputs = Tract::load(path, &shapes)?.run(&[&self.input])?;
        let errors = self.outputs.iter().zip(&outputs).map(|(expected, (_, got))| relative_error(expected, got));
        let error = if outputs.len() == self.outputs.len() { errors.fold(0.0, f64::max) } else { f64::INFINITY };
        let passed = error <= TOLERANCE;
        let first_difference = if passed { None } else { self.first_difference(path, graph, weights)? };
        Ok(Verdict { images: self.input.shape[0], error, passed, first_difference })
    }

    /// The first value, in the order of the graph, that the file computes wrongly among those that it has by name.
    fn first_difference(
        &self,
        path: &Path,
        graph: &Graph,
        weights: &dyn Weights,
    ) -> Result<Option<Difference>, VerifyError> {
        let file: HashSet<String> =
            computed_values(path).unwrap_or_default().into_iter().map(|value| value.name).collect();
        let common: Vec<String> =
            graph.nodes().iter().map(|node| node.name.clone()).filter(|name| file.contains(name)).collect();
        let first_image = |array: &Array| {
            let shape = std::iter::once(1).chain(array.shape.iter().skip(1).copied()).collect::<Vec<_>>();
            let values = array.values[..shape.iter().product()].to_vec();
            Array { shape, values }
        };
        let input = first_image(&self.input);
        // A file of a fixed batch runs on all rows; only the first is compared.
        let shapes = [("", self.input.shape.as_slice())];
        let values = Tract::load_values(path, &shapes, Some(&common))?.run(&[&self.input])?;
        let mut first = None;
        evaluate_observed(graph, weights, vec![widen(&input)], |name, expected| {
            if first.is_some() {
                return;
            }
            let Some((_, got)) = values.iter().find(|(value, _)| value == name) else { return };
            let error = relative_error(expected, &first_image(got));
            if error > INNER_TOLERANCE {
                first = Some(Difference { value: name.to_owned(), error });
            }
        })?;
        Ok(first)
    }
}

/// The largest difference in units of the largest expected element; infinite where shapes differ, something is no
/// number, or nothing but zeros was expected and something else came.
fn relative_error(expected: &Tensor, got: &Array) -> f64 {
    if expected.shape() != got.shape {
        return f64::INFINITY;
    }
    let got: Vec<f64> = got.values.iter().copied().map(f64::from).collect();
    let exactly = Tolerance { scaled: 0.0, absolute: None, relative: 0.0 };
    compare_numbers(expected.shape(), expected.data(), &got, exactly, Manner::PLAIN).max_scaled
}

/// Images of noise in `[-2, 2)`, the range of normalised photographs; the same in every run.
fn probe(images: usize, [height, width]: [usize; 2]) -> Array {
    let shape = vec![images, 3, height, width];
    let count = shape.iter().product::<usize>() as u64;
    let value = |index: u64| (unit(0, index) * 4.0 - 2.0) as f32;
    Array { shape, values: (0..count).map(value).collect() }
}

fn widen(array: &Array) -> Tensor {
    tensor(array.shape.clone(), array.values.iter().copied().map(f64::from).collect())
}

fn tensor(shape: Vec<usize>, data: Vec<f64>) -> Tensor {
    Tensor::new(shape, data).unwrap_or_else(|| unreachable!("as many elements as the shape says"))
}

/// The rows over and over again, until there are `rows` of them.
fn repeat<T: Copy>(shape: &[usize], data: &[T], rows: usize) -> (Vec<usize>, Vec<T>) {
    let row: usize = shape[1..].iter().product();
    let data = data.iter().copied().cycle().take(rows * row).collect();
    ([&[rows], &shape[1..]].concat(), data)
}
