//! The values inside of a file: which is the first that two contenders compute differently?
//!
//! Every value is compared, in the order of computation, so the first difference is the first, not one that a search
//! happened upon. A runtime puts out some of the values at a time, as many as fit into a fixed amount of memory.

use std::collections::{HashMap, HashSet};

use bossnas_converter::onnx::{ComputedValue, OnnxError, computed_values};
use bossnas_files::npy::Tensor;
use bossnas_model::evaluate::evaluate_observed;
use bossnas_model::shape;

use super::{Contender, ContenderError, Network, Subject};
use crate::compare::{Comparison, Manner, Tolerance, compare, compare_numbers};
use crate::runtime::Runtime;

/// Elements of values that a runtime puts out at a time: 256 MB in float32.
const CHUNK_ELEMENTS: usize = 64 << 20;
/// Values at a time where their sizes are not known.
const CHUNK_VALUES: usize = 48;

/// A value that two contenders compute differently.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The value, and the node that computes it.
    pub value: ComputedValue,
    /// How far apart the two are.
    pub comparison: Comparison,
}

/// What was found inside.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scan {
    /// Values that were compared.
    pub compared: usize,
    /// Values that one of the contenders does not put out.
    pub skipped: usize,
    /// The largest difference of those within the tolerance, and its value.
    pub worst: Option<(String, f64)>,
    /// The first value that differs.
    pub first: Option<Difference>,
}

/// Why the inside could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The file could not be read.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// A contender failed.
    #[error(transparent)]
    Contender(#[from] ContenderError),
}

/// Compares the values inside of a file until the first that differs.
pub fn scan(
    subject: &Subject<'_>,
    reference: Contender,
    runtime: Runtime,
    tolerance: Tolerance,
) -> Result<Scan, ScanError> {
    let values = computed_values(&subject.file)?;
    match (reference, subject.network) {
        (Contender::Reference, Some(network)) => against_network(subject, network, &values, runtime, tolerance),
        (Contender::Reference, None) => Err(ContenderError::Reference("the file is none of ours".to_owned()).into()),
        (Contender::Runtime(reference), _) => Ok(against_runtime(subject, &values, [reference, runtime], tolerance)),
    }
}

impl Scan {
    fn add(&mut self, value: &ComputedValue, comparison: Comparison) {
        self.compared += 1;
        if !comparison.passed {
            self.first = Some(Difference { value: value.clone(), comparison });
        } else if self.worst.as_ref().is_none_or(|(_, worst)| comparison.max_scaled > *worst) {
            self.worst = Some((value.name.clone(), comparison.max_scaled));
        }
    }
}

/// The network computes all of its values in one go; the runtime follows with those that the file has by the same name.
fn against_network(
    subject: &Subject<'_>,
    network: &Network,
    values: &[ComputedValue],
    runtime: Runtime,
    tolerance: Tolerance,
) -> Result<Scan, ScanError> {
    let by_name: HashMap<&str, &ComputedValue> = values.iter().map(|value| (value.name.as_str(), value)).collect();
    let inputs = subject.wide_inputs(network)?;
    let mut chunks = chunks(network, &inputs, &by_name)?.into_iter();
    let mut scan = Scan::default();
    let mut chunk: HashMap<String, Tensor> = HashMap::new();
    let mut asked: HashSet<String> = HashSet::new();
    evaluate_observed(&network.written, &*network.written_weights, inputs, |name, expected| {
        let Some(value) = by_name.get(name).filter(|_| scan.first.is_none()) else { return };
        if !asked.contains(name)
            && let Some(names) = chunks.next()
        {
            chunk = outputs(subject, runtime, &names);
            asked = names.into_iter().collect();
        }
        match chunk.remove(name) {
            Some(found) if found.shape() == expected.shape() => {
                let (shape, numbers) = (expected.shape(), found.f64s());
                let manner = Manner::of(&value.op);
                scan.add(value, compare_numbers(shape, expected.data(), &numbers, tolerance, manner));
            }
            Some(found) => scan.add(value, compare(&super::narrow(expected), &found, tolerance, Manner::PLAIN)),
            None => scan.skipped += 1,
        }
    })
    .map_err(ContenderError::from)?;
    Ok(scan)
}

/// The names that network and file share, in the order of computation, in groups that fit into memory.
fn chunks(
    network: &Network,
    inputs: &[bossnas_model::evaluate::Tensor],
    by_name: &HashMap<&str, &ComputedValue>,
) -> Result<Vec<Vec<String>>, ContenderError> {
    let as_map = |input: &bossnas_model::evaluate::Tensor| <[usize; 4]>::try_from(input.shape()).ok();
    let shapes: Option<Vec<[usize; 4]>> = inputs.iter().map(as_map).collect();
    let shapes = shapes.ok_or_else(|| ContenderError::Reference("an input is no batch of images".to_owned()))?;
    let inferred =
        shape::infer(&network.written, &shapes).map_err(|error| ContenderError::Reference(error.to_string()))?;
    let mut chunks: Vec<Vec<String>> = Vec::new();
    let mut elements = CHUNK_ELEMENTS;
    for (node, shape) in network.written.nodes().iter().zip(&inferred[inputs.len()..]) {
        if !by_name.contains_key(node.name.as_str()) {
            continue;
        }
        let size: usize = shape.iter().product();
        elements += size;
        if elements > CHUNK_ELEMENTS {
            chunks.push(Vec::new());
            elements = size;
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(node.name.clone());
        }
    }
    Ok(chunks)
}

fn against_runtime(
    subject: &Subject<'_>,
    values: &[ComputedValue],
    runtimes: [Runtime; 2],
    tolerance: Tolerance,
) -> Scan {
    let mut scan = Scan::default();
    for group in values.chunks(CHUNK_VALUES) {
        let names: Vec<String> = group.iter().map(|value| value.name.clone()).collect();
        let [expected, found] = runtimes.map(|runtime| outputs(subject, runtime, &names));
        for value in group {
            match (expected.get(&value.name), found.get(&value.name)) {
                (Some(expected), Some(found)) => {
                    scan.add(value, compare(expected, found, tolerance, Manner::of(&value.op)));
                }
                _ => scan.skipped += 1,
            }
            if scan.first.is_some() {
                return scan;
            }
        }
    }
    scan
}

/// Some values of a file as a runtime computes them, without those that it cannot put out: where it refuses several, each
/// half is tried.
fn outputs(subject: &Subject<'_>, runtime: Runtime, names: &[String]) -> HashMap<String, Tensor> {
    match (subject.run(runtime, Some(names)), names) {
        (Ok(answer), _) => answer.outputs.into_iter().collect(),
        (Err(_), [] | [_]) => HashMap::new(),
        (Err(_), _) => {
            let (first, second) = names.split_at(names.len() / 2);
            let mut both = outputs(subject, runtime, first);
            both.extend(outputs(subject, runtime, second));
            both
        }
    }
}
