//! The reader that all text forms share, and the error that points at a character.

use std::fmt;

/// Longer texts are refused before they are looked at; the longest sensible one has about 400 characters.
const MAX_CHARS: usize = 4096;

/// Characters of the text that [`ParseError::caret`] shows on either side of the error.
const CARET_CONTEXT: usize = 60;

/// Why a text is no architecture: where, what is there, and what should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    text: String,
    column: usize,
    found: String,
    expected: String,
}

impl ParseError {
    /// Position of the offending character, counted in characters from 1; one past the last for the end of the text.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What stands there, ready to print.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What should stand there.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// Two lines, the text and a caret below the offending character. Long texts are cut around it, and what is no
    /// printable ASCII is shown as `?` so that the caret stands right on every terminal.
    pub fn caret(&self) -> String {
        let at = self.column - 1;
        let start = at.saturating_sub(CARET_CONTEXT);
        let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
        let shown: String = self.text.chars().skip(start).take(2 * CARET_CONTEXT).map(plain).collect();
        format!("{shown}\n{}^", " ".repeat(at - start))
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: found {}, expected {}", self.column, self.found, self.expected)
    }
}

impl std::error::Error for ParseError {}

/// A position in a text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    chars: Vec<char>,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the first character that is not white space; white space at the end is not seen either.
    pub(super) fn new(text: &'a str) -> Result<Self, ParseError> {
        let chars: Vec<char> = text.trim_end().chars().take(MAX_CHARS + 1).collect();
        let mut cursor = Self { text, chars, at: 0 };
        if cursor.chars.len() > MAX_CHARS {
            let found = format!("more than {MAX_CHARS} characters");
            return Err(cursor.error_at(MAX_CHARS, found, "an architecture of a few digits"));
        }
        cursor.skip_spaces();
        Ok(cursor)
    }

    /// Index of the next character, for [`Cursor::error_at`].
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What is left.
    pub(super) fn rest(&self) -> &[char] {
        &self.chars[self.at..]
    }

    /// The next character.
    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Takes the next character if it is `wanted`.
    pub(super) fn eat(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    /// Takes the next character if it is a decimal digit.
    pub(super) fn digit(&mut self) -> Option<u8> {
        let value = self.peek()?.to_digit(10)? as u8;
        self.at += 1;
        Some(value)
    }

    /// Takes the longest run of letters, digits, `-` and `_`; may be empty.
    pub(super) fn word(&mut self) -> String {
        let in_word = |c: &&char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let word: String = self.rest().iter().take_while(in_word).collect();
        self.at += word.len();
        word
    }

    /// Takes a whole number of at most nine digits between `low` and `high`.
    pub(super) fn number(&mut self, low: usize, high: usize, what: &str) -> Result<usize, ParseError> {
        let start = self.at;
        let expected = format!("{what} from {low} to {high}");
        let digits: String = self.rest().iter().take_while(|c| c.is_ascii_digit()).collect();
        if digits.is_empty() {
            return Err(self.error(expected));
        }
        self.at += digits.len();
        match digits.parse() {
            Ok(number) if digits.len() <= 9 && (low..=high).contains(&number) => Ok(number),
            _ => Err(self.error_at(start, quote(&digits), expected)),
        }
    }

    /// Skips white space.
    pub(super) fn skip_spaces(&mut self) {
        self.at += self.rest().iter().take_while(|c| c.is_whitespace()).count();
    }

    /// Succeeds at the end of the text.
    pub(super) fn end(&self, expected: &str) -> Result<(), ParseError> {
        if self.peek().is_none() { Ok(()) } else { Err(self.error(expected)) }
    }

    /// An error about the next character.
    pub(super) fn error(&self, expected: impl Into<String>) -> ParseError {
        let found = self.peek().map_or_else(|| "the end".to_owned(), |c| quote(&c.to_string()));
        self.error_at(self.at, found, expected)
    }

    /// An error about what starts at index `at`.
    pub(super) fn error_at(&self, at: usize, found: impl Into<String>, expected: impl Into<String>) -> ParseError {
        let text = self.text.chars().take(MAX_CHARS).collect();
        ParseError { text, column: at + 1, found: found.into(), expected: expected.into() }
    }
}

/// Text from outside between back-ticks: cut, and with everything that is no printable ASCII as an escape.
pub(super) fn quote(text: &str) -> String {
    let cut = text.chars().count() > 40;
    let shown: String = text.chars().take(40).flat_map(char::escape_default).collect();
    format!("`{}{}`", shown.replace("\\'", "'").replace("\\\"", "\""), if cut { "..." } else { "" })
}
