//! Learning rates and the target's momentum, as pure functions of time.

use std::f64::consts::PI;

/// The search's learning rate: a cosine to 0 that steps by epoch, with a linear warm-up by iteration, both within one stage
/// (`REFERENCE.md` section 4, `QUIRKS.md` 33).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageRate {
    /// The rate that the cosine starts from.
    pub base: f64,
    /// Epochs of the stage.
    pub epochs: u64,
    /// Iterations of an epoch.
    pub iterations: u64,
    /// Epochs of warm-up.
    pub warmup_epochs: u64,
    /// The share of the rate that the warm-up starts from.
    pub warmup_ratio: f64,
}

impl StageRate {
    /// The rate at an iteration of the stage, counted from 0.
    pub fn at(&self, iteration: u64) -> f64 {
        let epoch = iteration / self.iterations.max(1);
        let regular = half_cosine(self.base, 0.0, epoch as f64 / self.epochs.max(1) as f64);
        let warmup = self.warmup_epochs * self.iterations;
        if iteration >= warmup {
            return regular;
        }
        regular * (1.0 - (1.0 - iteration as f64 / warmup as f64) * (1.0 - self.warmup_ratio))
    }
}

/// The target's momentum at iteration `k` of `total` of a stage: from 0.99 to 1 along a cosine.
pub fn target_momentum(k: u64, total: u64) -> f64 {
    1.0 - (1.0 - 0.99) * ((PI * k as f64 / total.max(1) as f64).cos() + 1.0) / 2.0
}

/// The retraining's learning rate by epoch: a linear warm-up, then a cosine that is read at the epoch's own number, then the
/// smallest rate (`REFERENCE.md` section 5, `QUIRKS.md` 13).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochRate {
    /// The rate that the cosine starts from.
    pub base: f64,
    /// The rate it ends at, and that of the cool-down.
    pub smallest: f64,
    /// The rate that the warm-up starts from.
    pub warmup: f64,
    /// Epochs of warm-up.
    pub warmup_epochs: u64,
    /// Epochs of the cosine, warm-up included.
    pub epochs: u64,
}

impl EpochRate {
    /// The rate of an epoch, counted from 0.
    pub fn at(&self, epoch: u64) -> f64 {
        if epoch < self.warmup_epochs {
            return self.warmup + epoch as f64 * ((self.base - self.warmup) / self.warmup_epochs as f64);
        }
        if epoch >= self.epochs {
            return self.smallest;
        }
        half_cosine(self.base, self.smallest, epoch as f64 / self.epochs as f64)
    }
}

/// From `start` at 0 to `end` at 1.
fn half_cosine(start: f64, end: f64, at: f64) -> f64 {
    end + 0.5 * (start - end) * (1.0 + (PI * at).cos())
}
