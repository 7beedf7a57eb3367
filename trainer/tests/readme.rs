//! The README's way from a clone to a network that was searched, drawn and exported, with both programs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// What the README's preset does in minutes, in seconds.
const QUICK: &str = "preset = \"digits\"\nbase = 2\n[training]\nbatch-size = 256\nepochs = 2\n\
                     [rating]\nimages = 24\nbatch-size = 16\nbn-images = 16\n";

/// The folders of the README's runs on the digits, and what is made of them.
const RUNS: [&str; 3] = ["runs/digits", "runs/trained", "trained.onnx"];

/// The arguments of the commands of a program that the README's shell blocks tell to work on these.
fn commands() -> Vec<(String, Vec<String>)> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let command = |line: &str| {
        let line = line.split_once('#').map_or(line, |(command, _)| command);
        let mut words = line.split_whitespace().map(str::to_owned);
        let program = words.next().filter(|program| program.starts_with("bossnas-"))?;
        Some((program, words.collect::<Vec<_>>()))
    };
    let all = readme.lines().filter_map(command);
    all.filter(|(_, words)| words.iter().any(|word| RUNS.contains(&word.as_str()))).collect()
}

/// Runs the README's commands; `None` where there is no `bossnas-zoo` to run.
fn follow(config: Option<&str>) -> Option<()> {
    let Some(zoo) = std::env::var_os("BOSSNAS_ZOO") else {
        assert!(std::env::var_os("BOSSNAS_STRICT").is_none(), "$BOSSNAS_ZOO names no program");
        eprintln!("SKIPPED: $BOSSNAS_ZOO names no program");
        return None;
    };
    let train = std::env::var_os("BOSSNAS_TRAIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_bossnas-train").into());
    let folder = tempfile::tempdir().unwrap();
    let commands = commands();
    assert!(commands.len() >= 10, "the README shows {} commands", commands.len());
    for (program, mut arguments) in commands {
        match (config, arguments[0].as_str()) {
            (Some(config), "search") => {
                fs::write(folder.path().join("quick.toml"), config).unwrap();
                let word = arguments.iter_mut().find(|word| *word == "digits").unwrap();
                "quick.toml".clone_into(word);
            }
            (Some(_), "retrain") => arguments.extend(["--epochs", "2", "--batch-size", "256"].map(str::to_owned)),
            _ => {}
        }
        let mut command = Command::new(if program == "bossnas-zoo" { &zoo } else { &train });
        command.args(&arguments).current_dir(folder.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let drawing = fs::read_to_string(folder.path().join("digits.svg")).unwrap();
    assert_eq!(drawing.matches("data-block").count(), 16, "the drawing shows every layer");
    assert!(fs::metadata(folder.path().join("digits.onnx")).unwrap().len() > 10_000);
    Some(())
}

#[test]
fn the_readme_leads_to_a_network_that_was_searched_drawn_and_exported() {
    let _ = follow(Some(QUICK));
}

#[test]
#[ignore = "minutes: `cargo xtask test --all`"]
fn the_readmes_own_search_does_too() {
    let _ = follow(None);
}
