//! Digests of sets of tensors.
//!
//! A set's digest is the SHA-256 over its tensors in the order of their names, each as name, element type, extents and
//! the SHA-256 of its bytes. So tensors may be hashed in any order, on several cores, and the same weights have the same
//! digest whatever file they come from.

use bossnas_files::{Digest, Sha256};
use bossnas_model::weights::{Weights, WeightsError};

/// What one tensor adds to the digest of its set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    name: String,
    head: String,
    bytes: String,
}

impl Entry {
    pub(super) fn new(name: &str, dtype: &str, shape: &[usize], bytes: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(bytes);
        let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
        let head = format!("{dtype}[{}]", extents.join(","));
        Self { name: name.to_owned(), head, bytes: hash.finish().to_string() }
    }

    pub(super) fn of(weights: &dyn Weights, name: &str) -> Result<Self, WeightsError> {
        let info = weights.require(name)?;
        let (dtype, shape) = (info.dtype.name(), info.shape.clone());
        Ok(Self::new(name, dtype, &shape, &weights.bytes(name)?))
    }
}

/// The digest of the set.
pub(super) fn of_set(mut entries: Vec<Entry>) -> Digest {
    entries.sort_unstable();
    let mut hash = Sha256::new();
    for Entry { name, head, bytes } in &entries {
        // Lengths first: no two sets spell the same text.
        hash.update(format!("{}:{name}{}:{head}{bytes}\n", name.len(), head.len()).as_bytes());
    }
    hash.finish()
}

/// The digest of all tensors of `weights`.
pub fn weights_digest(weights: &dyn Weights) -> Result<Digest, WeightsError> {
    let entries = weights.names().into_iter().map(|name| Entry::of(weights, name)).collect::<Result<_, _>>()?;
    Ok(of_set(entries))
}
