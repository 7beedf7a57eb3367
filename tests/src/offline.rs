//! The program under test where opening a network socket is its death (`bin/no-network.rs`).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program;

/// Whether this system can forbid a program the network: Linux on `x86_64` or `aarch64`.
pub const AVAILABLE: bool = cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")));

/// The signal that ends a program which opens a network socket.
pub const SIGSYS: i32 = 31;

/// The launcher, which cargo builds for integration tests and puts beside them.
pub fn launcher() -> PathBuf {
    let path = program::beside_this_test("no-network");
    assert!(path.is_file(), "{} is not there: cargo builds it for integration tests", path.display());
    path
}

/// The same run as [`program::command`], without a network.
pub fn command<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = program::isolated(launcher(), folder);
    command.arg(program::binary()).args(arguments);
    command
}
