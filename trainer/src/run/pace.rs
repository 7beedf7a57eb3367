//! When a process saves, and when it ends before its run does.

use std::time::Duration;

use super::stop::Stop;

/// How often a process saves, and how far it goes. Nothing that is computed depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The process ends when so many batches of the run are done.
    pub max_steps: Option<u64>,
    /// A checkpoint after every so many batches, beside those after each epoch.
    pub save_steps: Option<u64>,
    /// A checkpoint after that time.
    pub save_time: Duration,
}

/// Why a process ends before its run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// Somebody asked to stop.
    Interrupted,
    /// So many batches as were asked for are done.
    MaxSteps,
}

impl Pace {
    /// Whether the process is to end after that many batches.
    pub fn halts(&self, step: u64, stop: &Stop) -> Option<Halt> {
        match self.max_steps {
            _ if stop.is_asked() => Some(Halt::Interrupted),
            Some(most) if step >= most => Some(Halt::MaxSteps),
            _ => None,
        }
    }

    /// Whether it is time to save after that many batches, so long after the last checkpoint.
    pub fn saves(&self, step: u64, since: Duration) -> bool {
        self.save_steps.is_some_and(|steps| step.is_multiple_of(steps)) || since >= self.save_time
    }
}
