//! `SHA256SUMS`: the digests of the files in a folder, in the form that `sha256sum --check` reads.

use std::collections::HashSet;
use std::path::Path;

use bossnas_files::{Digest, ReadError, SourceFile, WriteError, write_file};

use super::Unpacked;
use super::path;

/// The name of the list.
pub const SUMS: &str = "SHA256SUMS";

const MAX_BYTES: u64 = 16 << 20;

/// Why a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SumsError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is not one, or not as [`write_sums`] writes it.
    #[error("line {line} is not a digest, two blanks and a path, in order and without repetition")]
    Line {
        /// The line, counted from 1.
        line: usize,
    },
    /// It is far larger than any list.
    #[error("it has {0} bytes")]
    TooLarge(u64),
}

/// Writes the list of `files` into `folder`.
pub fn write_sums(folder: &Path, files: &[Unpacked]) -> Result<(), WriteError> {
    let mut lines: Vec<String> = files.iter().map(|file| format!("{}  {}\n", file.sha256, file.path)).collect();
    lines.sort_by(|a, b| a[64..].cmp(&b[64..]));
    write_file(folder.join(SUMS), lines.concat().as_bytes())
}

/// Reads the list in `folder`: digests and relative paths. Only the form that [`write_sums`] gives is one: sorted, lower-case
/// digits, each line with its end, no path twice even in another case.
pub fn read_sums(folder: &Path) -> Result<Vec<(Digest, String)>, SumsError> {
    let file = SourceFile::open(folder.join(SUMS))?;
    if file.len() > MAX_BYTES {
        return Err(SumsError::TooLarge(file.len()));
    }
    let bytes = file.read_at(0, file.len())?;
    let mut sums: Vec<(Digest, String)> = Vec::new();
    let mut folded = HashSet::new();
    for (index, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let wrong = SumsError::Line { line: index + 1 };
        let Some((digest, path)) = parse(line) else { return Err(wrong) };
        if sums.last().is_some_and(|(_, before)| *before >= path) || !folded.insert(path::fold(&path)) {
            return Err(wrong);
        }
        sums.push((digest, path));
    }
    Ok(sums)
}

fn parse(line: &[u8]) -> Option<(Digest, String)> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (digits, path) = line.split_once("  ")?;
    let digest: Digest = digits.parse().ok()?;
    let checked = path::check(path.as_bytes(), false, usize::MAX).ok()?;
    (digest.to_string() == digits && checked == path).then_some((digest, checked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(path: &str, digit: &str) -> Unpacked {
        Unpacked { path: path.to_owned(), bytes: 1, sha256: digit.repeat(64).parse().unwrap() }
    }

    #[test]
    fn a_list_is_read_back_sorted() {
        let folder = tempfile::tempdir().unwrap();
        write_sums(folder.path(), &[unpacked("b/c", "2"), unpacked("a", "3")]).unwrap();
        let paths: Vec<String> = read_sums(folder.path()).unwrap().into_iter().map(|(_, path)| path).collect();
        assert_eq!(paths, ["a", "b/c"]);
    }

    #[test]
    fn a_list_with_anything_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let digest = "1".repeat(64);
        for bad in [
            "x".to_owned(),
            format!("{digest} a"),
            format!("{digest}  ../a"),
            format!("{digest}  /a"),
            format!("{digest}  a\n{digest}  a"),
            format!("{digest}  b\n{digest}  a"),
        ] {
            std::fs::write(folder.path().join(SUMS), &bad).unwrap();
            assert!(matches!(read_sums(folder.path()), Err(SumsError::Line { .. })), "{bad}");
        }
        assert!(matches!(read_sums(&folder.path().join("none")), Err(SumsError::Read(_))));
    }
}
