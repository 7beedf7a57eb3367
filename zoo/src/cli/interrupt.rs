//! Signals: a program that is told to end leaves no scratch files behind, and a limit on the size of files is an error
//! like a full disk.

/// Prepares the process; without signals (on other systems, or when the system refuses) it ends as any program does.
pub(crate) fn prepare() {
    #[cfg(unix)]
    unix::prepare();
}

#[cfg(unix)]
mod unix {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::Signals;
    use signal_hook::{flag, low_level};

    pub(super) fn prepare() {
        // With a handler in place the write fails and says why, instead of the process dying of it.
        let _ = flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
        let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else { return };
        thread::spawn(move || {
            for signal in signals.forever() {
                bossnas_files::remove_scratch_files();
                // Ends the process the way the signal would have.
                let _ = low_level::emulate_default_handler(signal);
            }
        });
    }
}
