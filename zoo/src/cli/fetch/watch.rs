//! A download as a bar on the terminal.

use bossnas_report::{Bar, Console, Progress};
use bossnas_zoo::fetch::Watch;

/// Shows one download.
pub(super) struct BarWatch {
    bar: Bar,
    progress: Progress,
    console: Console,
}

impl BarWatch {
    pub(super) fn new(progress: &Progress, console: Console, label: &str) -> Self {
        Self { bar: progress.bar(label), progress: progress.clone(), console }
    }
}

impl Watch for BarWatch {
    fn started(&self, bytes: u64, total: Option<u64>) {
        self.bar.start(bytes, total);
    }

    fn reached(&self, bytes: u64) {
        self.bar.set(bytes);
    }

    fn say(&self, text: &str) {
        self.progress.pause(|| self.console.note(text));
    }
}
