//! Wheels come through pip, which knows the user's index, proxy and certificates.
//!
//! What a wheel fits is said by its name, so that pip need not be of the Python or the platform that it is for.

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use bossnas_native::{Package, Wheel};

use super::megabytes;
use crate::python;

/// The wheels of `native.toml` are for this Python, where it matters to them.
const PYTHON: &str = "3.11";

/// What fetches a wheel into a folder; an error when there is no pip.
pub(super) fn with_pip() -> anyhow::Result<impl Fn(&Package, &Wheel, &Path) -> anyhow::Result<PathBuf>> {
    let Some(python) = python::find(0, "pip") else {
        bail!(
            "no python3 with pip on this machine: the native libraries come as Python packages\n\
             hint: install python3 and pip (`apt-get install python3-pip`), or let $ORT_DYLIB_PATH name a libonnxruntime \
             of your own"
        );
    };
    Ok(move |package: &Package, wheel: &Wheel, folder: &Path| {
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, requirement(package, wheel)).with_context(|| requirements.display().to_string())?;
        let mut pip = Command::new(python);
        pip.args(arguments(wheel)?).arg("--requirement").arg(&requirements).arg("--dest").arg(folder);
        if !std::io::stderr().is_terminal() {
            pip.arg("--quiet");
        }
        eprintln!("fetching {}, {}", wheel.file_name, megabytes(wheel.bytes));
        let status = pip.status().with_context(|| format!("cannot start `{python}`"))?;
        ensure!(status.success(), "pip cannot fetch {} {}: {status}", package.name, package.version);
        Ok(folder.join(&wheel.file_name))
    })
}

/// A line for pip that only this file fulfils.
fn requirement(package: &Package, wheel: &Wheel) -> String {
    format!("{}=={} --hash=sha256:{}\n", package.name, package.version, wheel.sha256)
}

/// The command line as far as the wheel's name decides it: `name-version-python-abi-platform.platform.whl`.
fn arguments(wheel: &Wheel) -> anyhow::Result<Vec<String>> {
    let stem = wheel.file_name.strip_suffix(".whl");
    let tags = stem.map(|stem| stem.split('-').collect::<Vec<_>>()).unwrap_or_default();
    let [_, _, _, abi, platforms] = tags[..] else { bail!("`{}` is no name of a wheel", wheel.file_name) };
    let fixed =
        "-m pip download --disable-pip-version-check --no-cache-dir --no-deps --only-binary=:all: --require-hashes";
    let mut arguments: Vec<String> = fixed.split(' ').map(str::to_owned).collect();
    let fits = [("--implementation", "cp"), ("--python-version", PYTHON), ("--abi", abi)];
    let fits = fits.into_iter().chain(platforms.split('.').map(|platform| ("--platform", platform)));
    arguments.extend(fits.flat_map(|(option, value)| [option.to_owned(), value.to_owned()]));
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use bossnas_native::Part;

    use super::*;

    #[test]
    fn every_wheel_of_the_lock_has_a_name_that_pip_can_be_asked_for() {
        for package in Part::ALL.into_iter().flat_map(|part| &part.locked().unwrap().packages) {
            for wheel in package.wheels.values() {
                let words = arguments(wheel).unwrap().join(" ");
                assert!(words.contains("--abi cp311") || words.contains("--abi none"), "{words}");
            }
        }
    }

    #[test]
    fn a_name_with_several_platforms_asks_for_each() {
        let wheel =
            |name: &str| Wheel { file_name: name.to_owned(), bytes: 0, sha256: "0".repeat(64).parse().unwrap() };
        let words = arguments(&wheel("n-1-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl")).unwrap().join(" ");
        assert!(
            words.ends_with("--abi none --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64"),
            "{words}"
        );
        assert!(arguments(&wheel("n-1.tar.gz")).is_err());
    }
}
