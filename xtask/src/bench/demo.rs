//! How long the README's first command takes.

use std::process::Command;

use super::measure::measure;
use crate::program;

/// Seconds it may take on two cores.
const SECONDS: f64 = 30.0;

pub(super) fn run() -> anyhow::Result<()> {
    let program = program::ready()?;
    let folder = tempfile::tempdir()?;
    let measured = measure(Command::new(program).arg("demo").current_dir(folder.path()))?;
    let (seconds, peak) = (measured.wall.as_secs_f64(), measured.peak as f64 / 1e6);
    println!("demo: {seconds:.2} s (limit {SECONDS} s), peak {peak:.0} MB");
    Ok(())
}
