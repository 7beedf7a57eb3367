//! Where the checkpoint fixtures lie: the full set, else the small files that are committed.

use std::path::PathBuf;

use bossnas_testkit::fixtures::Fixtures;

/// The path of a fixture, `None` (with a line about it) if only the committed files are here and it is not among them.
pub(crate) fn fixture(file: &str) -> Option<PathBuf> {
    let relative = format!("ckpt/{file}");
    let path = Fixtures::open().unwrap().path(&relative);
    if path.is_file() {
        return Some(path);
    }
    let path = Fixtures::open_core().unwrap().path(&relative);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("skipped: {file} is only in the full fixtures");
    None
}
