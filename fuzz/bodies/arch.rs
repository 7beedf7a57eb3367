//! An architecture as text and as an `arch.json`; what is accepted prints and parses back to the same.

use bossnas_model::arch::{ArchFile, Architecture};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Architecture>() {
        Ok(arch) => assert_eq!(arch.to_string().parse::<Architecture>().ok(), Some(arch)),
        Err(error) => assert!(error.to_string().len() + error.caret().len() < 3000, "a message too long to read"),
    }
    if let Ok(file) = ArchFile::from_json(text)
        && let Ok(json) = file.to_json()
    {
        assert_eq!(ArchFile::from_json(&json).map(|again| again.arch).ok(), Some(file.arch));
    }
}
