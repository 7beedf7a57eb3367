//! Colour, where it is wanted.

use std::fmt::Display;
use std::str::FromStr;

/// The argument of `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl ColorChoice {
    /// The names, as they are typed.
    pub const NAMES: [&str; 3] = ["auto", "always", "never"];

    /// The style for a stream that is a terminal or not. `NO_COLOR` counts when it is set and not empty
    /// (<https://no-color.org>).
    pub fn style(self, is_terminal: bool) -> Style {
        let unwanted = || {
            std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
                || std::env::var_os("TERM").is_some_and(|value| value == "dumb")
        };
        Style::new(match self {
            Self::Auto => is_terminal && !unwanted(),
            Self::Always => true,
            Self::Never => false,
        })
    }
}

impl FromStr for ColorChoice {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(format!("expected one of {}", Self::NAMES.join(", "))),
        }
    }
}

/// Whether and how text is coloured. The text is the caller's to escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    color: bool,
}

impl Style {
    /// With colours or without.
    pub const fn new(color: bool) -> Self {
        Self { color }
    }

    /// Whether it colours.
    pub const fn is_colored(self) -> bool {
        self.color
    }

    /// Bold.
    pub fn bold(self, text: impl Display) -> String {
        self.paint(1, text)
    }

    /// Less prominent.
    pub fn dim(self, text: impl Display) -> String {
        self.paint(2, text)
    }

    /// For errors.
    pub fn red(self, text: impl Display) -> String {
        self.paint(31, text)
    }

    /// For success.
    pub fn green(self, text: impl Display) -> String {
        self.paint(32, text)
    }

    /// For warnings.
    pub fn yellow(self, text: impl Display) -> String {
        self.paint(33, text)
    }

    /// For hints and notes.
    pub fn cyan(self, text: impl Display) -> String {
        self.paint(36, text)
    }

    fn paint(self, code: u8, text: impl Display) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}
