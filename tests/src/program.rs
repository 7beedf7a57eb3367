//! The program under test.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use bossnas_native::Store;
use serde_json::Value;
use tempfile::TempDir;

/// The binary: the one that `$BOSSNAS_ZOO` names, else the one that cargo has put beside this test.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("BOSSNAS_ZOO").map_or_else(|| beside_this_test("bossnas-zoo"), PathBuf::from);
    assert!(path.is_file(), "{} is not there: `cargo xtask test` builds it and runs these tests", path.display());
    path
}

/// Where cargo puts the program of that name when it builds for this test; it need not be there.
pub(crate) fn beside_this_test(name: &str) -> PathBuf {
    // Tests run from <target>/release/deps.
    let test = std::env::current_exe().expect("a test knows where it is");
    let release = test.ancestors().nth(2).expect("it lies in target/release/deps");
    release.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// A folder to work in, on the disk that cargo builds on (`/tmp` may be memory).
pub fn scratch() -> TempDir {
    let parent = binary().parent().map_or_else(std::env::temp_dir, |release| release.join("test-scratch"));
    std::fs::create_dir_all(&parent).expect("the target folder can be written");
    tempfile::tempdir_in(parent).expect("a scratch folder")
}

/// What a run left behind.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The command line, for messages.
    pub line: String,
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Text for people.
    pub stderr: String,
}

/// A run of the program in an environment without anything of the user's but native libraries: its cache lies in the folder it works in.
pub fn command<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = isolated(binary(), folder);
    command.args(arguments);
    command
}

/// A run of some program in such an environment.
pub(crate) fn isolated(program: PathBuf, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().env("BOSSNAS_HOME", folder.join("home"));
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    // Native libraries are set up once for all.
    if let Ok(store) = Store::of_user() {
        command.env("BOSSNAS_NATIVE", store.root());
    }
    command
}

/// Runs the program in `folder`.
pub fn zoo<S: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = S>) -> Outcome {
    finish(&mut command(folder, arguments))
}

/// Runs a prepared command to its end.
pub fn finish(command: &mut Command) -> Outcome {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ");
    let output = command.output().expect("the program starts");
    Outcome {
        line,
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

impl Outcome {
    /// Insists that it succeeded.
    #[must_use]
    pub fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}\n{}", self.line, self.stdout, self.stderr);
        self
    }

    /// Insists on a failure: this exit code, nothing on stdout, one `error:` sentence that holds all of `parts`.
    #[must_use]
    pub fn failure(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}\n{}", self.line, self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "{}", self.line);
        let errors = self.stderr.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(errors, 1, "{}\n{}", self.line, self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is missing\n{}\n{}", self.line, self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}\n{}", self.line, self.stderr);
        self
    }

    /// The JSON document on stdout, whose schema must be `bossnas-zoo/<command>/1`.
    pub fn json(&self, command: &str) -> Value {
        let document: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("stdout is not one JSON document: {e}\n{}\n{}", self.line, self.stdout));
        assert_eq!(document["schema"], format!("bossnas-zoo/{command}/1"), "{}", self.line);
        document
    }
}

/// The names of all files below `folder`, sorted; the program's cache is left out.
pub fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let relative = path.strip_prefix(folder).expect("it lies below").to_string_lossy().into_owned();
            if path.is_dir() {
                if relative != "home" {
                    folders.push(path);
                }
            } else {
                found.push(relative);
            }
        }
    }
    found.sort();
    found
}
