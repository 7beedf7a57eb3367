//! Runs a target's body on its committed corpus; included by the tests beside the readers.

/// Calls `body` with every file of `fuzz/corpus/<target>`.
pub(crate) fn replay(target: &str, body: fn(&[u8])) {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = here.ancestors().map(|folder| folder.join("fuzz/corpus").join(target)).find(|folder| folder.is_dir());
    let folder = found.unwrap_or_else(|| panic!("fuzz/corpus/{target} is not there"));
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let input = std::fs::read(&path).unwrap();
        let survived = std::panic::catch_unwind(|| body(&input)).is_ok();
        assert!(survived, "fuzz target {target} fails on {}", path.display());
        count += 1;
    }
    println!("{target}: {count} inputs");
    assert!(count > 0, "{} is empty", folder.display());
}
