//! `__worker`: not a command for people, but what this program starts to run a file in a process of its own.

use bossnas_report::Exit;
use bossnas_zoo::runtime;

/// Whether this process is a worker.
pub(super) fn is_asked_for() -> bool {
    std::env::args_os().nth(1).is_some_and(|argument| argument == runtime::WORKER)
}

/// Serves until the program that started it closes the pipe. What goes wrong is told there: nobody reads this one's words.
pub(super) fn run() -> Exit {
    match runtime::serve() {
        Ok(()) => Exit::Done,
        Err(_) => Exit::Failed,
    }
}
