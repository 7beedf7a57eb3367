//! Python, where a tool or a file comes only that way.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use bossnas_files::{SourceFile, sha256_of};

use crate::{process, workspace};

/// A Python 3 that has these modules and is not older than this minor version.
pub(crate) fn find(minor: u32, modules: &str) -> Option<&'static str> {
    ["python3", "python"].into_iter().find(|python| {
        let mut version = Command::new(python);
        version.arg("-c").arg(format!("import sys, {modules}; sys.exit(sys.version_info < (3, {minor}))"));
        version.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    })
}

/// The interpreter of a virtual environment among the tools, made first if it is missing. The requirements are a file in
/// the repository with the hashes of everything; when they change, so does the environment.
pub(crate) fn environment(python: &str, requirements: &str) -> anyhow::Result<PathBuf> {
    let file = workspace::root().join(requirements);
    let digest = sha256_of(&SourceFile::open(&file)?)?.to_string();
    let folder = workspace::tools().join(format!("python-{}", &digest[..12]));
    let interpreter = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    // Written last: an environment without it was not finished.
    let finished = folder.join("finished");
    if !finished.is_file() {
        process::run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder))?;
        let mut install = Command::new(&interpreter);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]);
        install.args(["--require-hashes", "--no-deps", "-r"]);
        process::run(install.arg(file))?;
        std::fs::write(&finished, "").context("cannot mark the environment as finished")?;
    }
    Ok(interpreter)
}
