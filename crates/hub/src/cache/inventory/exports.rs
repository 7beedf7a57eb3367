//! Files that a command exported for itself: `<name>.<key>.<sha256>.onnx`.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bossnas_files::Digest;

use super::leftovers::{self, LeftoverKind};
use super::{Inventory, Links, found_in};
use crate::cache::{Cache, CacheError};

/// An exported file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// What it is an export of: the first part of its name.
    pub name: String,
    /// Digest of everything that decides what is in it: the second part.
    pub key: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its digest, by its name.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
    /// How long ago it was made.
    pub age: Duration,
}

pub(super) fn all(
    cache: &Cache,
    inventory: &mut Inventory,
    links: &mut Links,
    now: SystemTime,
) -> Result<(), CacheError> {
    for found in found_in(&cache.exports_folder())? {
        match parse(&found.name).filter(|_| !found.meta.is_dir()) {
            Some((name, key, sha256)) => {
                links.add(&found.meta);
                let (bytes, age) = (found.meta.len(), found.age(now));
                inventory.exports.push(Export { name, key, path: found.path, sha256, bytes, age });
            }
            None => inventory.leftovers.push(leftovers::of(&found, LeftoverKind::Strange, links, now)),
        }
    }
    Ok(())
}

fn parse(file: &str) -> Option<(String, String, Digest)> {
    let (rest, digest) = file.strip_suffix(".onnx")?.rsplit_once('.')?;
    let (name, key) = rest.rsplit_once('.')?;
    let is_key = key.len() == 16 && key.chars().all(|c| c.is_ascii_hexdigit());
    (is_key && !name.is_empty() && !name.starts_with('.')).then_some(())?;
    Some((name.to_owned(), key.to_owned(), digest.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_what_an_export_is() {
        let (key, digest) = ("0123456789abcdef", "a".repeat(64));
        let parsed = parse(&format!("bossnet-t0-224x224-bdyn.{key}.{digest}.onnx")).unwrap();
        assert_eq!(parsed, ("bossnet-t0-224x224-bdyn".to_owned(), key.to_owned(), digest.parse().unwrap()));
        for other in [
            format!(".x.{key}.new-host~b~1~2.onnx"),
            format!(".x.{key}.{digest}.onnx"),
            format!("x.{digest}.onnx"),
            format!("x.{key}.{digest}"),
            "x.onnx".to_owned(),
        ] {
            assert_eq!(parse(&other), None, "{other}");
        }
    }
}
