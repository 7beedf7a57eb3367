//! Commands of `bossnas-train`: they are handed over to it, where it is installed beside this program or on `$PATH`.
//!
//! This program never links libtorch, so it cannot train. The arguments are passed on as they are, before anything here has
//! looked at them, and on Unix the other program takes the place of this one: signals, the terminal and the exit code are its own.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use bossnas_report::{ColorChoice, Console, Exit, Failure, Verbosity};

/// The commands.
const COMMANDS: [&str; 4] = ["search", "rate", "retrain", "evaluate"];

/// The other program.
const PROGRAM: &str = "bossnas-train";

/// Options of this program that take the next argument as their value.
const WITH_VALUE: [&str; 2] = ["--color", "--registry"];

/// Arguments for `bossnas-train`
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What `bossnas-train` takes: its own --help has it
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Help with an example.
pub(crate) fn help(example: &str) -> String {
    format!(
        "Examples:
  bossnas-zoo {example}

bossnas-train carries it out and gets all arguments; its --help has the options. It is looked
for beside this program, then on $PATH. From a clone, `cargo xtask setup --torch` brings
libtorch, once, and `cargo build --release --package bossnas-trainer` builds it. Without it
the exit code is 4."
    )
}

/// Hands over to `bossnas-train` if one of its commands is asked for and it is installed; says how that ended. `None` where
/// this program has to answer.
pub(crate) fn hand_over(arguments: &[OsString]) -> Option<Exit> {
    command(arguments.get(1..)?)?;
    let program = find()?;
    let error = replace_by(&program, &arguments[1..]);
    let console = Console::new(Verbosity::Normal, ColorChoice::Auto);
    let message = format!("cannot start `{}`: {error}", program.display());
    Some(console.error(&Failure::new(Exit::Unavailable, message).into()))
}

/// That it is not installed.
pub(crate) fn missing(command: &str) -> anyhow::Result<()> {
    let message = format!("`{command}` is a command of {PROGRAM}, which is not installed");
    Err(Failure::new(Exit::Unavailable, message)
        .hint("from a clone: `cargo xtask setup --torch`, once, then `cargo build --release --package bossnas-trainer`")
        .hint(format!("it is looked for beside bossnas-zoo, then on $PATH ({PROGRAM}{})", std::env::consts::EXE_SUFFIX))
        .into())
}

/// Which of its commands is asked for, if one is: the first argument that is no option.
fn command(arguments: &[OsString]) -> Option<&'static str> {
    let mut arguments = arguments.iter().filter_map(|argument| argument.to_str());
    loop {
        match arguments.next()? {
            option if WITH_VALUE.contains(&option) => drop(arguments.next()),
            option if option.starts_with('-') => {}
            word => return COMMANDS.into_iter().find(|command| *command == word),
        }
    }
}

/// Where it is: beside this program, else in a folder of `$PATH`.
fn find() -> Option<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.to_owned()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    among(beside.into_iter().chain(folders(&path)))
}

/// The folders of a `$PATH`. An empty one, which would mean the current folder, does not count.
fn folders(path: &OsStr) -> impl Iterator<Item = PathBuf> {
    std::env::split_paths(path).filter(|folder| !folder.as_os_str().is_empty())
}

/// The program in the first folder that has it.
fn among(mut folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    folders.find_map(|folder| Some(folder.join(&name)).filter(|path| can_be_run(path)))
}

#[cfg(unix)]
fn can_be_run(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn can_be_run(path: &Path) -> bool {
    path.is_file()
}

/// Comes back only if it could not be started.
#[cfg(unix)]
fn replace_by(program: &Path, arguments: &[OsString]) -> std::io::Error {
    std::os::unix::process::CommandExt::exec(Command::new(program).args(arguments))
}

/// Comes back only if it could not be started.
#[cfg(not(unix))]
fn replace_by(program: &Path, arguments: &[OsString]) -> std::io::Error {
    match Command::new(program).args(arguments).status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_the_first_word() {
        let of = |line: &str| command(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of("search --config digits"), Some("search"));
        assert_eq!(of("-q --color never retrain"), Some("retrain"));
        assert_eq!(of("--color=never --registry search rate"), Some("rate"));
        for other in ["list search", "help search", "--registry search", "-v", "arch best"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn the_first_folder_with_a_program_is_taken() {
        let parent = tempfile::tempdir().unwrap();
        let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
        let [empty, text, good] = ["empty", "text", "good"].map(|name| parent.path().join(name));
        for folder in [&empty, &text, &good] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(good.join(&name), "#!/bin/sh\n").unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::write(text.join(&name), "no program").unwrap();
            std::fs::set_permissions(good.join(&name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let path = std::env::join_paths([Path::new(""), &empty, &text, &good]).unwrap();
        assert_eq!(among(folders(&path)), Some(good.join(&name)));
        assert_eq!(among([empty].into_iter()), None);
        assert_eq!(folders(OsStr::new("")).count(), 0);
    }
}
