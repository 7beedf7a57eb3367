//! The first of each extent of stored tensors: what a network with narrower layers than the checkpoint uses.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{SharedWeights, TensorInfo, Weights, WeightsError};
use crate::graph::Graph;

/// Weights seen as a graph uses them: of a tensor that is stored wider than the graph's layer, the first of each extent
/// ([`crate::graph::Param::stored`]). All others are as they were, also one whose stored extents are others than the
/// graph says: whoever reads it finds that it does not fit.
pub struct Cut {
    base: SharedWeights,
    cuts: BTreeMap<String, Part>,
}

struct Part {
    stored: Vec<usize>,
    info: TensorInfo,
}

impl Cut {
    /// `base`, cut to what `graph` uses.
    pub fn new(base: SharedWeights, graph: &Graph) -> Self {
        let part = |param: &crate::graph::Param| {
            let stored = param.stored.clone()?;
            let info = base.info(&param.name).filter(|info| info.shape == stored)?;
            let info = TensorInfo { dtype: info.dtype, shape: param.shape.clone() };
            Some((param.name.clone(), Part { stored, info }))
        };
        let cuts = graph.params().iter().filter_map(part).collect();
        Self { base, cuts }
    }
}

impl Weights for Cut {
    fn names(&self) -> Vec<&str> {
        self.base.names()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.cuts.get(name).map(|part| &part.info).or_else(|| self.base.info(name))
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError> {
        let all = self.base.bytes(name)?;
        let Some(Part { stored, info }) = self.cuts.get(name) else { return Ok(all) };
        // The bytes of an element are one more extent.
        let with_bytes = |shape: &[usize]| shape.iter().copied().chain([info.dtype.size()]).collect::<Vec<_>>();
        Ok(first_of_each(&all, &with_bytes(stored), &with_bytes(&info.shape)).into())
    }

    fn f64(&self, name: &str) -> Result<Vec<f64>, WeightsError> {
        let all = self.base.f64(name)?;
        let Some(Part { stored, info }) = self.cuts.get(name) else { return Ok(all) };
        Ok(first_of_each(&all, stored, &info.shape))
    }
}

/// Of a row-major tensor of extents `stored`, the first `used` of each.
fn first_of_each<T: Copy>(all: &[T], stored: &[usize], used: &[usize]) -> Vec<T> {
    let (Some((_, inner_stored)), Some((&outer, inner_used))) = (stored.split_first(), used.split_first()) else {
        return all.to_vec();
    };
    let inner: usize = inner_stored.iter().product();
    let rows = all.chunks_exact(inner.max(1)).take(outer);
    rows.flat_map(|row| first_of_each(row, inner_stored, inner_used)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{MemoryTensor, MemoryWeights};
    use super::*;
    use crate::graph::{GraphBuilder, Role};

    fn graph(stored: &[usize]) -> Graph {
        let mut graph = GraphBuilder::default();
        let map = graph.input("map", 2);
        graph.slice("part", &[2, 1, 2], stored, Role::ConvWeight);
        graph.param("whole", &[2], Role::ConvBias);
        graph.finish(&[map])
    }

    fn weights() -> SharedWeights {
        let mut weights = MemoryWeights::default();
        let values: Vec<f32> = (0..12_u8).map(f32::from).collect();
        weights.insert("part", MemoryTensor::f32(&[3, 2, 2], &values).unwrap());
        weights.insert("whole", MemoryTensor::f32(&[2], &[1.0, 2.0]).unwrap());
        Arc::new(weights)
    }

    #[test]
    fn a_part_is_the_first_of_each_extent() {
        let cut = Cut::new(weights(), &graph(&[3, 2, 2]));
        assert_eq!(cut.info("part").unwrap().shape, [2, 1, 2]);
        assert_eq!(cut.f64("part").unwrap(), [0.0, 1.0, 4.0, 5.0]);
        assert_eq!(cut.f32("part").unwrap(), [0.0, 1.0, 4.0, 5.0]);
        assert_eq!(cut.f32("whole").unwrap(), [1.0, 2.0]);
        assert_eq!(cut.names(), ["part", "whole"]);
    }

    #[test]
    fn a_tensor_of_other_extents_is_left_for_its_reader_to_refuse() {
        let cut = Cut::new(weights(), &graph(&[4, 2, 2]));
        assert_eq!(cut.info("part").unwrap().shape, [3, 2, 2]);
        assert!(Cut::new(Arc::new(MemoryWeights::default()), &graph(&[3, 2, 2])).info("part").is_none());
    }
}
