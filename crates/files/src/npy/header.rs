//! The header of a `.npy` file: a Python dictionary with the keys `descr`, `fortran_order` and `shape`.
//!
//! Only that form is read, without recursion. The type is kept as text; a structured type (a list) is kept as its first
//! characters, since nobody here can use it.

use std::fmt;

/// Why the text of a header is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// More text than any array needs.
    #[error("its {0} bytes are too many")]
    TooLong(u32),
    /// The text is not the dictionary that numpy writes.
    #[error("expected {expected} at character {at}")]
    Expected {
        /// What should stand there.
        expected: &'static str,
        /// Position in the header's text, from 0.
        at: usize,
    },
    /// `descr`, `fortran_order` or `shape` is not there, or there twice.
    #[error("each of `descr`, `fortran_order` and `shape` must be there once")]
    Keys,
    /// A dimension that cannot be addressed.
    #[error("a dimension is too large")]
    Extent,
    /// More dimensions than numpy allows.
    #[error("more than {MAX_RANK} dimensions")]
    Rank,
}

/// The most dimensions that numpy allows.
const MAX_RANK: usize = 64;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// numpy's description of the element type, for instance `<f4`.
    pub(super) dtype: String,
    /// The first index is the fastest.
    pub(super) column_major: bool,
    /// Extents.
    pub(super) shape: Vec<u64>,
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = if self.column_major { "True" } else { "False" };
        write!(f, "{{'descr': '{}', 'fortran_order': {order}, 'shape': (", self.dtype)?;
        for (axis, extent) in self.shape.iter().enumerate() {
            write!(f, "{}{extent}", if axis == 0 { "" } else { ", " })?;
        }
        write!(f, "{}), }}", if self.shape.len() == 1 { "," } else { "" })
    }
}

