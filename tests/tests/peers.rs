//! The networks of `tests/peers` in PyTorch, which ours are compared with, compute what the published code computes.

use std::path::Path;
use std::process::Command;

use bossnas_testkit::fixtures::Fixtures;

/// Names the interpreter of the environment that `cargo xtask setup --peers` makes; `cargo xtask test` sets it.
const PYTHON_VARIABLE: &str = "BOSSNAS_PEERS_PYTHON";

#[test]
fn the_pytorch_peers_agree_with_the_fixtures() {
    let Some(python) = std::env::var_os(PYTHON_VARIABLE) else {
        // Not `skipped`, which fails in a strict run: nothing else insists on an environment of 4 GB.
        eprintln!(
            "SKIPPED: there is no Python with PyTorch (`cargo xtask setup --peers` makes one, `cargo xtask test` finds it)"
        );
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/check.py");
    let fixtures = Fixtures::open().expect("the committed core is always there");
    let output = Command::new(python).arg(script).arg(fixtures.path(".")).output().expect("the interpreter starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "check.py: {}\n{printed}\n{errors}", output.status);
    // It judges itself; that it compared them all, it cannot.
    let expected = format!("{} networks compared, 0 differ", fixtures.model_cases().count());
    assert_eq!(printed.lines().last(), Some(expected.as_str()), "{printed}");
}
