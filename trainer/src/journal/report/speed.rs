//! How fast training is, what it waits for, and the memory it takes.

use bossnas_report::html::Page;
use bossnas_report::plot::{Axis, Line};
use bossnas_report::statistics::{mean, median};
use bossnas_report::{Align, Table, units};

use super::super::JournalError;
use super::super::log::Step;
use super::head::{duration, seconds};
use super::run::Run;
use super::{over_steps, pieces};

/// A table of the stages, and curves.
pub(super) fn speed(page: &mut Page, run: &Run) -> Result<(), JournalError> {
    let steps: Vec<&Step> = run.steps().collect();
    if steps.is_empty() {
        page.paragraph("No step is done yet.");
        return Ok(());
    }
    page.table(&stages(run, &steps));
    // The time before a step that follows another process is no time of waiting: curves go on over it.
    let curve = |name: &str, value: fn(&Step) -> f64| {
        let pieces = pieces(&steps, |_, _| false, |step| Some([step.step as f64, value(step)]));
        vec![Line { name: name.into(), pieces }]
    };
    let speed = curve("images/s", |step| step.images_per_second);
    over_steps(page, run, Axis::linear("images/s"), "Images in a second", speed, "Images in a second, step by step.")?;
    let waited = curve("waiting", |step| 100.0 * step.waited);
    let caption = "The share of each step's time in which it waited for pictures.";
    over_steps(page, run, Axis::linear("share of time, %"), "Waiting for data", waited, caption)?;
    let memory = curve("memory", |step| step.memory as f64 / 1e9);
    over_steps(page, run, Axis::linear("memory, GB"), "Memory", memory, "What the process has in memory.")
}

fn stages(run: &Run, steps: &[&Step]) -> Table {
    let mut table = Table::new([
        ("stage", Align::Right),
        ("steps", Align::Right),
        ("time with ratings", Align::Right),
        ("images/s, median", Align::Right),
        ("waiting", Align::Right),
        ("peak memory", Align::Right),
    ]);
    let times = seconds(run);
    for steps in steps.chunk_by(|a, b| a.stage == b.stage) {
        let Some(stage) = steps.first().map(|step| step.stage) else { continue };
        let finite = |value: fn(&Step) -> f64| -> Vec<f64> {
            steps.iter().map(|step| value(step)).filter(|value| value.is_finite()).collect()
        };
        let said = |value: Option<f64>, say: fn(f64) -> String| value.map_or_else(String::new, say);
        table.row([
            stage.to_string(),
            units::grouped(steps.len() as u64),
            times.get(&stage).map_or_else(String::new, |seconds| duration(*seconds)),
            said(median(&finite(|step| step.images_per_second)), |speed| format!("{speed:.1}")),
            said(mean(&finite(|step| step.waited)), |share| format!("{:.1} %", 100.0 * share)),
            units::bytes(steps.iter().map(|step| step.memory).max().unwrap_or(0)),
        ]);
    }
    table
}
