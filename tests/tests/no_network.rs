//! The launcher that forbids the network does so, and nothing else: what the offline tests rest on.

#![cfg(target_os = "linux")]

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

use bossnas_tests::offline::{SIGSYS, launcher};
use bossnas_tests::strict::skipped;

/// A run of a program through the launcher, or `None` when this machine lacks the program.
fn launch(program: &str, arguments: &[&str]) -> Option<Command> {
    let there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_err() {
        skipped(&format!("{program} is not installed"));
        return None;
    }
    let mut command = Command::new(launcher());
    command.arg(program).args(arguments);
    Some(command)
}

#[test]
fn programs_that_open_no_socket_live() {
    for (program, arguments) in [("true", &[][..]), ("cat", &["/dev/null"])] {
        if let Some(mut command) = launch(program, arguments) {
            let status = command.status().unwrap();
            assert!(status.success(), "{program}: {status}");
        }
    }
}

#[test]
fn a_connection_is_death() {
    for (program, arguments) in
        [("curl", ["--silent", "http://127.0.0.1:9/"]), ("bash", ["-c", "exec 3<>/dev/tcp/127.0.0.1/9"])]
    {
        if let Some(mut command) = launch(program, &arguments) {
            let status = command.status().unwrap();
            assert_eq!(status.signal(), Some(SIGSYS), "{program}: {status}");
        }
    }
}

#[test]
fn the_exit_code_is_the_programs_own() {
    if let Some(mut command) = launch("sh", &["-c", "exit 7"]) {
        let status = command.status().unwrap();
        assert_eq!(status.code(), Some(7));
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let output = Command::new(launcher()).arg("no-such-program").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-program"));
}
