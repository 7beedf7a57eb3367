//! What all runs say of a batch.

/// A batch that is done, as curves and tables show it.
pub trait Batch {
    /// Batches done over the whole run, this one included.
    fn step(&self) -> u64;

    /// The part of the run that it belongs to; curves break off between two. 0 where there are no parts.
    fn part(&self) -> usize;

    /// What training lowers.
    fn loss(&self) -> f64;

    /// The learning rate.
    fn lr(&self) -> f64;

    /// Images a second.
    fn images_per_second(&self) -> f64;

    /// The share of the time that it waited for data.
    fn waited(&self) -> f64;

    /// Resident bytes of the process.
    fn memory(&self) -> u64;

    /// The factor of the loss in 16-bit arithmetic.
    fn scale(&self) -> Option<f64>;
}
