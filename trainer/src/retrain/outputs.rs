//! Files under lasting names: the weights of the last epoch and the best ones.
//!
//! They are files of a checkpoint under a second name, so that they take no room of their own where the system has links.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bossnas_hub::BEST_WEIGHTS;

use super::checkpoint::Files;
use super::state::Which;
use crate::run::Folder;

/// Why a file has no lasting name.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`: {source}", .path.display())]
pub struct OutputError {
    /// The file.
    path: PathBuf,
    /// Why.
    source: io::Error,
}

/// The file with the weights of the last epoch.
pub(super) fn last(which: Which) -> String {
    format!("last-{}.safetensors", which.name())
}

/// Gives the weights of an epoch their names.
pub(super) fn name_last(folder: &Folder, files: &Files) -> Result<(), OutputError> {
    for which in [Which::Model, Which::ModelEma] {
        if let Some(file) = files.of(which) {
            name(&folder.file(&file.file), &folder.file(&last(which)))?;
        }
    }
    Ok(())
}

/// Gives the best weights their name.
pub(super) fn name_best(folder: &Folder, files: &Files, which: Which) -> Result<(), OutputError> {
    match files.of(which) {
        Some(file) => name(&folder.file(&file.file), &folder.file(BEST_WEIGHTS)),
        None => Ok(()),
    }
}

/// A second name for a file, in the place of what has it; a copy where there are no links.
fn name(file: &Path, name: &Path) -> Result<(), OutputError> {
    let failed = |source| OutputError { path: name.to_owned(), source };
    let scratch = name.with_extension("safetensors.new");
    match fs::remove_file(&scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    if fs::hard_link(file, &scratch).is_err() {
        fs::copy(file, &scratch).map_err(failed)?;
        fs::File::open(&scratch).and_then(|copy| copy.sync_all()).map_err(failed)?;
    }
    fs::rename(&scratch, name).map_err(failed)?;
    // Renaming a link to the file that has the name already leaves both.
    match fs::remove_file(&scratch) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_two_names_and_the_older_one_may_go() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.safetensors"), "1").unwrap();
        fs::write(at("b.safetensors"), "2").unwrap();
        fs::write(at("last.safetensors.new"), "left over").unwrap();
        for _ in 0..2 {
            name(&at("a.safetensors"), &at("last.safetensors")).unwrap();
            assert_eq!(fs::read_to_string(at("last.safetensors")).unwrap(), "1");
        }
        name(&at("b.safetensors"), &at("last.safetensors")).unwrap();
        fs::remove_file(at("b.safetensors")).unwrap();
        assert_eq!(fs::read_to_string(at("last.safetensors")).unwrap(), "2");
        assert_eq!(fs::read_to_string(at("a.safetensors")).unwrap(), "1");
        assert!(!at("last.safetensors.new").exists());
        let error = name(&at("none"), &at("last.safetensors")).unwrap_err().to_string();
        assert!(error.contains("last.safetensors"), "{error}");
    }
}
