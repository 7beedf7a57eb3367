//! Signals: a program that is told to end leaves no scratch files behind, and a limit on the size of files is an error
//! like a full disk.

use std::sync::OnceLock;

/// What to tell a person when a signal ends the process, if its work is kept.
static SAVED: OnceLock<&str> = OnceLock::new();

/// Prepares the process; without signals (on other systems, or when the system refuses) it ends as any program does.
pub(crate) fn prepare() {
    #[cfg(unix)]
    unix::prepare();
}

/// From here on a signal loses nothing: it ends the process with [`Exit::Stopped`](bossnas_report::Exit::Stopped) and `text`.
pub(crate) fn state_is_saved(text: &'static str) {
    // Said once for each process.
    let _ = SAVED.set(text);
}

#[cfg(unix)]
mod unix {
    use std::io::Write;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use bossnas_report::Exit;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::Signals;
    use signal_hook::{flag, low_level};

    use super::SAVED;

    pub(super) fn prepare() {
        // With a handler in place the write fails and says why, instead of the process dying of it.
        let _ = flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
        let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else { return };
        thread::spawn(move || {
            for signal in signals.forever() {
                bossnas_files::remove_scratch_files();
                if let Some(text) = SAVED.get() {
                    // Nobody is left to tell when stderr fails.
                    let _ = writeln!(std::io::stderr(), "\nstopped: {text}");
                    std::process::exit(Exit::Stopped.code().into());
                }
                // Ends the process the way the signal would have.
                let _ = low_level::emulate_default_handler(signal);
            }
        });
    }
}
