//! Commands of `bossnas-train` are handed over to it where it is installed; else the exit code is 4, with how to get it.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bossnas_tests::program::{Outcome, binary, finish, scratch, zoo};

const COMMANDS: [&str; 4] = ["search", "rate", "retrain", "evaluate"];

/// The program alone in a folder, without what cargo has put beside it.
fn alone(folder: &Path) -> PathBuf {
    let copy = folder.join("bin/bossnas-zoo");
    fs::create_dir_all(folder.join("bin")).unwrap();
    fs::copy(binary(), &copy).unwrap();
    copy
}

/// A program that says how it was called, and ends with exit code 3.
fn stand_in(folder: &Path, says: &str) {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join("bossnas-train");
    fs::write(&path, format!("#!/bin/sh\necho \"{says}\"\nfor x in \"$@\"; do echo \"[$x]\"; done\nexit 3\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn run(program: &Path, arguments: &[&str], path: &str) -> Outcome {
    finish(Command::new(program).args(arguments).env_clear().env("PATH", path))
}

#[test]
fn without_the_trainer_the_exit_code_is_4_and_a_hint_says_how_to_get_it() {
    let folder = scratch();
    let program = alone(folder.path());
    for command in COMMANDS {
        let outcome = run(&program, &[command, "--config", "digits", "-v"], "/nowhere");
        let _ =
            outcome.failure(4, &[command, "bossnas-train", "cargo build --release --package bossnas-trainer", "$PATH"]);
        // Its help is there nevertheless.
        let help = run(&program, &[command, "--help"], "").success().stdout;
        assert!(help.contains("needs bossnas-train") && help.contains(&format!("bossnas-zoo {command}")), "{help}");
    }
}

#[test]
fn arguments_and_the_exit_code_pass_through_untouched() {
    let folder = scratch();
    let program = alone(folder.path());
    stand_in(&folder.path().join("path"), "of the path");
    let path = format!("{}:/usr/bin:/bin", folder.path().join("path").display());
    for command in COMMANDS {
        let outcome = run(&program, &["-q", "--color", "never", command, "--help", "a b", "-v", "--", ""], &path);
        assert_eq!(outcome.code, Some(3), "{outcome:?}");
        assert_eq!(
            outcome.stdout,
            format!("of the path\n[-q]\n[--color]\n[never]\n[{command}]\n[--help]\n[a b]\n[-v]\n[--]\n[]\n")
        );
    }
    // What lies beside the program comes first.
    stand_in(&folder.path().join("bin"), "beside");
    let outcome = run(&program, &["search"], &path);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(3), "beside\n[search]\n"));
    // Commands of this program are its own.
    assert!(run(&program, &["help", "search"], &path).success().stdout.contains("needs bossnas-train"));
    let _ = run(&program, &["arch", "bossnet:1/0/1/0"], &path).success();
}

#[test]
fn a_trainer_that_cannot_be_started_is_named() {
    let folder = scratch();
    let program = alone(folder.path());
    let broken = folder.path().join("bin/bossnas-train");
    fs::write(&broken, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
    let _ = run(&program, &["search"], "").failure(4, &["cannot start", "bossnas-train"]);
}

#[test]
fn the_help_lists_them_as_needing_the_trainer() {
    let help = zoo(Path::new("."), ["--help"]).success().stdout;
    for command in COMMANDS {
        let line = help.lines().find(|line| line.trim_start().starts_with(&format!("{command} "))).unwrap_or_default();
        assert!(!line.is_empty(), "{command} is missing\n{help}");
    }
    assert_eq!(help.matches("needs bossnas-train").count(), COMMANDS.len(), "{help}");
}
