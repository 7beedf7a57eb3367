//! Writes the checkpoint of a fixture's network as a DeiT training run would have left it, to try things on:
//!
//! `cargo run --release -p bossnas-testkit --example deit_checkpoint -- models/T0_224 T0.pth`

use std::path::Path;
use std::process::ExitCode;

use bossnas_testkit::deit;
use bossnas_testkit::fixtures::Fixtures;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [case, path] = arguments.as_slice() else {
        eprintln!("usage: deit_checkpoint CASE FILE.pth   (CASE is models/T0_224, models/T0nose_225, ...)");
        return Ok(ExitCode::from(2));
    };
    let fixtures = Fixtures::open()?;
    let case = fixtures.case(case)?;
    let gain = case.model_params().ok_or("not a network's forward pass")?.gain;
    let entries = fixtures.state_dict(case)?;
    let shapes = entries.iter().map(|e| (e.name.as_str(), e.shape.as_slice()));
    let bytes = deit::write_recipe(Path::new(path), shapes, gain)?;
    eprintln!("{path}: {bytes} bytes");
    Ok(ExitCode::SUCCESS)
}
