//! The sign that a server is to stop, which those who wait can wait on.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::lock;

/// Down until it is raised, and then up for good.
#[derive(Default)]
pub(super) struct Stop {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(super) fn raise(&self) {
        *lock(&self.raised) = true;
        self.changed.notify_all();
    }

    pub(super) fn raised(&self) -> bool {
        *lock(&self.raised)
    }

    /// Waits until it is raised.
    pub(super) fn wait(&self) {
        let down = self.changed.wait_while(lock(&self.raised), |raised| !*raised);
        drop(down.unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits for so long, or until it is raised.
    pub(super) fn sleep(&self, duration: Duration) {
        let down = self.changed.wait_timeout_while(lock(&self.raised), duration, |raised| !*raised);
        drop(down.unwrap_or_else(PoisonError::into_inner));
    }
}
