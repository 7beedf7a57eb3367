//! Progress of long work, shown only where somebody looks at it.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::escape;

const KNOWN: &str = "{msg:24!} [{bar:24}] {percent:>3} % {done:>17} {rate:>10}  {left}";
const UNKNOWN: &str = "{msg:24!} {spinner} {done:>17} {rate:>10}";

/// Several bars below each other, on stderr. Nothing is shown when stderr is no terminal or `-q` was given.
#[derive(Debug, Clone)]
pub struct Progress {
    bars: MultiProgress,
    visible: bool,
}

/// The bar of one piece of work. It goes away when it is dropped.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    counted: Counted,
}

/// What a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Bytes, in kB, MB, GB.
    Bytes,
    /// Things of this name, one by one.
    Things(&'static str),
}

impl Counted {
    fn amount(self, amount: u64) -> String {
        match self {
            Self::Bytes => crate::units::bytes(amount),
            Self::Things(_) => crate::units::grouped(amount),
        }
    }

    fn rate(self, per_second: f64) -> String {
        match self {
            Self::Bytes => format!("{}/s", crate::units::bytes(per_second as u64)),
            Self::Things(name) => format!("{per_second:.1} {name}/s"),
        }
    }
}

impl Progress {
    pub(crate) fn new(visible: bool) -> Self {
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bars: MultiProgress::with_draw_target(target), visible }
    }

    /// A bar of bytes that is shown from now on. The label may hold text from outside.
    pub fn bar(&self, label: &str) -> Bar {
        self.bar_of(label, Counted::Bytes)
    }

    /// A bar of anything.
    pub fn bar_of(&self, label: &str, counted: Counted) -> Bar {
        let bar = self.bars.add(ProgressBar::no_length().with_style(style(UNKNOWN, counted)));
        bar.set_message(escape(label).into_owned());
        if self.visible {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Bar { bar, counted }
    }

    /// Does something that writes to the terminal; the bars make room for it.
    pub fn pause<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bars.suspend(write)
    }
}

impl Bar {
    /// Work begins: so much is done before it, of so much.
    pub fn start(&self, done: u64, total: Option<u64>) {
        if let Some(total) = total {
            self.bar.set_length(total);
            self.bar.set_style(style(KNOWN, self.counted));
        }
        self.bar.set_position(done);
        // What was there before is no speed.
        self.bar.reset_eta();
        self.bar.reset_elapsed();
    }

    /// Another label, which may hold text from outside.
    pub fn say(&self, label: &str) {
        self.bar.set_message(escape(label).into_owned());
    }

    /// So much is done.
    pub fn set(&self, done: u64) {
        self.bar.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// In the project's own units, which the library's templates do not know.
fn style(template: &str, counted: Counted) -> ProgressStyle {
    // The templates are constants of this file, which a test tries.
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style
        .progress_chars("=> ")
        .with_key("done", move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let done = counted.amount(state.pos());
            let _ = match state.len() {
                Some(total) => write!(out, "{done} / {}", counted.amount(total)),
                None => write!(out, "{done}"),
            };
        })
        .with_key("rate", move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "{}", counted.rate(state.per_sec().max(0.0)));
        })
        .with_key("left", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let seconds = state.eta().as_secs();
            let _ = match (state.pos(), seconds) {
                (0, _) => write!(out, "-"),
                (_, seconds @ 3600..) => write!(out, "{} h {:02} min left", seconds / 3600, seconds / 60 % 60),
                (_, seconds @ 60..) => write!(out, "{} min {:02} s left", seconds / 60, seconds % 60),
                (_, seconds) => write!(out, "{seconds} s left"),
            };
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_understood() {
        for template in [KNOWN, UNKNOWN] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_hidden_bar_counts_and_shows_nothing() {
        let progress = Progress::new(false);
        let bar = progress.bar("x");
        bar.start(5, Some(10));
        bar.set(7);
        assert_eq!((bar.bar.position(), bar.bar.length()), (7, Some(10)));
        assert_eq!(progress.pause(|| 3), 3);
    }
}
