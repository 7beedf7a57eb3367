//! Where installed parts lie.
//!
//! ```text
//! $BOSSNAS_NATIVE, else native/ in the cache
//!   <part>-<version>-<digest of its lock entries>/
//!     contents.toml            which files there are, and their lengths
//!     onnxruntime/capi/...     the files as they lie in their wheels
//! ```

use std::path::{Path, PathBuf};

use bossnas_hub::cache::{Cache, CacheError};

use crate::contents::{Contents, ContentsError, is_shared_library};
use crate::lock::platform;
use crate::part::Part;

/// Names the folder of the store.
const ENVIRONMENT_VARIABLE: &str = "BOSSNAS_NATIVE";

/// A folder of installed parts. It need not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// The store of this user: `$BOSSNAS_NATIVE`, else `native` in the folder of fetched files.
    pub fn of_user() -> Result<Self, CacheError> {
        if let Some(root) = std::env::var_os(ENVIRONMENT_VARIABLE).filter(|root| !root.is_empty()) {
            let path = PathBuf::from(root);
            let root = std::path::absolute(&path).map_err(|source| CacheError::Io { path, source })?;
            return Ok(Self { root });
        }
        Ok(Self { root: Cache::of_user()?.root().join("native") })
    }

    /// The store in a folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a part lies when it is installed; `None` when it is not to be had on this platform.
    pub fn folder(&self, part: Part) -> Option<PathBuf> {
        Some(self.root.join(part.locked()?.folder_name(&platform())?))
    }

    /// A part, when it is installed and whole.
    pub fn installed(&self, part: Part) -> Option<Installed> {
        Installed::open(part, self.folder(part)?).ok()
    }
}

/// An installed part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    part: Part,
    folder: PathBuf,
    contents: Contents,
}

impl Installed {
    /// The part in a folder; the error says what is missing or damaged.
    pub fn open(part: Part, folder: PathBuf) -> Result<Self, ContentsError> {
        let contents = Contents::of(&folder)?;
        Ok(Self { part, folder, contents })
    }

    /// Which part it is.
    pub fn part(&self) -> Part {
        self.part
    }

    /// Its version.
    pub fn version(&self) -> &'static str {
        self.part.version()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The length of all its files.
    pub fn bytes(&self) -> u64 {
        self.contents.bytes()
    }

    /// ONNX Runtime itself: `libonnxruntime.so.1.x`, `libonnxruntime.1.x.dylib` or `onnxruntime.dll`.
    pub fn onnxruntime_library(&self) -> Option<PathBuf> {
        let libraries = self.contents.files.iter().filter(|file| is_shared_library(&file.path));
        let mut named =
            libraries.filter(|file| file.name() == "onnxruntime.dll" || file.name().starts_with("libonnxruntime."));
        named.next().map(|file| self.folder.join(&file.path))
    }

    /// The folders that hold shared libraries, for the system's loader to search.
    pub fn library_folders(&self) -> Vec<PathBuf> {
        let libraries = self.contents.files.iter().filter(|file| is_shared_library(&file.path));
        let folders = libraries.filter_map(|file| Some(self.folder.join(&file.path).parent()?.to_owned()));
        let mut folders: Vec<PathBuf> = folders.collect();
        folders.sort();
        folders.dedup();
        folders
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::contents::File;

    const FILES: [&str; 4] = [
        "nvidia/cu13/lib/libcudart.so.13",
        "onnxruntime/LICENSE",
        "onnxruntime/capi/libonnxruntime.so.1.32.0",
        "onnxruntime/capi/libonnxruntime_providers_shared.so",
    ];

    /// A store in which the part looks installed, and the part's folder.
    fn with_part(part: Part) -> (TempDir, Store, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path().join("native"));
        let installed = store.folder(part).unwrap();
        for path in FILES {
            fs::create_dir_all(installed.join(path).parent().unwrap()).unwrap();
            fs::write(installed.join(path), path).unwrap();
        }
        let files = FILES.map(|path| File { path: path.to_owned(), bytes: path.len() as u64 });
        Contents { files: files.to_vec() }.write(&installed).unwrap();
        (folder, store, installed)
    }

    #[test]
    fn what_was_installed_is_found() {
        let (_folder, store, path) = with_part(Part::OnnxRuntime);
        let installed = store.installed(Part::OnnxRuntime).unwrap();
        assert_eq!(installed.folder(), path);
        assert_eq!(installed.part(), Part::OnnxRuntime);
        assert_eq!(installed.version(), Part::OnnxRuntime.version());
        assert_eq!(installed.onnxruntime_library(), Some(path.join(FILES[2])));
        assert_eq!(installed.library_folders(), [path.join("nvidia/cu13/lib"), path.join("onnxruntime/capi")]);
        assert_eq!(installed.bytes(), FILES.map(str::len).iter().sum::<usize>() as u64);
        assert_eq!(store.installed(Part::Cuda), None);
    }

    /// Insists that the part doesn't count after this damage, and why.
    fn refused(message: &str, damage: impl FnOnce(&Path)) {
        let (_folder, store, path) = with_part(Part::OnnxRuntime);
        damage(&path);
        assert_eq!(store.installed(Part::OnnxRuntime), None, "{message}");
        let error = Installed::open(Part::OnnxRuntime, path).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn a_part_that_is_not_whole_does_not_count() {
        let list = "contents.toml";
        refused(list, |folder| fs::remove_file(folder.join(list)).unwrap());
        refused("contents.toml` is damaged: TOML", |folder| fs::write(folder.join(list), "file = 3").unwrap());
        refused("it lists nothing", |folder| fs::write(folder.join(list), "file = []").unwrap());
        let outside = "[[file]]\npath = '../contents.toml'\nbytes = 1";
        refused("leads out of the folder", |folder| fs::write(folder.join(list), outside).unwrap());
        refused(FILES[2], |folder| fs::remove_file(folder.join(FILES[2])).unwrap());
        refused("it has 1 bytes instead of", |folder| fs::write(folder.join(FILES[3]), "x").unwrap());
    }
}
