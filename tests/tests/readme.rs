//! The README's own commands work as printed.

use std::fs;
use std::path::Path;

use bossnas_tests::program::{files, scratch, zoo};

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn the_readme_shows_the_commands_that_these_tests_run() {
    let readme = readme();
    for command in ["demo", "cargo xtask test"] {
        assert!(readme.contains(command), "the README does not show `{command}`");
    }
}

#[test]
fn the_demo_leaves_a_drawing_and_a_verified_network() {
    let folder = scratch();
    let outcome = zoo(folder.path(), ["demo"]).success();
    assert!(outcome.stdout.lines().count() > 3, "{}", outcome.stdout);
    let left = files(folder.path());
    assert!(left.iter().all(|file| file.starts_with("bossnas-demo")), "{left:?}");
    for extension in ["svg", "onnx"] {
        let found = left.iter().any(|file| Path::new(file).extension().is_some_and(|e| e == extension));
        assert!(found, "no .{extension}: {left:?}");
    }
}
