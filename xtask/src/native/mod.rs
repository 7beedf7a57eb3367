//! Native libraries, for `cargo xtask setup`: wheels are fetched, checked, unpacked, and moved into the store as a whole.

mod download;
mod install;
mod link;
mod unpack;

use std::time::Instant;

use anyhow::Context as _;
use bossnas_native::{Installed, Part, Store, platform};

use crate::workspace;

/// Names a library instead of those in the store; ort's own variable.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Installs what is missing of these parts.
pub(crate) fn set_up(parts: &[Part]) -> anyhow::Result<()> {
    let store = Store::of_user()?;
    for &part in parts {
        ready(&store, part)?;
    }
    link::make(&workspace::root().join(".native"), store.root());
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

fn ready(store: &Store, part: Part) -> anyhow::Result<()> {
    if let Some(installed) = store.installed(part) {
        eprintln!("ready: {part} {} in {}", part.version(), installed.folder().display());
        return Ok(());
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
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
