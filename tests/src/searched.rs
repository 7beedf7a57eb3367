//! Run folders of small searches.

use std::fs;
use std::path::Path;

use bossnas_testkit::run::Run;
use serde_json::Value;

/// Writes the run folder `name`: of NATS-Bench's space for CIFAR-10, 8 wide, on images of 32 x 32.
pub fn nats(folder: &Path, name: &str, decided: usize) -> Run {
    write(folder, name, "nats-c10", 8, "standard", decided)
}

/// Writes the run folder `name`: of HyTra, 2 wide, on images of 64 x 64, with attention that way round.
pub fn hytra(folder: &Path, name: &str, attention: &str, decided: usize) -> Run {
    write(folder, name, "hytra", 2, attention, decided)
}

fn write(folder: &Path, name: &str, space: &str, base: usize, attention: &str, decided: usize) -> Run {
    let side = if space == "hytra" { 64 } else { 32 };
    let run = Run::of(space, base, attention, side, decided).expect("a search space");
    run.write(&folder.join(name)).expect("the run can be written");
    run
}

/// Changes one of its JSON files.
pub fn edit(run: &Path, file: &str, change: impl FnOnce(&mut Value)) {
    let path = run.join(file);
    let mut document = serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON");
    change(&mut document);
    fs::write(path, document.to_string()).expect("it can be written");
}
