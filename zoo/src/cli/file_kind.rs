//! What kind of file a file is, by its first bytes and not by its name.

use std::path::Path;

use bossnas_files::{ReadError, SourceFile};

/// The kinds that commands tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// An `arch.json`, or what is meant to be one.
    ArchJson,
    /// An ONNX file, or what is meant to be one.
    Onnx,
    /// A checkpoint, or anything else: its reader says what is wrong.
    Checkpoint,
}

impl FileKind {
    /// Looks at the beginning of the file at `path`.
    pub(crate) fn of(path: &Path) -> Result<Self, ReadError> {
        let file = SourceFile::open(path)?;
        let start = file.read_up_to(0, 512)?;
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        Ok(Self::from_start(&start, file.len(), extension))
    }

    fn from_start(start: &[u8], len: u64, extension: &str) -> Self {
        let is_zip = start.starts_with(b"PK");
        // A pickle begins with its protocol, 2 to 5.
        let is_pickle = matches!(start, [0x80, 2..=5, ..]);
        if is_zip || is_pickle || is_safetensors(start, len) {
            return Self::Checkpoint;
        }
        let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
        match (first, start) {
            (Some(b'{'), _) => Self::ArchJson,
            // The first field of a model, its IR version, as every exporter writes it.
            (_, [0x08, 1..=64, ..]) => Self::Onnx,
            _ if extension.eq_ignore_ascii_case("onnx") => Self::Onnx,
            _ => Self::Checkpoint,
        }
    }
}

/// The length of a header that is in the file, and the header's brace.
fn is_safetensors(start: &[u8], len: u64) -> bool {
    let Some((length, rest)) = start.split_first_chunk::<8>() else { return false };
    u64::from_le_bytes(*length) <= len && rest.first() == Some(&b'{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_decides_and_not_the_name() {
        let kind = |start: &[u8], name| FileKind::from_start(start, 1000, name);
        assert_eq!(kind(b"PK\x03\x04", "onnx"), FileKind::Checkpoint);
        assert_eq!(kind(b"\x80\x02\x8a\x0a", "onnx"), FileKind::Checkpoint);
        assert_eq!(kind(b"\x08\x00\x00\x00\x00\x00\x00\x00{", ""), FileKind::Checkpoint);
        assert_eq!(kind(b"\x08\x08\x12\x0bbossnas-zoo", "pth"), FileKind::Onnx);
        assert_eq!(kind(b" \n{\"schema\"", "txt"), FileKind::ArchJson);
        assert_eq!(kind(b"garbage", "onnx"), FileKind::Onnx);
        assert_eq!(kind(b"garbage", "pth"), FileKind::Checkpoint);
        assert_eq!(kind(b"", "pth"), FileKind::Checkpoint);
    }
}
