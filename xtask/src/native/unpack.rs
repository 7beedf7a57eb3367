//! Of a wheel, which is a zip archive, what the lock says is kept: shared libraries, licences, of some the headers.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use bossnas_native::{Package, is_inside, is_shared_library};
use zip::ZipArchive;

/// Unpacks into `folder` what is kept of a package's wheel, and returns the files with their lengths. That they are on the
/// disk is left to the caller.
pub(super) fn unpack(package: &Package, wheel: &Path, folder: &Path) -> anyhow::Result<Vec<bossnas_native::File>> {
    let name = wheel.file_name().unwrap_or_default().display().to_string();
    let file = File::open(wheel).with_context(|| format!("cannot open `{name}`"))?;
    let mut archive = ZipArchive::new(file).with_context(|| format!("`{name}` is no wheel"))?;
    let mut files = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).with_context(|| format!("`{name}` is damaged"))?;
        let path = entry.name().with_context(|| format!("`{name}` is damaged"))?.into_owned();
        if entry.is_dir() || !package.keeps(&path) {
            continue;
        }
        ensure!(is_inside(&path), "`{name}` holds `{}`, which leads out of its folder", path.escape_debug());
        ensure!(!entry.is_symlink(), "`{name}` holds the link `{}`", path.escape_debug());
        let bytes = write(&mut entry, &folder.join(&path)).with_context(|| format!("cannot unpack `{path}`"))?;
        files.push(bossnas_native::File { path, bytes });
    }
    if !files.iter().any(|file| is_shared_library(&file.path)) {
        bail!("`{name}` holds no shared library");
    }
    Ok(files)
}

/// A name that is there already is an error: no file of a part replaces another.
fn write(entry: &mut impl io::Read, path: &Path) -> io::Result<u64> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    io::copy(entry, &mut file)
}
