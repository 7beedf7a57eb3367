//! A program that is told to end leaves nothing half-written behind.

#![cfg(unix)]

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bossnas_tests::program::{command, files, scratch};

const SIGINT: i32 = 2;

#[test]
fn an_interrupted_export_leaves_the_folder_as_it_was() {
    let folder = scratch();
    let mut child = command(folder.path(), ["export", "BossNet-T0", "-o", "x.onnx"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while files(folder.path()).is_empty() && start.elapsed() < Duration::from_mins(1) {
        sleep(Duration::from_millis(2));
    }
    let begun = files(folder.path());
    assert!(matches!(begun.as_slice(), [name] if name.ends_with(".partial")), "{begun:?}");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(SIGINT), "it ends as the signal would have ended it");
    assert_eq!(files(folder.path()), Vec::<String>::new());
}
