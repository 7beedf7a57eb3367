//! Where a command's output goes.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::{ColorChoice, Exit, Failure, Progress, Style, escape, json};

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Notes, warnings and progress too.
    #[default]
    Normal,
    /// And details.
    Verbose,
}

/// Nobody reads stdout any more. The program ends in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedPipe;

impl Display for ClosedPipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stdout was closed")
    }
}

impl std::error::Error for ClosedPipe {}

/// Data to stdout, the rest to stderr.
#[derive(Debug, Clone, Copy)]
pub struct Console {
    verbosity: Verbosity,
    out: Style,
    err: Style,
}

impl Console {
    /// For the process's own streams.
    pub fn new(verbosity: Verbosity, color: ColorChoice) -> Self {
        Self { verbosity, out: color.style(io::stdout().is_terminal()), err: color.style(io::stderr().is_terminal()) }
    }

    /// How much is said.
    pub fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// Whether `-v` was given.
    pub fn is_verbose(&self) -> bool {
        self.verbosity >= Verbosity::Verbose
    }

    /// The style of stdout.
    pub fn style(&self) -> Style {
        self.out
    }

    /// Writes `text` to stdout as it is. Fails with [`ClosedPipe`] when nobody reads it any more.
    pub fn print(&self, text: impl Display) -> anyhow::Result<()> {
        self.print_bytes(text.to_string().as_bytes())
    }

    /// Writes `line` and a line break to stdout.
    pub fn line(&self, line: impl Display) -> anyhow::Result<()> {
        self.print(format_args!("{line}\n"))
    }

    /// Writes bytes to stdout.
    pub fn print_bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ClosedPipe.into()),
            Err(error) => Err(anyhow::Error::new(error).context("cannot write to stdout")),
        }
    }

    /// Writes one JSON document to stdout: `"schema": "bossnas-zoo/<command>/1"`, then the fields of `body`.
    pub fn json<T: Serialize>(&self, command: &str, body: &T) -> anyhow::Result<()> {
        self.line(json::document(command, body)?)
    }

    /// The text that [`Console::json`] would write, for a file.
    pub fn json_text<T: Serialize>(&self, command: &str, body: &T) -> anyhow::Result<String> {
        Ok(json::document(command, body)? + "\n")
    }

    /// Says something to the person, unless `-q` was given.
    pub fn note(&self, text: impl Display) {
        if self.verbosity >= Verbosity::Normal {
            say(&self.err.cyan("note:"), &text.to_string());
        }
    }

    /// Says something only with `-v`.
    pub fn detail(&self, text: impl Display) {
        if self.is_verbose() {
            say(&self.err.dim("--"), &text.to_string());
        }
    }

    /// Warns the person, unless `-q` was given.
    pub fn warn(&self, text: impl Display) {
        if self.verbosity >= Verbosity::Normal {
            say(&self.err.yellow("warning:"), &text.to_string());
        }
    }

    /// Bars for long work, on a terminal and without `-q`.
    pub fn progress(&self) -> Progress {
        Progress::new(self.verbosity >= Verbosity::Normal && io::stderr().is_terminal())
    }

    /// Shows why a command failed and returns how the program ends: `error:` and the chain of causes in one sentence,
    /// the details of a [`Failure`] in it, and its hints. A closed pipe ends in silence, as [`Exit::Done`].
    pub fn error(&self, error: &anyhow::Error) -> Exit {
        if error.chain().any(<dyn std::error::Error>::is::<ClosedPipe>) {
            return Exit::Done;
        }
        say(&self.err.red("error:"), &sentence(error));
        // `downcast_ref` also finds a failure that was given as context.
        let nested = || error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
        let Some(failure) = error.downcast_ref::<Failure>().or_else(nested) else { return Exit::Failed };
        for line in failure.details() {
            to_stderr(&format!("  {}\n", escape(line)));
        }
        for hint in failure.hints() {
            say(&self.err.cyan("hint:"), hint);
        }
        failure.code()
    }
}

fn say(label: &str, text: &str) {
    to_stderr(&format!("{label} {}\n", escape(text)));
}

/// The chain of causes, joined by colons. Errors of the libraries are whole sentences that have their reason in them, and
/// name it as their source besides: a cause that stands in the text before it, or what the operating system said after a text
/// that gives a reason, is not told again.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    let mut before = String::new();
    for cause in error.chain() {
        let told = before.contains(&cause.to_string()) || (cause.is::<io::Error>() && before.contains(": "));
        if text.is_empty() {
            text = cause.to_string();
        } else if !told {
            text = format!("{text}: {cause}");
        }
        before = cause.to_string();
    }
    text
}

/// There is nobody to tell when stderr fails.
fn to_stderr(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    const CONSOLE: Console = Console { verbosity: Verbosity::Quiet, out: Style::new(false), err: Style::new(false) };

    #[test]
    fn the_exit_code_is_found_below_and_as_context() {
        let failure = || Failure::new(Exit::Unavailable, "no such provider");
        let root = anyhow::Error::new(failure()).context("while benchmarking");
        assert_eq!(CONSOLE.error(&root), Exit::Unavailable);
        let context = Err::<(), _>(io::Error::other("disk on fire")).context(failure()).unwrap_err();
        assert_eq!(CONSOLE.error(&context), Exit::Unavailable);
        assert_eq!(CONSOLE.error(&anyhow::anyhow!("anything else")), Exit::Failed);
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        assert_eq!(CONSOLE.error(&anyhow::Error::new(ClosedPipe).context("listing")), Exit::Done);
    }

    #[test]
    fn a_cause_that_was_told_is_not_repeated() {
        let inner = io::Error::other("no space left");
        let error = anyhow::Error::new(inner).context("cannot write a.onnx: no space left").context("export");
        assert_eq!(sentence(&error), "export: cannot write a.onnx: no space left");
        let inner = io::Error::other("os error 2");
        let error = anyhow::Error::new(inner).context("cannot write `a`: its folder does not exist");
        assert_eq!(sentence(&error), "cannot write `a`: its folder does not exist");
        let error = anyhow::Error::new(io::Error::other("disk on fire")).context("cannot write `a`");
        assert_eq!(sentence(&error), "cannot write `a`: disk on fire");
    }
}
