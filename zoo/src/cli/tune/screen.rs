//! The first look: every setting for a second, one after the other.

use std::time::Duration;

use bossnas_report::{Counted, Failure};
use bossnas_zoo::bench::{Candidate, Variant};
use bossnas_zoo::runtime::{Precision, RuntimeError};
use bossnas_zoo::tune::Setting;

use crate::cli::bench::model::Model;
use crate::cli::context::Context;

/// Most time for the runs of a setting.
const LOOK: Duration = Duration::from_millis(800);

/// A setting that was looked at.
#[derive(Debug, Clone)]
pub(super) struct Screened {
    pub(super) setting: Setting,
    /// Milliseconds of a run and runs side by side; none if it did not run.
    speed: Option<(f64, usize)>,
    /// Error of the outputs.
    pub(super) error: f64,
    /// Top-1 accuracy on the data, 0 to 1, if it was measured.
    pub(super) accuracy: Option<f64>,
    /// Why it is out.
    pub(super) dropped: Option<String>,
}

impl Screened {
    /// Whether it ran, and well enough.
    pub(super) fn passed(&self) -> bool {
        self.dropped.is_none() && self.speed.is_some()
    }

    /// Milliseconds of a run.
    pub(super) fn latency(&self) -> f64 {
        self.speed.map_or(f64::INFINITY, |(time, _)| time)
    }

    /// Images a second.
    pub(super) fn rate(&self) -> f64 {
        self.speed.map_or(0.0, |(time, streams)| (self.setting.batch * streams) as f64 * 1e3 / time)
    }

    /// What is measured of it.
    pub(super) fn variant(&self, model: &Model) -> Result<Variant, Failure> {
        variant(model, self.setting)
    }
}

/// Looks at all settings.
pub(super) fn all(
    model: &Model,
    settings: &[Setting],
    max_error: f64,
    context: &Context,
) -> anyhow::Result<Vec<Screened>> {
    let progress = context.console.progress();
    let bar = progress.bar_of("looking", Counted::Things("settings"));
    bar.start(0, Some(settings.len() as u64));
    let mut screened = Vec::with_capacity(settings.len());
    for (done, &setting) in settings.iter().enumerate() {
        // What cannot run with one thread or batch cannot with others.
        let hopeless = screened.iter().find_map(|it: &Screened| {
            let same = it.setting.runtime == setting.runtime && it.setting.precision == setting.precision;
            it.dropped.clone().filter(|_| same)
        });
        let it = match hopeless {
            Some(reason) => {
                Screened { setting, speed: None, error: f64::INFINITY, accuracy: None, dropped: Some(reason) }
            }
            None => look(model, setting, max_error)?,
        };
        context.console.detail(format_args!(
            "{}: {:.2} ms, error {:.1e}{}",
            setting.options(),
            it.latency(),
            it.error,
            it.dropped.as_ref().map(|reason| format!(", dropped: {reason}")).unwrap_or_default()
        ));
        screened.push(it);
        bar.set(done as u64 + 1);
    }
    Ok(screened)
}

/// The fastest of each runtime in float32.
pub(super) fn exact(screened: &[Screened], by_time: &[usize]) -> Vec<usize> {
    let mut runtimes = Vec::new();
    let mut found = Vec::new();
    for &index in by_time {
        let setting = screened[index].setting;
        if setting.precision == Precision::F32 && !runtimes.contains(&setting.runtime) {
            runtimes.push(setting.runtime);
            found.push(index);
        }
    }
    found
}

fn look(model: &Model, setting: Setting, max_error: f64) -> anyhow::Result<Screened> {
    let variant = variant(model, setting)?;
    let failed = |error: &RuntimeError| Screened {
        setting,
        speed: None,
        error: f64::INFINITY,
        accuracy: None,
        dropped: Some(error.message.clone()),
    };
    let mut candidate = match Candidate::load(variant) {
        Ok(candidate) => candidate,
        Err(error) => return Ok(failed(&error)),
    };
    let checked = model.expected.check(&candidate.outputs, setting.precision);
    let dropped = if checked.unrounded {
        Some(format!("the device has no {}: it computed in f32", setting.precision.name()))
    } else if checked.error > max_error || !checked.error.is_finite() {
        Some(format!("its outputs are off by {:.1e}", checked.error))
    } else {
        checked.problem
    };
    if dropped.is_some() {
        return Ok(Screened { setting, speed: None, error: checked.error, accuracy: None, dropped });
    }
    Ok(match candidate.warm_up(LOOK) {
        Ok(_) => Screened {
            setting,
            speed: Some((candidate.pace(), candidate.streams())),
            error: checked.error,
            accuracy: None,
            dropped: None,
        },
        Err(error) => failed(&error),
    })
}

fn variant(model: &Model, setting: Setting) -> Result<Variant, Failure> {
    model.variant(setting.runtime, setting.settings(), setting.batch, setting.scenario())
}