impl Header {
    /// Reads the text of a header.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor { text, at: 0 };
        let (mut dtype, mut column_major, mut shape) = (None, None, None);
        cursor.expect(b'{', "`{`")?;
        while !cursor.take(b'}') {
            let again = match cursor.string()? {
                b"descr" => {
                    cursor.expect(b':', "`:`")?;
                    let Some(value) = cursor.dtype()? else {
                        // A structured type: what follows is of no use either.
                        return Ok(Self { dtype: cursor.rest(40), column_major: false, shape: Vec::new() });
                    };
                    dtype.replace(value).is_some()
                }
                b"fortran_order" => {
                    cursor.expect(b':', "`:`")?;
                    column_major.replace(cursor.boolean()?).is_some()
                }
                b"shape" => {
                    cursor.expect(b':', "`:`")?;
                    shape.replace(cursor.extents()?).is_some()
                }
                _ => return Err(Malformed::Keys),
            };
            if again {
                return Err(Malformed::Keys);
            }
            if !cursor.take(b',') {
                cursor.expect(b'}', "`,` or `}`")?;
                break;
            }
        }
        cursor.skip_space();
        if cursor.at != text.len() {
            return Err(cursor.expected("the end"));
        }
        match (dtype, column_major, shape) {
            (Some(dtype), Some(column_major), Some(shape)) => Ok(Self { dtype, column_major, shape }),
            _ => Err(Malformed::Keys),
        }
    }
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn expected(&self, expected: &'static str) -> Malformed {
        Malformed::Expected { expected, at: self.at }
    }

    fn skip_space(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Malformed> {
        if self.take(byte) { Ok(()) } else { Err(self.expected(what)) }
    }

    /// A quoted string without escapes: numpy needs none.
    fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let quote = self.peek().filter(|b| matches!(b, b'\'' | b'"')).ok_or_else(|| self.expected("a string"))?;
        let start = self.at + 1;
        let len = self.text[start..].iter().position(|&b| b == quote || b == b'\\');
        match len {
            Some(len) if self.text[start + len] == quote => {
                self.at = start + len + 1;
                Ok(&self.text[start..start + len])
            }
            _ => Err(self.expected("a closed string")),
        }
    }

    /// A type description; `None` for a structured one, of which nothing is consumed.
    fn dtype(&mut self) -> Result<Option<String>, Malformed> {
        if self.peek() == Some(b'[') {
            return Ok(None);
        }
        self.string().map(|s| Some(String::from_utf8_lossy(s).into_owned()))
    }

    fn rest(&self, limit: usize) -> String {
        let rest = &self.text[self.at..];
        let shown = String::from_utf8_lossy(&rest[..rest.len().min(limit)]).into_owned();
        if rest.len() > limit { shown + "..." } else { shown }
    }

    fn boolean(&mut self) -> Result<bool, Malformed> {
        self.skip_space();
        for (word, value) in [(&b"True"[..], true), (b"False", false)] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.expected("`True` or `False`"))
    }

    /// A tuple of integers.
    fn extents(&mut self) -> Result<Vec<u64>, Malformed> {
        self.expect(b'(', "`(`")?;
        let mut extents = Vec::new();
        while !self.take(b')') {
            extents.push(self.integer()?);
            if extents.len() > MAX_RANK {
                return Err(Malformed::Rank);
            }
            if !self.take(b',') {
                self.expect(b')', "`,` or `)`")?;
                break;
            }
        }
        Ok(extents)
    }

    fn integer(&mut self) -> Result<u64, Malformed> {
        self.skip_space();
        let digits = self.text[self.at..].iter().take_while(|b| b.is_ascii_digit());
        let mut value = Some(0_u64);
        let mut count = 0;
        for digit in digits {
            value = value.and_then(|v| v.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
            count += 1;
        }
        if count == 0 {
            return Err(self.expected("a dimension"));
        }
        self.at += count;
        // Python 2 wrote long integers with this suffix.
        self.at += usize::from(self.text.get(self.at) == Some(&b'L'));
        value.ok_or(Malformed::Extent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Header, Malformed> {
        Header::parse(text.as_bytes())
    }

    #[test]
    fn printing_and_parsing_are_inverse() {
        for shape in [vec![], vec![7], vec![1, 3, 224, 224]] {
            let header = Header { dtype: "<f4".to_owned(), column_major: shape.len() == 1, shape };
            assert_eq!(parse(&format!("{header}   \n")), Ok(header));
        }
    }

    #[test]
    fn other_spellings_of_the_same_dictionary_are_read() {
        let expected = Header { dtype: "<f8".to_owned(), column_major: false, shape: vec![2, 3] };
        for text in [
            "{'shape': (2, 3), 'fortran_order': False, 'descr': '<f8'}",
            "{\"descr\":\"<f8\",\"fortran_order\":False,\"shape\":(2L,3L,),}",
        ] {
            assert_eq!(parse(text), Ok(expected.clone()));
        }
    }

    #[test]
    fn what_is_no_header_is_refused_at_its_position() {
        let expected = |text| match parse(text) {
            Err(Malformed::Expected { expected, at }) => (expected, at),
            other => panic!("{other:?}"),
        };
        assert_eq!(expected(""), ("`{`", 0));
        assert_eq!(expected("{'descr"), ("a closed string", 1));
        assert_eq!(expected("{'shape': (-1,)}"), ("a dimension", 11));
        assert_eq!(expected("{'fortran_order': 0}"), ("`True` or `False`", 18));
        assert_eq!(expected("{} x"), ("the end", 3));
        assert_eq!(parse("{}"), Err(Malformed::Keys));
        assert_eq!(parse("{'shape': (), 'shape': ()}"), Err(Malformed::Keys));
        assert_eq!(parse("{'shape': (18446744073709551616,)}"), Err(Malformed::Extent));
        assert_eq!(parse(&format!("{{'shape': ({})}}", "1,".repeat(65))), Err(Malformed::Rank));
    }
}
