//! The content-addressed store: a file's name is its digest.

use std::fs;
use std::path::{Path, PathBuf};

use bossnas_files::{Digest, move_into_place};

use super::{Cache, CacheError};

impl Cache {
    /// Where blobs are.
    pub fn blobs_folder(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// Where the file of that digest is or will be. The extension is that of `name`, so that other programs know it too.
    pub fn blob(&self, digest: Digest, name: &str) -> PathBuf {
        let extension = extension(name);
        let dot = if extension.is_empty() { "" } else { "." };
        self.blobs_folder().join(format!("{digest}{dot}{extension}"))
    }

    /// Moves a file that was synced and whose digest was computed into the store, read-only.
    pub fn keep(&self, file: &Path, digest: Digest, name: &str) -> Result<PathBuf, CacheError> {
        let blob = self.blob(digest, name);
        self.make(&self.blobs_folder())?;
        self.make_read_only(file)?;
        move_into_place(file, &blob).map_err(CacheError::io(&blob))?;
        Ok(blob)
    }

    /// Nobody shall change a blob.
    pub fn make_read_only(&self, file: &Path) -> Result<(), CacheError> {
        let mut permissions = fs::metadata(file).map_err(CacheError::io(file))?.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(file, permissions).map_err(CacheError::io(file))
    }
}

/// `tar.gz` of `a.b.tar.gz`, `pth` of `a-80_8.pth`; nothing where there is none or it is no plain word.
fn extension(name: &str) -> &str {
    let start = match name.rsplit_once('.') {
        Some((stem, "gz")) if stem.rsplit_once('.').is_some_and(|(_, inner)| inner == "tar") => stem.len() - 3,
        Some((stem, _)) if !stem.is_empty() => stem.len() + 1,
        _ => name.len(),
    };
    let extension = &name[start..];
    let plain = extension.len() <= 16 && extension.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    if plain { extension } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_keeps_the_extension_of_its_file() {
        let names = [
            ("BossNet-T0-80_8.pth", "pth"),
            ("cifar-10-python.tar.gz", "tar.gz"),
            ("a.gz", "gz"),
            ("a", ""),
            (".hidden", ""),
            ("a.b/c", ""),
            ("", ""),
        ];
        for (name, expected) in names {
            assert_eq!(extension(name), expected, "{name}");
        }
    }

    #[test]
    fn a_kept_file_is_read_only_and_named_by_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("home"));
        let digest: Digest = "a".repeat(64).parse().unwrap();
        for content in ["one", "one"] {
            let file = folder.path().join("part");
            fs::write(&file, content).unwrap();
            let blob = cache.keep(&file, digest, "x.pth").unwrap();
            assert_eq!(blob, cache.blobs_folder().join("a".repeat(64) + ".pth"));
            assert!(fs::metadata(&blob).unwrap().permissions().readonly());
            assert!(!file.exists());
        }
    }
}
