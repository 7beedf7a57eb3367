//! The end of a command that did not do what was asked.

use std::fmt;

use crate::Exit;

/// An expected failure: an exit code, one sentence, and what can be done about it.
///
/// It travels through `anyhow` (also below `context`); [`Console::error`](crate::Console::error) finds it there. Any
/// other error ends with [`Exit::Failed`] and no hint.
///
/// ```
/// use bossnas_report::{Exit, Failure};
/// let failure = Failure::usage("there is no model `T7`").hint("did you mean `T1`?");
/// assert_eq!((failure.code(), failure.to_string().as_str()), (Exit::Usage, "there is no model `T7`"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: Exit,
    message: String,
    details: Vec<String>,
    hints: Vec<String>,
}

impl Failure {
    /// A failure with any code. The message is a fragment in lower case with the file or name in it; it may hold text
    /// from outside, which is escaped when it is shown.
    pub fn new(code: Exit, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Vec::new(), hints: Vec::new() }
    }

    /// [`Exit::Failed`].
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// [`Exit::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// [`Exit::CheckFailed`].
    pub fn check(message: impl Into<String>) -> Self {
        Self::new(Exit::CheckFailed, message)
    }

    /// Adds a `hint:` line.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds lines that are shown indented below the message, such as a text with a caret or a list of names.
    #[must_use]
    pub fn detail(mut self, lines: impl AsRef<str>) -> Self {
        self.details.extend(lines.as_ref().split('\n').map(str::to_owned));
        self
    }

    /// How the program ends.
    pub fn code(&self) -> Exit {
        self.code
    }

    /// The indented lines.
    pub fn details(&self) -> &[String] {
        &self.details
    }

    /// The hints.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
