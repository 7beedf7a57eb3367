//! `cargo xtask setup --torch`: libtorch for the trainer, which is built and tested apart from the rest.
//!
//! `.libtorch` in the repository leads to the installed part, and `.cargo/config.toml` names that link to torch-sys in
//! `$LIBTORCH`, unless the user's environment has one already.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bossnas_native::{Part, Store};

use crate::native::{self, link};
use crate::{process, workspace};

/// The crates that libtorch is linked to, and the one that looks for it. They are never named in one cargo command with
/// the others: features would be those of all of them together, and tract would be built again.
const PACKAGES: [&str; 3] = ["bossnas-trainer", "bossnas-torch-shim", "bossnas-libtorch"];

/// Names the folder of libtorch to torch-sys.
const VARIABLE: &str = "LIBTORCH";

/// Installs libtorch where it is missing, and links the repository to it.
pub(crate) fn set_up(part: Part) -> anyhow::Result<()> {
    let target = native::ready(part)?.folder().join("torch");
    let link = link();
    let before = fs::read_link(&link).ok();
    link::lead(&link, &target)
        .with_context(|| format!("cannot link `{}` to `{}`", link.display(), target.display()))?;
    if before.is_some_and(|before| before != target) {
        // It remembers which libraries there were.
        process::run(&mut process::cargo(["clean", "--release", "--quiet", "--package", "torch-sys"]))?;
    }
    if let Some(folder) = overridden(std::env::var_os(VARIABLE).as_deref(), &link) {
        eprintln!("note: ${VARIABLE} is set: `{}` is used instead of `{}`", folder.display(), link.display());
    }
    Ok(())
}

/// What the trainer is built with, installed first where there is none: the user's own libtorch, or the one that was last
/// asked for.
pub(crate) fn ready() -> anyhow::Result<()> {
    let link = link();
    if let Some(folder) = overridden(std::env::var_os(VARIABLE).as_deref(), &link) {
        eprintln!("ready: libtorch in {}, since ${VARIABLE} is set", folder.display());
        return Ok(());
    }
    let linked = fs::read_link(&link).ok();
    let is_linked = |part: Part| {
        let folder = Store::of_user().ok().and_then(|store| store.folder(part));
        folder.is_some_and(|folder| linked.as_deref() == Some(&folder.join("torch")))
    };
    set_up(if is_linked(Part::LibtorchCuda) { Part::LibtorchCuda } else { Part::Libtorch })
}

/// The words with which a cargo command takes the crates that libtorch is linked to.
pub(crate) fn these() -> Vec<String> {
    PACKAGES.map(|package| format!("--package={package}")).to_vec()
}

/// The words with which a cargo command takes all other crates.
pub(crate) fn all_others() -> Vec<String> {
    let excluded = PACKAGES.map(|package| format!("--exclude={package}"));
    std::iter::once("--workspace".to_owned()).chain(excluded).collect()
}

fn link() -> PathBuf {
    workspace::root().join(".libtorch")
}

/// The folder that the user named in the place of the link, which is what cargo puts there.
fn overridden(value: Option<&OsStr>, link: &Path) -> Option<PathBuf> {
    let folder = Path::new(value?);
    (folder != link).then(|| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_the_users_is_told_from_the_link() {
        let link = Path::new("/repository/.libtorch");
        assert_eq!(overridden(None, link), None);
        assert_eq!(overridden(Some(link.as_os_str()), link), None);
        assert_eq!(overridden(Some(OsStr::new("/opt/libtorch")), link), Some(PathBuf::from("/opt/libtorch")));
    }
}
