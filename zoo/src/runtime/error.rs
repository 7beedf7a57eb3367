//! Why a runtime did not do what was asked.

use bossnas_report::{Exit, Failure};
use serde::{Deserialize, Serialize};

/// The kinds of failure, which end a command in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The runtime or provider is not to be had here.
    Unavailable,
    /// It was asked for something that makes no sense.
    Usage,
    /// It refused or failed.
    Failed,
    /// Its process died.
    Crashed,
    /// Heavy nodes ran elsewhere than on the provider that was asked for.
    Fallback,
}

/// A failure in the words of the runtime, with what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct RuntimeError {
    /// What kind of failure it is.
    pub kind: Kind,
    /// One sentence.
    pub message: String,
    /// Lines that belong to it, such as the last words of a process.
    pub details: Vec<String>,
    /// What can be done.
    pub hints: Vec<String>,
}

impl RuntimeError {
    /// A failure without hints.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: Vec::new(), hints: Vec::new() }
    }

    /// [`Kind::Failed`].
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// [`Kind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    /// Adds what can be done.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        let exit = match error.kind {
            Kind::Unavailable => Exit::Unavailable,
            Kind::Usage => Exit::Usage,
            Kind::Failed | Kind::Crashed | Kind::Fallback => Exit::Failed,
        };
        let failure = Self::new(exit, error.message);
        let failure = error.details.iter().fold(failure, Self::detail);
        error.hints.into_iter().fold(failure, Self::hint)
    }
}
