//! Run folders of searches on the command line: their errors with hints, and the path that is meant.

use std::path::Path;

use bossnas_model::arch::SearchNet;
use bossnas_model::space::PathError;
use bossnas_report::Failure;
use bossnas_zoo::run_folder::{Problem, RunError, RunFolder};

/// The run at `path`, as far as it has come.
pub(crate) fn open(path: &Path) -> Result<RunFolder, Failure> {
    RunFolder::open(path).map_err(explain)
}

/// What can be done about a run that cannot be used.
pub(crate) fn explain(error: RunError) -> Failure {
    let failure = Failure::failed(error.to_string());
    match error {
        RunError::NoCheckpoint(_) => failure.hint("a search writes its first one at the end of its first epoch"),
        RunError::Malformed { problem, .. } => match *problem {
            Problem::Bytes { .. } | Problem::Digest { .. } => {
                failure.hint("it was changed, or copied while the search was writing; copy the folder once more")
            }
            Problem::Schema { .. } => failure.hint("another version of `bossnas-train` has written it"),
            Problem::Contradiction { .. } => failure.hint("the files of two searches may have been mixed"),
            _ => failure.hint("`bossnas-train search` has not written it like this"),
        },
        RunError::Read(_) | RunError::Ratings(_) | RunError::Weights(_) => failure,
    }
}

/// What the search has found.
pub(crate) fn found(run: &RunFolder) -> Result<SearchNet, Failure> {
    run.found().ok_or_else(|| {
        let name = run.path.display();
        let stage = run.undecided().unwrap_or_default();
        let message = format!("stage {stage} of `{name}` is not decided yet (stages count from 0)");
        Failure::failed(message).hint(format!("`bossnas-zoo arch {name}` shows how far it is, --path takes any path"))
    })
}

/// The path of these digits, if the supernet of the search holds it.
pub(crate) fn path(run: &RunFolder, text: &str) -> Result<SearchNet, Failure> {
    let net = run.parse(text).map_err(|error| {
        Failure::usage(format!("--path is no path of {}: {error}", run.space())).detail(error.caret())
    })?;
    let space = run.space();
    if net.path.space() != space.name() {
        let message = format!("--path is one of {}, `{}` is a search of {space}", net.path.space(), run.path.display());
        return Err(Failure::usage(message));
    }
    run.check(&net.path).map_err(|error| {
        let failure = Failure::usage(format!("the supernet of `{}` has no path {text}: {error}", run.path.display()));
        match error {
            PathError::NotHeld { .. } => failure.hint("stages and layers are counted from 1 here"),
            _ => failure,
        }
    })?;
    Ok(net)
}
