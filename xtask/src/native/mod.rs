//! Native libraries, for `cargo xtask setup`: wheels are fetched, checked, unpacked, and moved into the store as a whole.

mod download;
mod install;
pub(crate) mod link;
mod unpack;

use std::time::Instant;

use anyhow::Context as _;
use bossnas_native::{Installed, Part, Store, platform};

use crate::workspace;

/// Names a library instead of those in the store; ort's own variable.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Installs what is missing of these parts.
pub(crate) fn set_up(parts: &[Part]) -> anyhow::Result<()> {
    for &part in parts {
        ready(part)?;
    }
    if let Some(library) = overridden() {
        eprintln!("note: ${LIBRARY_VARIABLE} is set: `{library}` is used instead of any ONNX Runtime installed here");
    }
    Ok(())
}

/// The library that the user named in the place of an installed one.
fn overridden() -> Option<String> {
    let library = std::env::var_os(LIBRARY_VARIABLE).filter(|library| !library.is_empty())?;
    Some(library.to_string_lossy().into_owned())
}

/// A part, installed first where it is missing; `.native` in the repository leads to the store that it is in.
pub(crate) fn ready(part: Part) -> anyhow::Result<Installed> {
    let store = Store::of_user()?;
    let installed = installed(&store, part)?;
    // Nothing depends on it, so that a failure is only told.
    let link = workspace::root().join(".native");
    if let Err(error) = link::lead(&link, store.root()) {
        eprintln!("warning: cannot link `{}` to `{}`: {error}", link.display(), store.root().display());
    }
    Ok(installed)
}

fn installed(store: &Store, part: Part) -> anyhow::Result<Installed> {
    if let Some(installed) = store.installed(part) {
        eprintln!("ready: {part} {} in {}", part.version(), installed.folder().display());
        return Ok(installed);
    }
    let start = Instant::now();
    let platform = platform();
    let locked = part.locked().with_context(|| format!("native.toml does not name {part}"))?;
    let (Some(folder), Some(wheels)) = (store.folder(part), locked.wheels(&platform)) else {
        anyhow::bail!("there is no {part} {} for {platform}", part.version());
    };
    let fetched: u64 = wheels.iter().map(|(_, wheel)| wheel.bytes).sum();
    eprintln!("installing {part} {}: {} to fetch", part.version(), megabytes(fetched));
    install::install(&folder, &wheels, download::with_pip()?)?;
    let installed = Installed::open(part, folder)?;
    eprintln!(
        "installed: {part} {} in {}, {} after {:.1} s",
        part.version(),
        installed.folder().display(),
        megabytes(installed.bytes()),
        start.elapsed().as_secs_f64()
    );
    Ok(installed)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
