//! `native.toml`: which wheels bring the libraries of a part.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bossnas_files::{Digest, Sha256};
use serde::Deserialize;

use crate::contents::{is_licence, is_shared_library};

/// Compiled in, so that a program looks for exactly what the set-up of its own version installs.
const BUILT_IN: &str = include_str!("../../../native.toml");

/// Raised when an installed part is laid out in another way: then the same wheels make another folder.
const LAYOUT: u32 = 1;

/// This platform as `native.toml` names it: `linux-x86_64`, `macos-aarch64`.
pub fn platform() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

/// Why a lock cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("native.toml: {0}")]
pub struct LockError(String);

/// Which wheels bring the libraries of each part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    parts: Vec<LockedPart>,
}

/// What is locked of a part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPart {
    /// Its name, see [`Part::name`](crate::Part::name).
    pub name: String,
    /// Its version.
    pub version: String,
    /// The packages it is made of.
    #[serde(rename = "package")]
    pub packages: Vec<Package>,
}

/// A package of Python's index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The operating systems on which it is part of the part, as Rust names them; every one when none is named.
    #[serde(default)]
    pub systems: Vec<String>,
    /// How the paths begin of what is kept of it beside licences; its shared libraries are kept when there are none.
    #[serde(default)]
    pub keep: Vec<String>,
    /// Its file for each platform.
    pub wheels: BTreeMap<String, Wheel>,
}

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wheel {
    /// Its name, which says what it fits.
    #[serde(rename = "file")]
    pub file_name: String,
    /// Its length.
    pub bytes: u64,
    /// Its digest.
    #[serde(deserialize_with = "digest")]
    pub sha256: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    schema: u32,
    #[serde(rename = "part")]
    parts: Vec<LockedPart>,
}

fn digest<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl Lock {
    /// The lock of this version of the project.
    pub fn built_in() -> &'static Self {
        // A test parses it: this default is never seen.
        static LOCK: LazyLock<Lock> = LazyLock::new(|| Lock::parse(BUILT_IN).unwrap_or_default());
        &LOCK
    }

    /// Reads a lock.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        let Text { schema, parts } = toml::from_str(text).map_err(|error| LockError(error.to_string()))?;
        if schema != 1 {
            return Err(LockError(format!("schema {schema} is not known, only 1")));
        }
        let names = parts.iter().flat_map(|part| [&part.name, &part.version]);
        if let Some(name) = names.into_iter().find(|name| !is_word(name)) {
            return Err(LockError(format!("`{}` cannot be part of a folder's name", name.escape_debug())));
        }
        Ok(Self { parts })
    }

    /// A part by its name.
    pub fn part(&self, name: &str) -> Option<&LockedPart> {
        self.parts.iter().find(|part| part.name == name)
    }
}

impl LockedPart {
    /// Its packages with their files for a platform; `None` when one that it needs there has none.
    pub fn wheels(&self, platform: &str) -> Option<Vec<(&Package, &Wheel)>> {
        let needed = self.packages.iter().filter(|package| package.is_for(platform));
        let wheels: Option<Vec<_>> = needed.map(|package| Some((package, package.wheels.get(platform)?))).collect();
        wheels.filter(|wheels| !wheels.is_empty())
    }

    /// The name of the folder it is installed in on a platform: other wheels have another name.
    pub fn folder_name(&self, platform: &str) -> Option<String> {
        let mut digest = Sha256::new();
        digest.update(format!("layout {LAYOUT}\n").as_bytes());
        for (package, wheel) in self.wheels(platform)? {
            let Package { name, version, keep, .. } = package;
            let Wheel { file_name, sha256, .. } = wheel;
            digest.update(format!("{name} {version} {file_name} {sha256}\n").as_bytes());
            for start in keep {
                digest.update(format!("keep {start}\n").as_bytes());
            }
        }
        let digest = digest.finish().to_string();
        Some(format!("{}-{}-{}", self.name, self.version, &digest[..12]))
    }
}

impl Package {
    /// Whether it is part of its part on a platform.
    fn is_for(&self, platform: &str) -> bool {
        let system = platform.split('-').next().unwrap_or(platform);
        self.systems.is_empty() || self.systems.iter().any(|named| named == system)
    }

    /// Whether the file in its wheel is installed.
    pub fn keeps(&self, path: &str) -> bool {
        let named = || self.keep.iter().any(|start| path.starts_with(start));
        is_licence(path) || if self.keep.is_empty() { is_shared_library(path) } else { named() }
    }
}

