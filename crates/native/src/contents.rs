//! What an installed part consists of, as a file in its folder says: it is written last, so a folder with it was finished.

use std::path::{Path, PathBuf};
use std::{fs, io};

use bossnas_files::{ReadError, SourceFile, WriteError, write_file};
use serde::{Deserialize, Serialize};

/// The name of the list in a part's folder.
const FILE_NAME: &str = "contents.toml";

/// More than any list has: libtorch comes with ten thousand headers.
const MAX_BYTES: u64 = 1 << 23;

/// The files of an installed part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// The files, in the order of their names.
    #[serde(rename = "file")]
    pub files: Vec<File>,
}

/// A file of an installed part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where it lies in the part's folder, with `/` on every system.
    pub path: String,
    /// Its length.
    pub bytes: u64,
}

/// Why a folder is no installed part.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// The list cannot be read, or is not there.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The list cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It is no list of files.
    #[error("`{}` is damaged: {problem}", path.display())]
    Malformed {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A file is not there, or cannot be looked at.
    #[error("`{}` is damaged: {source}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file has another length.
    #[error("`{}` is damaged: it has {found} bytes instead of {expected}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// What the list says.
        expected: u64,
        /// What is there.
        found: u64,
    },
}

impl Contents {
    /// Reads the list of a folder and looks whether everything on it is there, at its length.
    pub fn of(folder: &Path) -> Result<Self, ContentsError> {
        let path = folder.join(FILE_NAME);
        let file = SourceFile::open(&path)?;
        let malformed = |problem: String| ContentsError::Malformed { path: path.clone(), problem };
        if file.len() > MAX_BYTES {
            return Err(malformed(format!("it has {} bytes", file.len())));
        }
        let bytes = file.read_at(0, file.len())?;
        let text = String::from_utf8(bytes).map_err(|_| malformed("it is no UTF-8 text".to_owned()))?;
        let contents: Self = toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
        if contents.files.is_empty() {
            return Err(malformed("it lists nothing".to_owned()));
        }
        for file in &contents.files {
            if !is_inside(&file.path) {
                return Err(malformed(format!("`{}` leads out of the folder", file.path.escape_debug())));
            }
            file.check(folder)?;
        }
        Ok(contents)
    }

    /// Writes the list into a folder whose files are on the disk.
    pub fn write(&self, folder: &Path) -> Result<(), ContentsError> {
        let path = folder.join(FILE_NAME);
        let text = toml::to_string(self)
            .map_err(|error| ContentsError::Malformed { path: path.clone(), problem: error.to_string() })?;
        Ok(write_file(&path, text.as_bytes())?)
    }

    /// The length of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl File {
    fn check(&self, folder: &Path) -> Result<(), ContentsError> {
        let path = folder.join(&self.path);
        let metadata = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Err(ContentsError::Missing { path, source: io::Error::other("it is no file") }),
            Err(source) => return Err(ContentsError::Missing { path, source }),
        };
        if metadata.len() != self.bytes {
            return Err(ContentsError::Length { path, expected: self.bytes, found: metadata.len() });
        }
        Ok(())
    }

    /// The part of its path after the last `/`.
    pub fn name(&self) -> &str {
        file_name(&self.path)
    }
}

/// Whether a path in an archive or a list stays below the folder it is joined to, on every system.
pub fn is_inside(path: &str) -> bool {
    let plain = |component: &str| {
        !matches!(component, "" | "." | "..")
            && !component.contains(|c: char| c.is_control() || matches!(c, '\\' | ':'))
    };
    path.split('/').all(plain)
}

/// Whether the file in a wheel is a library that programs load: Python's own modules are not.
pub fn is_shared_library(path: &str) -> bool {
    let name = file_name(path);
    let suffixed = |suffix: &str| name.len() > suffix.len() && name.ends_with(suffix);
    let library = suffixed(".so") || suffixed(".dylib") || suffixed(".dll") || name.contains(".so.");
    library && ![".cpython-", ".abi3."].iter().any(|python| name.contains(python))
}

/// Whether the file in a wheel is a licence or a notice that must stay with the libraries.
pub fn is_licence(path: &str) -> bool {
    let name = file_name(path).to_lowercase();
    ["license", "licence", "notice", "copying", "thirdpartynotices"].iter().any(|word| name.starts_with(word))
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_licences_are_told_from_the_rest() {
        for library in [
            "onnxruntime/capi/libonnxruntime.so.1.32.0",
            "onnxruntime/capi/libonnxruntime.1.32.0.dylib",
            "onnxruntime/capi/onnxruntime.dll",
            "nvidia/cu13/lib/libcudart.so.13",
            "libtbb.so",
        ] {
            assert!(is_shared_library(library), "{library}");
        }
        for other in [
            "onnxruntime/capi/onnxruntime_pybind11_state.cpython-311-x86_64-linux-gnu.so",
            "onnxruntime/capi/onnxruntime_pybind11_state.pyd",
            "onnxruntime/__init__.py",
            "nvidia/cu13/include/x.h",
            ".so",
        ] {
            assert!(!is_shared_library(other), "{other}");
        }
        for licence in ["onnxruntime/LICENSE", "x.dist-info/licenses/License.txt", "onnxruntime/ThirdPartyNotices.txt"]
        {
            assert!(is_licence(licence), "{licence}");
        }
        assert!(!is_licence("onnxruntime/notices.d/x.py"));
    }

    #[test]
    fn paths_that_lead_out_are_told() {
        assert!(is_inside("a/b.so") && is_inside("a..b"));
        for path in ["", "/a", "../a", "a/../b", "a//b", "a/", "./a", "a\\b", "C:a", "a\nb"] {
            assert!(!is_inside(path), "{path:?}");
        }
    }
}
