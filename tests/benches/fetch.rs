//! `fetch` against `curl`, from nginx on this machine. Run it with `cargo xtask bench fetch`.
//!
//! Nothing here fails because a machine is slow: it prints medians and ratios with their limits, for people to judge.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a benchmark that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use bossnas_tests::nginx::Nginx;
use bossnas_tests::program::Outcome;
use bossnas_tests::shelf::{NAME, Shelf, noise, sha256};

/// The size of BossNet-T0 as one state dict.
const BYTES: usize = 154_000_000;

/// What `curl`, `sha256sum` and `sync` take, at the most.
const WHOLE: f64 = 1.0;
/// The time of `curl` alone, in units of which the last byte must be written.
const LAST_BYTE: f64 = 1.0 / 0.6;
/// Peak memory in bytes.
const MEMORY: f64 = 64e6;

/// Names the program that runs a command and prints its seconds, processor seconds and peak memory.
const MEASURE: &str = "BOSSNAS_MEASURE";

fn main() {
    let rounds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(9);
    let nginx = Nginx::start().unwrap_or_else(|| panic!("a benchmark without a server is none"));
    let bytes = noise(BYTES);
    nginx.serve("x.bin", &bytes);
    let shelf = Shelf::plain(&format!("{}/x.bin", nginx.http()), Some(&sha256(&bytes)));
    drop(bytes);
    println!("{} MB from nginx on this machine, {rounds} rounds after one of warm-up", BYTES / 1_000_000);
    let (mut curl, mut checked, mut fetch, mut last, mut peak) = (vec![], vec![], vec![], vec![], vec![]);
    for round in 0..=rounds {
        let a = curl_alone(&nginx, shelf.path());
        let b = curl_and_check(&nginx, shelf.path());
        let c = fetched(&shelf);
        if round > 0 {
            curl.push(a);
            checked.push(b);
            fetch.push(c.seconds);
            last.push(c.last_byte);
            peak.push(c.peak);
        }
    }
    let ratio = |a: &[f64], b: &[f64]| median(a.iter().zip(b).map(|(a, b)| a / b).collect());
    println!("curl -o                        {:>8.3} s", median(curl.clone()));
    println!("curl -o, sha256sum, sync       {:>8.3} s", median(checked.clone()));
    println!("fetch, process and all         {:>8.3} s", median(fetch.clone()));
    println!("fetch, to the last byte        {:>8.3} s", median(last.clone()));
    println!("fetch / curl and check         {:>8.2}    (at most {WHOLE})", ratio(&fetch, &checked));
    println!("fetch to the last byte / curl  {:>8.2}    (at most {LAST_BYTE:.2})", ratio(&last, &curl));
    println!("peak memory of fetch           {:>8.1} MB (at most {})", median(peak) / 1e6, MEMORY / 1e6);
}

/// Nobody's earlier writes are waited for by the next.
fn settle(path: &Path) {
    let _ = fs::remove_file(path);
    assert!(Command::new("sync").status().unwrap().success());
}

fn shell(script: &str, folder: &Path) -> f64 {
    let start = Instant::now();
    let status = Command::new("sh").args(["-c", script]).current_dir(folder).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{script}");
    start.elapsed().as_secs_f64()
}

fn curl_alone(nginx: &Nginx, folder: &Path) -> f64 {
    settle(&folder.join("F"));
    shell(&format!("curl -s -o F {}/x.bin", nginx.http()), folder)
}

fn curl_and_check(nginx: &Nginx, folder: &Path) -> f64 {
    settle(&folder.join("F"));
    shell(&format!("curl -s -o F {}/x.bin && sha256sum F && sync F", nginx.http()), folder)
}

struct Fetched {
    seconds: f64,
    last_byte: f64,
    peak: f64,
}

fn fetched(shelf: &Shelf) -> Fetched {
    let _ = fs::remove_dir_all(shelf.home());
    settle(Path::new("none"));
    let fetch = shelf.command(&["fetch", NAME, "--json"]);
    let out: PathBuf = shelf.path().join("fetch.json");
    let measure = std::env::var_os(MEASURE).unwrap_or_else(|| panic!("cargo xtask bench fetch sets ${MEASURE}"));
    let mut command = Command::new(measure);
    command.args(["bench", "measured", "--stdout"]).arg(&out).arg("--").arg(fetch.get_program()).args(fetch.get_args());
    command.current_dir(shelf.path());
    for (name, value) in fetch.get_envs() {
        command.env(name, value.unwrap());
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let numbers = String::from_utf8(output.stdout).unwrap();
    let numbers: Vec<f64> = numbers.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let stdout = fs::read_to_string(out).unwrap();
    let outcome = Outcome { line: String::new(), code: Some(0), stdout, stderr: String::new() };
    Fetched { seconds: numbers[0], last_byte: outcome.file()["receive_seconds"].as_f64().unwrap(), peak: numbers[2] }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
