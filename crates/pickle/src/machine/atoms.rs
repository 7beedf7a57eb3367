//! Numbers and texts, in all the spellings of six protocols.

use super::{Machine, op};
use crate::error::PickleError;
use crate::tree::{BytesRef, StrRef, Value};

/// Longest integer in bytes. 2^(8 * 255) is more than any checkpoint holds; the mark of old files has 10 bytes.
const LONGEST_INT: usize = 255;

/// Longest text of a number in protocol 0.
const LONGEST_NUMBER: usize = 400;

impl Machine<'_> {
    pub(super) fn long(&mut self, opcode: u8) -> Result<(), PickleError> {
        let len = if opcode == op::LONG1 { i32::from(self.cursor.u8()?) } else { self.cursor.i32()? };
        let Ok(len) = u64::try_from(len) else { return Err(self.malformed("an integer of negative length")) };
        let bytes = self.cursor.take(len)?;
        if bytes.len() > LONGEST_INT {
            return Err(PickleError::Limit { what: "bytes in one integer", limit: LONGEST_INT });
        }
        self.push(integer(bytes))
    }

    pub(super) fn number_line(&mut self, opcode: u8) -> Result<(), PickleError> {
        let line = self.cursor.line()?;
        if line.len() > LONGEST_NUMBER {
            return Err(PickleError::Limit { what: "digits in one number", limit: LONGEST_NUMBER });
        }
        let text = std::str::from_utf8(line).map_err(|_| self.malformed("a number is expected"))?;
        let value = match (opcode, text) {
            // How protocol 0 spells truth values.
            (op::INT, "00") => Some(Value::Bool(false)),
            (op::INT, "01") => Some(Value::Bool(true)),
            (op::FLOAT, _) => text.parse().ok().map(Value::Float),
            _ => text.strip_suffix('L').unwrap_or(text).parse().ok().map(Value::Int),
        };
        let value = value.ok_or_else(|| self.malformed("a number of at most 64 bits is expected"))?;
        self.push(value)
    }

    pub(super) fn text_line(&mut self, opcode: u8) -> Result<(), PickleError> {
        let line = self.cursor.line()?;
        if opcode == op::UNICODE {
            let text = unescape_unicode(line).ok_or_else(|| self.malformed("a text has a malformed escape"))?;
            return self.push_str(text.as_bytes());
        }
        let quoted = match line {
            [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => Some(inner),
            _ => None,
        };
        let text = quoted.and_then(unescape_bytes);
        let text = text.ok_or_else(|| self.malformed("a quoted text is expected"))?;
        self.push_python2_string(&text)
    }

    /// A byte string of Python 2: a text if it can be one, else bytes.
    pub(super) fn push_python2_string(&mut self, bytes: &[u8]) -> Result<(), PickleError> {
        if std::str::from_utf8(bytes).is_ok() { self.push_str(bytes) } else { self.push_bytes(bytes) }
    }

    pub(super) fn str_value(&mut self, bytes: &[u8]) -> Result<Value, PickleError> {
        if std::str::from_utf8(bytes).is_err() {
            return Err(self.malformed("a text that is not UTF-8"));
        }
        self.tree.add_text(bytes).map(|span| Value::Str(StrRef(span))).ok_or_else(|| self.malformed("too much text"))
    }

    pub(super) fn push_str(&mut self, bytes: &[u8]) -> Result<(), PickleError> {
        let value = self.str_value(bytes)?;
        self.push(value)
    }

    pub(super) fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), PickleError> {
        let span = self.tree.add_text(bytes).ok_or_else(|| self.malformed("too much text"))?;
        self.push(Value::Bytes(BytesRef(span)))
    }
}

/// A two's complement little-endian integer.
pub(super) fn integer(bytes: &[u8]) -> Value {
    let negative = bytes.last().is_some_and(|&b| b >= 0x80);
    let fill = if negative { 0xff } else { 0 };
    // Bytes that only repeat the sign carry nothing.
    let mut len = bytes.len();
    while len > 0
        && bytes[len - 1] == fill
        && (len > 1 && (bytes[len - 2] >= 0x80) == negative || len == 1 && !negative)
    {
        len -= 1;
    }
    if len > 8 {
        return Value::BigInt(bytes[..len].into());
    }
    let mut wide = [fill; 8];
    wide[..len].copy_from_slice(&bytes[..len]);
    Value::Int(i64::from_le_bytes(wide))
}

/// Python's `raw-unicode-escape`: only `\uXXXX` and `\UXXXXXXXX` are escapes, other bytes are Latin-1.
fn unescape_unicode(line: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((&first, after)) = rest.split_first() {
        let digits = match after.first() {
            Some(b'u') if first == b'\\' => 4,
            Some(b'U') if first == b'\\' => 8,
            _ => {
                text.push(char::from(first));
                rest = after;
                continue;
            }
        };
        let hex = std::str::from_utf8(after.get(1..1 + digits)?).ok()?;
        text.push(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?);
        rest = &after[1 + digits..];
    }
    Some(text)
}

/// The escapes of a Python byte string.
fn unescape_bytes(line: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let (&kind, after) = after.split_first()?;
        rest = after;
        bytes.push(match kind {
            b'\\' | b'\'' | b'"' => kind,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'x' => {
                let hex = std::str::from_utf8(after.get(..2)?).ok()?;
                rest = &after[2..];
                u8::from_str_radix(hex, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(bytes)
}
