//! A list of images: a line is a path, a blank, and the number of a class.
//!
//! What comes after the last blank is the label, so paths may have blanks in them. Relative paths begin at the list's
//! folder. Empty lines and lines that begin with `#` are passed over. Whether the files exist is not looked at: a list
//! of a million would take minutes, and a file that is missing is told when it is read.

use std::path::PathBuf;

use bossnas_files::SourceFile;

use super::{DataSetError, ImageFile};

/// The largest list that is read: some millions of lines.
const MAX_BYTES: u64 = 512 << 20;

pub(super) fn read(list: &SourceFile) -> Result<Vec<ImageFile>, DataSetError> {
    let path = || list.path().to_owned();
    if list.len() > MAX_BYTES {
        return Err(DataSetError::TooLarge { path: path(), bytes: list.len(), limit: MAX_BYTES });
    }
    let bytes = list.read_at(0, list.len())?;
    let mut files = Vec::new();
    for (line, text) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let file = sample(text).map_err(|problem| DataSetError::Line { path: path(), line, problem })?;
        files.extend(file);
    }
    if files.is_empty() {
        return Err(DataSetError::EmptyList { path: path() });
    }
    Ok(files)
}

/// The sample of a line, `None` where it has none.
fn sample(line: &[u8]) -> Result<Option<ImageFile>, &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let line = line.trim_start_matches('\u{feff}').trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (path, label) = line.rsplit_once([' ', '\t']).ok_or("a line is a path, a blank and a label")?;
    if label.is_empty() || !label.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the label after the last blank is no whole number");
    }
    let label = label.parse().map_err(|_| "the label is far too large")?;
    if path.contains('\0') {
        return Err("the path has a zero byte in it");
    }
    Ok(Some(ImageFile { path: PathBuf::from(path.trim_end()).into_boxed_path(), label }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &[u8]) -> Result<Vec<(String, u32)>, String> {
        let files = read(&SourceFile::from_bytes("list.txt", text.to_vec())).map_err(|error| error.to_string())?;
        Ok(files.iter().map(|file| (file.path.to_string_lossy().into_owned(), file.label)).collect())
    }

    #[test]
    fn paths_may_have_blanks_and_lines_may_be_empty() {
        let text = "\u{feff}# path label\r\n\r\na b/c d.jpg 7\r\n  /x/y.png\t 12\nlast 0";
        let expected =
            [("a b/c d.jpg", 7), ("/x/y.png", 12), ("last", 0)].map(|(path, label)| (path.to_owned(), label));
        assert_eq!(parsed(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_malformed_line_is_named_by_its_number() {
        let lines: [&[u8]; 7] =
            [b"a.jpg", b"a.jpg -1", b"a.jpg +1", b"a.jpg cat", b"a.jpg 99999999999", b"\xff.jpg 1", b"a\0b 1"];
        for line in lines {
            let error = parsed(&[b"good.jpg 1\n\n", line, b"\n"].concat()).unwrap_err();
            assert!(error.starts_with("`list.txt`, line 3: "), "{error}");
        }
        for empty in [&b""[..], b"# nothing\n\n"] {
            assert_eq!(parsed(empty).unwrap_err(), "the list `list.txt` names no images");
        }
    }
}
