//! SHA-256 of streams and files, written and read as 64 hexadecimal digits.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use sha2::Digest as _;

use crate::read::{ReadError, SourceFile};

/// A SHA-256 digest. Prints as lower-case hexadecimal digits and is parsed from digits of either case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 digest has 64 hexadecimal digits")]
pub struct ParseDigestError;

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: Vec<u8> =
            text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>().ok_or(ParseDigestError)?;
        let (pairs, []) = digits.as_chunks::<2>() else { return Err(ParseDigestError) };
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        bytes.try_into().map(Self).map_err(|_| ParseDigestError)
    }
}

/// Digests what is written to it.
#[derive(Debug, Clone, Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    /// A digest of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl Write for Sha256 {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The digest of a whole file, read in pieces of a megabyte.
pub fn sha256_of(file: &SourceFile) -> Result<Digest, ReadError> {
    sha256_with(file, |_| ())
}

/// Like [`sha256_of`]; `read` is told the length of each piece.
pub fn sha256_with(file: &SourceFile, mut read: impl FnMut(u64)) -> Result<Digest, ReadError> {
    const PIECE: u64 = 1 << 20;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; PIECE.min(file.len()) as usize];
    let mut position = 0;
    while position < file.len() {
        let piece = &mut buffer[..PIECE.min(file.len() - position) as usize];
        file.read_exact_at(position, piece)?;
        digest.update(piece);
        position += piece.len() as u64;
        read(piece.len() as u64);
    }
    Ok(digest.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_digest_of_abc_is_the_published_one() {
        let mut digest = Sha256::new();
        digest.write_all(b"a").unwrap();
        digest.update(b"bc");
        assert_eq!(digest.finish().to_string(), ABC);
        assert_eq!(sha256_of(&SourceFile::from_bytes("abc", *b"abc")).unwrap().to_string(), ABC);
    }

    #[test]
    fn a_file_of_several_pieces_digests_like_its_bytes() {
        let bytes: Vec<u8> = (0..5_000_001_u32).map(|i| ((i * 31) >> 3) as u8).collect();
        let mut whole = Sha256::new();
        whole.update(&bytes);
        assert_eq!(sha256_of(&SourceFile::from_bytes("x", bytes)).unwrap(), whole.finish());
    }

    #[test]
    fn printing_and_parsing_are_inverse() {
        let digest: Digest = ABC.to_uppercase().parse().unwrap();
        assert_eq!(digest.to_string(), ABC);
        for wrong in ["", "ba", &ABC[1..], &format!("{ABC}00"), &ABC.replace('b', "g"), &"é".repeat(64)] {
            assert_eq!(wrong.parse::<Digest>(), Err(ParseDigestError), "{wrong}");
        }
    }
}
