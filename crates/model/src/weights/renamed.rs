//! Some tensors of larger weights, under other names.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Problem, SharedWeights, TensorInfo, Weights, WeightsError};

/// Some tensors of other weights under names of their own: one network in the state dict of several.
pub struct Renamed {
    base: SharedWeights,
    order: Vec<String>,
    /// The name in the base of each.
    names: BTreeMap<String, String>,
}

impl Renamed {
    /// Of `base` the tensors whose names are `wanted`, which `inner` turns into those that they have in `base`. Where the
    /// base has no such tensor, there is none.
    pub fn new<'a>(
        base: SharedWeights,
        wanted: impl IntoIterator<Item = &'a str>,
        inner: impl Fn(&str) -> String,
    ) -> Self {
        let pairs = wanted.into_iter().map(|name| (name.to_owned(), inner(name)));
        let pairs: Vec<(String, String)> = pairs.filter(|(_, inner)| base.info(inner).is_some()).collect();
        let order = pairs.iter().map(|(name, _)| name.clone()).collect();
        Self { base, order, names: pairs.into_iter().collect() }
    }

    /// The name in the base.
    fn inner(&self, name: &str) -> Result<&str, WeightsError> {
        self.names.get(name).map(String::as_str).ok_or_else(|| WeightsError::new(name, Problem::Missing))
    }
}

impl Weights for Renamed {
    fn names(&self) -> Vec<&str> {
        self.order.iter().map(String::as_str).collect()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.base.info(self.names.get(name)?)
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError> {
        self.base.bytes(self.inner(name)?)
    }

    fn f64(&self, name: &str) -> Result<Vec<f64>, WeightsError> {
        self.base.f64(self.inner(name)?)
    }

    fn f32(&self, name: &str) -> Result<Vec<f32>, WeightsError> {
        self.base.f32(self.inner(name)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{MemoryTensor, MemoryWeights};
    use super::*;

    #[test]
    fn only_what_is_wanted_and_there_is_seen_under_its_new_name() {
        let mut weights = MemoryWeights::default();
        for (name, value) in [("online_a", 1.0), ("target_a", 2.0), ("target_b", 3.0)] {
            weights.insert(name, MemoryTensor::f32(&[1], &[value]).unwrap());
        }
        let renamed = Renamed::new(Arc::new(weights), ["b", "a", "c"], |name| format!("target_{name}"));
        assert_eq!(renamed.names(), ["b", "a"]);
        assert_eq!((renamed.f32("a").unwrap(), renamed.f64("b").unwrap()), (vec![2.0], vec![3.0]));
        assert_eq!(renamed.info("a").unwrap().shape, [1]);
        for missing in ["c", "online_a", "target_a"] {
            assert!(renamed.info(missing).is_none() && renamed.bytes(missing).is_err(), "{missing}");
        }
    }
}
