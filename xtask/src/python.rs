//! Python, where a tool or a file comes only that way.

use std::path::{Path, PathBuf};
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

/// A virtual environment among the tools. Its requirements are a file in the repository with the hashes of everything; when
/// they change, so does the environment.
pub(crate) struct Environment {
    requirements: PathBuf,
    folder: PathBuf,
}

impl Environment {
    /// The environment of these requirements, a path in the repository, whether it is there or not.
    pub(crate) fn of(requirements: &str) -> anyhow::Result<Self> {
        Self::within(&workspace::tools(), workspace::root().join(requirements))
    }

    fn within(tools: &Path, requirements: PathBuf) -> anyhow::Result<Self> {
        let digest = sha256_of(&SourceFile::open(&requirements)?)?.to_string();
        let folder = tools.join(format!("python-{}", &digest[..12]));
        Ok(Self { requirements, folder })
    }

    /// Its interpreter, when it was made to the end.
    pub(crate) fn interpreter(&self) -> Option<PathBuf> {
        self.mark().is_file().then(|| self.program())
    }

    /// Its interpreter; the environment is made with `python` first when it is not there.
    pub(crate) fn ready(&self, python: &str) -> anyhow::Result<PathBuf> {
        if let Some(interpreter) = self.interpreter() {
            return Ok(interpreter);
        }
        process::run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&self.folder))?;
        let mut install = Command::new(self.program());
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]);
        // Made once: a copy of every wheel would be of no use.
        install.args(["--no-cache-dir", "--require-hashes", "--no-deps", "-r"]);
        process::run(install.arg(&self.requirements))?;
        std::fs::write(self.mark(), "").context("cannot mark the environment as finished")?;
        Ok(self.program())
    }

    fn program(&self) -> PathBuf {
        self.folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
    }

    /// Written last: an environment without it was not finished.
    fn mark(&self) -> PathBuf {
        self.folder.join("finished")
    }
}

/// The interpreter of the environment of these requirements, made first if it is missing.
pub(crate) fn environment(python: &str, requirements: &str) -> anyhow::Result<PathBuf> {
    Environment::of(requirements)?.ready(python)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Python that would fail if it were run.
    const NONE: &str = "no-such-python";

    fn requirements(folder: &Path, text: &str) -> Environment {
        let file = folder.join("requirements.txt");
        std::fs::write(&file, text).unwrap();
        Environment::within(folder, file).unwrap()
    }

    #[test]
    fn an_environment_that_is_there_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let environment = requirements(folder.path(), "one");
        assert!(environment.interpreter().is_none() && environment.ready(NONE).is_err());
        std::fs::create_dir_all(&environment.folder).unwrap();
        std::fs::write(environment.mark(), "").unwrap();
        assert_eq!(environment.ready(NONE).unwrap(), environment.interpreter().unwrap());
    }

    #[test]
    fn other_requirements_are_another_environment() {
        let folder = tempfile::tempdir().unwrap();
        let first = requirements(folder.path(), "one");
        std::fs::create_dir_all(&first.folder).unwrap();
        std::fs::write(first.mark(), "").unwrap();
        assert!(requirements(folder.path(), "two").interpreter().is_none());
    }
}
