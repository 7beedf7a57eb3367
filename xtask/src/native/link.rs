//! Links in the repository: `.native` leads to the store, for people and tools that look for a library, `.libtorch` to the
//! libtorch that the trainer is built with.

use std::path::Path;
use std::{fs, io};

/// Lets `link` lead to `target`. Anything there but a link is left alone.
pub(crate) fn lead(link: &Path, target: &Path) -> io::Result<()> {
    match fs::read_link(link) {
        Ok(found) if found == target => return Ok(()),
        Ok(_) => fs::remove_file(link)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(_) => return Err(io::Error::other("something else is there")),
    }
    match symbolic_link(target, link) {
        // Another process made it.
        Err(_) if fs::read_link(link).is_ok_and(|found| found == target) => Ok(()),
        made => made,
    }
}

#[cfg(unix)]
fn symbolic_link(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symbolic_link(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_dir(target, link)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_made_and_made_to_lead_elsewhere_and_nothing_else_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join(".native");
        for store in ["/one", "/one", "/two"] {
            lead(&link, Path::new(store)).unwrap();
            assert_eq!(fs::read_link(&link).unwrap(), Path::new(store));
        }
        let other = folder.path().join("other");
        fs::write(&other, "x").unwrap();
        assert!(lead(&other, Path::new("/one")).is_err());
        assert_eq!(fs::read_to_string(&other).unwrap(), "x");
    }
}
