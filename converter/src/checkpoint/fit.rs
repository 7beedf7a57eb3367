//! Whether weights fit a network: all differences at once, not the first one.

use std::collections::HashSet;
use std::fmt;

use bossnas_model::graph::{Param, Role};
use bossnas_model::weights::{DType, Weights};
use bossnas_pickle::shown;

/// A tensor of another shape than the network needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeDifference {
    /// Its name.
    pub name: String,
    /// The shape that the network needs.
    pub needed: Vec<usize>,
    /// The shape in the weights.
    pub found: Vec<usize>,
}

/// Why weights do not fit a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mismatch {
    /// Parameters of the network that the weights lack, in the network's order.
    pub missing: Vec<String>,
    /// Tensors that the network has no use for, in the order of the weights.
    pub unexpected: Vec<String>,
    /// Tensors of another shape.
    pub shapes: Vec<ShapeDifference>,
    /// Tensors of integers where the network needs real numbers. PyTorch converts them in silence; no training writes
    /// such a file, so it is refused.
    pub types: Vec<(String, DType)>,
}

impl Mismatch {
    fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.shapes.is_empty() && self.types.is_empty()
    }
}

impl std::error::Error for Mismatch {}

impl fmt::Display for Mismatch {
    /// One sentence with the number of differences of each kind and the first names of each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = self.missing.iter().map(|name| shown(name));
        let unexpected = self.unexpected.iter().map(|name| shown(name));
        let shapes =
            self.shapes.iter().map(|s| format!("{} is {:?} instead of {:?}", shown(&s.name), s.found, s.needed));
        let types = self.types.iter().map(|(name, dtype)| format!("{} holds {dtype}", shown(name)));
        let parts = [
            part("missing", missing),
            part("unexpected", unexpected),
            part("of another shape", shapes),
            part("not of a floating-point type", types),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        write!(f, "the weights do not fit the network: {}", parts.join("; "))
    }
}

fn part(what: &str, names: impl ExactSizeIterator<Item = String>) -> Option<String> {
    const SHOWN: usize = 4;
    let count = names.len();
    if count == 0 {
        return None;
    }
    let first: Vec<String> = names.take(SHOWN).collect();
    let more = if count > SHOWN { ", ..." } else { "" };
    Some(format!("{count} {what} ({}{more})", first.join(", ")))
}

/// Compares weights with a network's table of parameters. The counters of batch norms (`num_batches_tracked`) may be
/// absent, and may be of any type: nothing that is exported depends on them.
pub fn check(params: &[Param], weights: &dyn Weights) -> Result<(), Mismatch> {
    let mut mismatch = Mismatch::default();
    for param in params {
        let Some(info) = weights.info(&param.name) else {
            if param.role != Role::BatchCount {
                mismatch.missing.push(param.name.clone());
            }
            continue;
        };
        if info.shape != param.shape {
            mismatch.shapes.push(ShapeDifference {
                name: param.name.clone(),
                needed: param.shape.clone(),
                found: info.shape.clone(),
            });
        } else if param.role != Role::BatchCount && !info.dtype.is_float() {
            mismatch.types.push((param.name.clone(), info.dtype));
        }
    }
    let known: HashSet<&str> = params.iter().map(|param| param.name.as_str()).collect();
    mismatch.unexpected = weights.names().into_iter().filter(|name| !known.contains(name)).map(str::to_owned).collect();
    if mismatch.is_empty() { Ok(()) } else { Err(mismatch) }
}

#[cfg(test)]
mod tests {
    use bossnas_model::weights::{MemoryTensor, MemoryWeights, TensorInfo};

    use super::*;

    fn param(name: &str, shape: &[usize], role: Role) -> Param {
        Param { name: name.to_owned(), shape: shape.to_vec(), stored: None, role }
    }

    #[test]
    fn all_differences_are_told_at_once() {
        let params = [
            param("a.weight", &[2, 3], Role::LinearWeight),
            param("b.weight", &[2], Role::NormWeight),
            param("c.weight", &[2], Role::NormWeight),
            param("c.num_batches_tracked", &[], Role::BatchCount),
        ];
        let mut weights = MemoryWeights::default();
        weights.insert("a.weight", MemoryTensor::f32(&[6], &[0.0; 6]).unwrap());
        let integers = TensorInfo { dtype: DType::I64, shape: vec![2] };
        weights.insert("b.weight", MemoryTensor::new(integers, vec![0; 16]).unwrap());
        for i in 0..9 {
            weights.insert(format!("x{i}\u{1b}"), MemoryTensor::f32(&[], &[0.0]).unwrap());
        }
        let mismatch = check(&params, &weights).unwrap_err();
        assert_eq!(
            mismatch.to_string(),
            "the weights do not fit the network: 1 missing (c.weight); \
             9 unexpected (x0\\u{1b}, x1\\u{1b}, x2\\u{1b}, x3\\u{1b}, ...); \
             1 of another shape (a.weight is [6] instead of [2, 3]); \
             1 not of a floating-point type (b.weight holds int64)"
        );
    }
}
