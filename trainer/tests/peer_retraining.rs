//! The first steps of a retraining against PyTorch, where it is installed.

mod peer;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use bossnas_converter::checkpoint::write_safetensors;
use bossnas_model::weights::Weights as _;
use bossnas_trainer::run::NamedTensors;
use peer::{FIRST_RATE, RATE, Retraining};
use tch::Tensor;

/// Names the interpreter of the environment that `cargo xtask setup --peers` makes; `cargo xtask test` sets it.
const PYTHON_VARIABLE: &str = "BOSSNAS_PEERS_PYTHON";

/// Steps whose losses are compared.
const STEPS: usize = 10;

#[test]
fn the_first_steps_are_pytorchs() {
    let Some(python) = std::env::var_os(PYTHON_VARIABLE) else {
        eprintln!("SKIPPED: there is no Python with PyTorch (`cargo xtask setup --peers` makes one)");
        return;
    };
    tch::set_num_threads(1);
    let folder = tempfile::tempdir().unwrap();
    let mut training = Retraining::new(64, 8);
    training.step(0, RATE);
    let optimizer = training.learner.optimizer().tensors().into_iter();
    let moments = optimizer.filter(|(name, _)| !name.starts_with("steps."));
    let params = training.learner.params().iter().map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone()));
    let first: Vec<(String, Tensor)> = params.chain(moments).collect();
    let first = NamedTensors::of(first).unwrap();
    write_safetensors(folder.path().join("first.safetensors"), &first, &first.names(), &BTreeMap::new()).unwrap();
    let mut training = Retraining::new(64, 8);
    let losses: Vec<f64> = (0..STEPS).map(|number| training.step(number, FIRST_RATE)).collect();
    std::fs::write(folder.path().join("losses.json"), serde_json::to_string(&losses).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers/check_retrain.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "check_retrain.py: {}\n{printed}\n{errors}", output.status);
    println!("{printed}");
}
