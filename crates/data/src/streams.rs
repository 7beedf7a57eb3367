//! The streams that draws are taken from. A new kind of draw gets a number of its own, so that the others stay as they are.

/// The views of a search.
pub(crate) const VIEWS: u64 = 0;

/// The order of an epoch.
pub(crate) const ORDER: u64 = 1;

/// The inputs of a training.
pub(crate) const TRAINING: u64 = 2;

/// The mixing of batches.
pub(crate) const MIX: u64 = 3;
