//! Which request for a path gets which fault.

use std::collections::VecDeque;

use super::fault::Fault;

/// A fault for each of the next requests, and one for all that follow.
pub(super) struct Plan {
    first: VecDeque<Fault>,
    then: Fault,
}

impl Plan {
    pub(super) fn new(first: impl IntoIterator<Item = Fault>, then: Fault) -> Self {
        Self { first: first.into_iter().collect(), then }
    }

    /// The fault of the next request.
    pub(super) fn next(&mut self) -> Fault {
        match self.first.front() {
            // A loop that ends would be none.
            Some(Fault::RedirectLoop) => Fault::RedirectLoop,
            Some(_) | None => self.first.pop_front().unwrap_or_else(|| self.then.clone()),
        }
    }
}
