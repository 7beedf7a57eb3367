//! How fast training is, what it waits for, and the memory it takes.

use bossnas_report::html::Page;
use bossnas_report::plot::Axis;
use bossnas_report::statistics::{mean, median};
use bossnas_report::{Align, Table, units};

use super::super::JournalError;
use super::super::log::Step;
use super::Curve;
use super::curves::summary;
use super::head::{duration, seconds};
use super::run::Run;

/// A table of the stages, and curves.
pub(super) fn speed(page: &mut Page, run: &Run) -> Result<(), JournalError> {
    let steps: Vec<&Step> = run.steps().collect();
    if steps.is_empty() {
        page.paragraph("No step is done yet.");
        return Ok(());
    }
    page.table(&stages(run, &steps));
    let mut draw = |title, unit, name, value: fn(&Step) -> f64, caption| {
        let (lines, band) = summary(&steps, name, value);
        Curve { title, axis: Axis::linear(unit), lines, band, caption }.draw(page, run)
    };
    let caption = "How many images went through a step in a second.";
    draw("Images in a second", "images/s", "each step", |step| step.images_per_second, caption)?;
    let caption = "The share of a step's time in which it waited for pictures.";
    draw("Waiting for data", "share of time, %", "each step", |step| 100.0 * step.waited, caption)?;
    let caption = "What the process had in memory.";
    draw("Memory", "memory, GB", "each step", |step| step.memory as f64 / 1e9, caption)
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
