//! Unpacks the digits that are compiled in, so that a file that is not as it should be fails the build and not a program.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;

const FILE: &str = "assets/digits.csv.gz";

/// How many digits there are, pixels of each, and its largest ink.
const DIGITS: usize = 1797;
const PIXELS: usize = 64;
const INK: u8 = 16;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={FILE}");
    println!("cargo::rerun-if-changed=build.rs");
    let root = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("there is no CARGO_MANIFEST_DIR")?;
    let out = std::env::var_os("OUT_DIR").ok_or("there is no OUT_DIR")?;
    let mut digits = Vec::with_capacity(DIGITS * (PIXELS + 1));
    for line in BufReader::new(GzDecoder::new(File::open(Path::new(&root).join(FILE))?)).lines() {
        digits.extend(digit(&line?).map_err(|problem| format!("{FILE}: {problem}"))?);
    }
    if digits.len() != DIGITS * (PIXELS + 1) {
        return Err(format!("{FILE}: it has {} digits, not {DIGITS}", digits.len() / (PIXELS + 1)).into());
    }
    std::fs::write(Path::new(&out).join("digits.bin"), digits)?;
    Ok(())
}

/// Pixels and label of a line.
fn digit(line: &str) -> Result<[u8; PIXELS + 1], String> {
    let numbers = line.split(',').map(str::parse).collect::<Result<Vec<u8>, _>>();
    let digit: [u8; PIXELS + 1] = numbers
        .ok()
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| format!("`{line}` is not 65 numbers"))?;
    let fine = digit[..PIXELS].iter().all(|&ink| ink <= INK) && digit[PIXELS] < 10;
    if fine { Ok(digit) } else { Err(format!("`{line}` has a number that is too large")) }
}
