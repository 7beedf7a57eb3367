//! A part is put together beside its place and moved there when all of it is on the disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use bossnas_files::{SourceFile, move_into_place, sha256_of};
use bossnas_hub::cache::{Owner, Presence};
use bossnas_native::{Contents, Package, Wheel};
use tempfile::TempDir;

use super::unpack::unpack;

/// Starts the names of folders in which parts are put together; the process that does it and a random word follow.
const PREFIX: &str = ".installing~";

/// Installs a part in `folder`, of wheels that `fetch` brings into the folder that it is given. Several processes may do
/// so at once: each works in a folder of its own, and one of the equal results stays.
pub(super) fn install(
    folder: &Path,
    wheels: &[(&Package, &Wheel)],
    fetch: impl Fn(&Package, &Wheel, &Path) -> anyhow::Result<PathBuf>,
) -> anyhow::Result<()> {
    let store = folder.parent().context("a part lies in a store")?;
    fs::create_dir_all(store).with_context(|| format!("cannot make `{}`", store.display()))?;
    remove_abandoned(store).with_context(|| format!("cannot tidy up `{}`", store.display()))?;
    let work = scratch(store)?;
    let whole = work.path().join("part");
    let mut files = Vec::new();
    for (package, wheel) in wheels {
        let wheels = work.path().join("wheel");
        fs::create_dir(&wheels)?;
        let file = fetch(package, wheel, &wheels)?;
        let found = sha256_of(&SourceFile::open(&file)?)?;
        let name = &wheel.file_name;
        ensure!(found == wheel.sha256, "`{name}` has the digest {found}, native.toml says {}", wheel.sha256);
        files.extend(unpack(package, &file, &whole)?);
        // At once: the wheels of CUDA are more than a gigabyte.
        fs::remove_dir_all(&wheels)?;
    }
    files.sort();
    sync(&whole).with_context(|| format!("cannot write `{}`", whole.display()))?;
    Contents { files }.write(&whole)?;
    put(&whole, folder, work.path()).with_context(|| format!("cannot move what was unpacked to `{}`", folder.display()))
}

/// Moves a whole part to its place, unless another process was faster; a damaged one that is there makes way.
fn put(whole: &Path, folder: &Path, work: &Path) -> io::Result<()> {
    let is_installed = || Contents::of(folder).is_ok();
    match move_into_place(whole, folder) {
        Err(_) if is_installed() => Ok(()),
        Err(_) if folder.exists() => {
            // What is moved away could be another process's part, put there a moment ago: then the same takes its place.
            fs::rename(folder, work.join("damaged"))?;
            match move_into_place(whole, folder) {
                Err(_) if is_installed() => Ok(()),
                moved => moved,
            }
        }
        moved => moved,
    }
}

/// A folder to work in, on the store's own disk, whose name says whose it is.
fn scratch(store: &Path) -> anyhow::Result<TempDir> {
    let prefix = format!("{PREFIX}{}~", Owner::current());
    let made = tempfile::Builder::new().prefix(&prefix).tempdir_in(store);
    made.with_context(|| format!("cannot make a folder in `{}`", store.display()))
}

/// Removes what processes left behind that were killed.
fn remove_abandoned(store: &Path) -> io::Result<()> {
    for entry in fs::read_dir(store)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().and_then(owner).is_some_and(|owner| owner.presence() == Presence::Gone) {
            match fs::remove_dir_all(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Who works in the folder of that name.
fn owner(name: &str) -> Option<Owner> {
    name.strip_prefix(PREFIX)?.rsplit_once('~')?.0.parse().ok()
}

/// Puts a folder on the disk, with all that is in it: in one go, since libtorch comes with ten thousand headers.
#[cfg(target_os = "linux")]
fn sync(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

/// Puts a folder on the disk, with all that is in it, one by one.
#[cfg(not(target_os = "linux"))]
fn sync(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync(&entry.path())?;
        } else {
            // Windows wants it open for writing.
            File::options().write(true).open(entry.path())?.sync_all()?;
        }
    }
    sync_entries(folder)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn sync_entries(folder: &Path) -> io::Result<()> {
    // Some file systems cannot.
    match File::open(folder)?.sync_all() {
        Err(error) if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn sync_entries(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
