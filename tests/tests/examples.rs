//! The programs of `examples/`: three of them, one file, one photograph, one answer.
//!
//! The file is an untrained network whose first classes lie thirty times further apart than decoders of images differ, and
//! whose answer changes when colours, normalisation or the part that is cut out do.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};
use std::process::Command;

use bossnas_native::{Part, Store};
use bossnas_tests::program::{finish, scratch, zoo};
use bossnas_tests::strict::skipped;

/// Names the interpreter of an environment with what the Python example needs; `cargo xtask test` makes one.
const PYTHON_VARIABLE: &str = "BOSSNAS_EXAMPLES_PYTHON";

/// Names a library of ONNX Runtime instead of the one that is set up.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the repository")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Runs an example on the common file and photograph, and insists on the common answer.
fn answers_as_expected(example: &mut Command) {
    let folder = scratch();
    // As in examples/README.md.
    let export = ["export", "BossNet-T0-noSE", "--seed", "8", "--onnx", "--no-verify", "-o", "model.onnx"];
    let _ = zoo(folder.path(), export).success();
    example.arg("model.onnx").arg(repository().join("zoo/assets/flower.jpg")).current_dir(folder.path());
    let printed = finish(example).success().stdout;
    assert_eq!(printed.lines().collect::<Vec<_>>(), read("examples/expected-top5.txt").lines().collect::<Vec<_>>());
}

/// An example in Rust, which `cargo xtask test` builds beside this test.
fn built(name: &str) -> Option<PathBuf> {
    // Tests run from <target>/release/deps.
    let test = std::env::current_exe().expect("a test knows where it is");
    let release = test.ancestors().nth(2).expect("it lies in target/release/deps");
    let program = release.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        skipped(&format!("{name} is not built (`cargo build --release -p bossnas-zoo -p {name}`)"));
        return None;
    }
    Some(program)
}

fn onnxruntime_library() -> Option<PathBuf> {
    let named = std::env::var_os(LIBRARY_VARIABLE).filter(|library| !library.is_empty()).map(PathBuf::from);
    named.or_else(|| Store::of_user().ok()?.installed(Part::OnnxRuntime)?.onnxruntime_library())
}

#[test]
fn onnxruntime_in_python_answers_as_expected() {
    let Some(python) = std::env::var_os(PYTHON_VARIABLE) else {
        return skipped("there is no Python with onnxruntime (`cargo xtask test` makes one ready)");
    };
    let script = repository().join("examples/onnxruntime-python/classify.py");
    answers_as_expected(Command::new(python).arg(script));
}

#[test]
fn onnxruntime_in_rust_answers_as_expected() {
    let Some(library) = onnxruntime_library() else {
        return skipped("ONNX Runtime is not installed (`cargo xtask setup`)");
    };
    if let Some(program) = built("classify-onnxruntime") {
        answers_as_expected(Command::new(program).env(LIBRARY_VARIABLE, library));
    }
}

#[test]
fn tract_in_rust_answers_as_expected() {
    if let Some(program) = built("classify-tract") {
        answers_as_expected(&mut Command::new(program));
    }
}

#[test]
fn the_examples_in_rust_share_what_is_no_runtime() {
    for file in ["photo.rs", "top5.rs"] {
        let [one, other] =
            ["onnxruntime-rust", "tract-rust"].map(|example| read(&format!("examples/{example}/src/{file}")));
        assert_eq!(one, other, "{file}: each example can be copied alone, so that both have it");
    }
}
