//! Texts in the folder of a run.

use std::path::Path;

use bossnas_files::{ReadError, SourceFile};

use crate::journal::JournalError;

/// Bytes that a text may have that people write or read.
pub(crate) const MAX_TEXT: u64 = 4 << 20;

/// The text of a file, if there is one.
pub(crate) fn text(path: &Path, limit: u64) -> Result<Option<String>, JournalError> {
    let source = match SourceFile::open(path) {
        Err(ReadError::Missing { .. }) => return Ok(None),
        source => source?,
    };
    if source.len() > limit {
        return Err(JournalError::TooLarge { path: path.to_path_buf(), len: source.len(), limit });
    }
    let bytes = source.read_at(0, source.len())?;
    String::from_utf8(bytes).map(Some).map_err(|_| JournalError::malformed(path, &"it is no text in UTF-8"))
}

/// The number `seed` of a configuration, or of one of its tables.
pub(crate) fn seed(config: &str) -> Option<String> {
    let table: toml::Table = config.parse().ok()?;
    let tables = table.values().filter_map(toml::Value::as_table);
    std::iter::once(&table).chain(tables).find_map(|table| table.get("seed")).map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_found_at_the_top_or_in_a_table() {
        assert_eq!(seed("seed = 3\n[run]\nseed = 4\n").as_deref(), Some("3"));
        assert_eq!(seed("a = 1\n[run]\nseed = 4\n").as_deref(), Some("4"));
        assert_eq!((seed("a = 1"), seed("=")), (None, None));
    }
}