fn is_word(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '+');
    !text.starts_with('.') && !text.is_empty() && text.chars().all(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_lock_is_well_formed() {
        let lock = Lock::parse(BUILT_IN).unwrap();
        assert_eq!(&lock, Lock::built_in());
        for part in &lock.parts {
            assert!(part.wheels("linux-x86_64").is_some(), "{}", part.name);
            for package in &part.packages {
                // Wheels spell names with underscores.
                let stem = format!("{}-{}-", package.name.replace('-', "_"), package.version);
                assert!(package.wheels.values().all(|wheel| wheel.file_name.starts_with(&stem)), "{}", package.name);
            }
        }
        for part in ["onnxruntime", "libtorch"] {
            assert!(lock.part(part).is_some_and(|part| part.wheels("macos-aarch64").is_some()), "{part}");
        }
    }

    #[test]
    fn a_package_has_the_same_wheels_in_every_part_that_has_its_version() {
        let mut seen = BTreeMap::new();
        for package in Lock::built_in().parts.iter().flat_map(|part| &part.packages) {
            for (platform, wheel) in &package.wheels {
                let name = (&package.name, &package.version, platform);
                assert_eq!(seen.insert(name, wheel).unwrap_or(wheel), wheel, "{name:?}");
            }
        }
    }

    #[test]
    fn of_torch_the_libraries_for_processors_and_the_headers_are_kept() {
        let part = Lock::built_in().part("libtorch").unwrap();
        let packages = part.wheels("linux-x86_64").unwrap();
        let kept = |path: &str| packages.iter().any(|(package, _)| package.name == "torch" && package.keeps(path));
        for path in
            ["torch/include/torch/csrc/autograd/engine.h", "torch/lib/libtorch_cpu.so", "torch/lib/libgomp.so.1"]
        {
            assert!(kept(path), "{path}");
        }
        for path in
            ["torch/lib/libtorch_cuda.so", "torch/lib/libtorch_python.so", "torch/lib/libc10_cuda.so", "torch/x.py"]
        {
            assert!(!kept(path), "{path}");
        }
        assert!(kept("torch-2.13.0.dist-info/licenses/LICENSE"));
    }

    const ONE: &str = r#"
schema = 1
[[part]]
name = "p"
version = "1"
[[part.package]]
name = "a"
version = "2"
wheels.here = { file = "a.whl", bytes = 1, sha256 = "AA" }
"#;

    fn with_digest(letter: &str) -> String {
        ONE.replace("AA", &letter.repeat(64))
    }

    #[test]
    fn another_wheel_is_another_folder() {
        let folder = |text: &str| Lock::parse(text).unwrap().part("p").unwrap().folder_name("here").unwrap();
        let name = folder(&with_digest("a"));
        assert!(name.starts_with("p-1-") && name.len() == 16, "{name}");
        assert_eq!(name, folder(&with_digest("a")));
        assert_ne!(name, folder(&with_digest("b")));
        assert_ne!(name, folder(&with_digest("a").replace("a.whl", "b.whl")));
    }

    #[test]
    fn keeping_something_else_is_another_folder() {
        let folder = |keep: &str| {
            let text = with_digest("a").replace("wheels.here", &format!("{keep}\nwheels.here"));
            Lock::parse(&text).unwrap().part("p").unwrap().folder_name("here").unwrap()
        };
        assert_eq!(folder(""), folder("keep = []"));
        assert_ne!(folder(""), folder("keep = ['x/']"));
        assert_ne!(folder("keep = ['y/']"), folder("keep = ['x/']"));
    }

    #[test]
    fn a_package_for_another_system_is_left_out() {
        let text = with_digest("a") + "[[part.package]]\nname = 'b'\nversion = '1'\nsystems = ['linux']\nwheels = {}";
        let lock = Lock::parse(&text).unwrap();
        let wheels = lock.part("p").unwrap().wheels("here").unwrap();
        assert_eq!(wheels.iter().map(|(package, _)| package.name.as_str()).collect::<Vec<_>>(), ["a"]);
        let lock = Lock::parse(&text.replace("linux", "here")).unwrap();
        assert_eq!(lock.part("p").unwrap().wheels("here"), None);
    }

    #[test]
    fn a_platform_without_wheels_has_no_folder() {
        let lock = Lock::parse(&with_digest("a")).unwrap();
        assert_eq!(lock.part("p").unwrap().folder_name("elsewhere"), None);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, message) in [
            (ONE.to_owned(), "64 hexadecimal digits"),
            (with_digest("a").replace("schema = 1", "schema = 2"), "schema 2 is not known"),
            (with_digest("a").replace("\"1\"", "\"../1\""), "`../1` cannot be part of a folder's name"),
            (with_digest("a").replace("bytes", "size"), "unknown field `size`"),
        ] {
            let error = Lock::parse(&text).unwrap_err().to_string();
            assert!(error.starts_with("native.toml: ") && error.contains(message), "{error}");
        }
    }
}
