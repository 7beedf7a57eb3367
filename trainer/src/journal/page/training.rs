//! Loss, learning rate, speed and memory over the steps, and the pictures that could not be read.

use bossnas_report::html::Page;
use bossnas_report::plot::{Axis, Line, Milestone};
use bossnas_report::statistics::{mean, median};
use bossnas_report::{Align, Table, units};

use super::curve::{Curve, of_parts, summary};
use crate::journal::{Batch, JournalError};

/// Pictures that are named.
const BROKEN: usize = 20;

/// A picture that could not be read: at which step, which one, and why.
pub(crate) struct Broken<'a> {
    pub(crate) step: u64,
    pub(crate) name: &'a str,
    pub(crate) error: &'a str,
}

/// The curve of the loss.
pub(crate) fn losses<B: Batch>(
    page: &mut Page,
    steps: &[&B],
    marks: &[Milestone],
    caption: &str,
) -> Result<(), JournalError> {
    if steps.is_empty() {
        page.paragraph("No step is done yet.");
    }
    let lost = steps.iter().filter(|step| !step.loss().is_finite()).count();
    if lost > 0 {
        let what = units::counted(lost, "step");
        page.paragraph(&format!("The loss of {what} was infinite or no number; there the curve has gaps."));
    }
    let (lines, band) = summary(steps, "loss", Batch::loss);
    Curve { title: "Loss", axis: Axis::linear("loss"), lines, band, caption }.draw(page, marks)
}

/// Curves of what training is done with: the learning rate, further ones by their titles and axes, and the scale of the loss.
pub(crate) fn rates<B: Batch>(
    page: &mut Page,
    steps: &[&B],
    marks: &[Milestone],
    caption: &str,
    further: &[(&str, &str, fn(&B) -> f64, &str)],
) -> Result<(), JournalError> {
    let mut draw = |title: &str, axis: Axis, pieces, caption: &str| {
        let lines = vec![Line { name: title.into(), pieces }];
        Curve { title, axis, lines, band: None, caption }.draw(page, marks)
    };
    let rates = of_parts(steps, |step| Some(step.lr()));
    draw("Learning rate", Axis::linear("learning rate"), rates, caption)?;
    for &(title, axis, value, caption) in further {
        draw(title, Axis::linear(axis), of_parts(steps, |step| Some(value(step))), caption)?;
    }
    let scales = of_parts(steps, |step| step.scale().filter(|scale| *scale > 0.0));
    let caption = "The factor of the loss in 16-bit arithmetic. It is lowered when gradients overflow.";
    draw("Scale of the loss", Axis::log("factor"), scales, caption)
}

/// How fast training is, what it waits for, and the memory it takes.
pub(crate) fn speed<B: Batch>(page: &mut Page, steps: &[&B], marks: &[Milestone]) -> Result<(), JournalError> {
    let mut draw = |title, unit, value: fn(&B) -> f64, caption| {
        let (lines, band) = summary(steps, "each step", value);
        Curve { title, axis: Axis::linear(unit), lines, band, caption }.draw(page, marks)
    };
    let caption = "How many images went through a step in a second.";
    draw("Images in a second", "images/s", B::images_per_second, caption)?;
    let caption = "The share of a step's time in which it waited for pictures.";
    draw("Waiting for data", "share of time, %", |step| 100.0 * step.waited(), caption)?;
    let caption = "What the process had in memory.";
    draw("Memory", "memory, GB", |step| step.memory() as f64 / 1e9, caption)
}

/// A row for each part of the run, which is called `part`: its steps, its time, and how fast it was.
pub(crate) fn speed_table<B: Batch>(part: &str, steps: &[&B], time: (&str, &dyn Fn(usize) -> Option<String>)) -> Table {
    let (heading, time_of) = time;
    let mut table = Table::new([
        (part, Align::Right),
        ("steps", Align::Right),
        (heading, Align::Right),
        ("images/s, median", Align::Right),
        ("waiting", Align::Right),
        ("peak memory", Align::Right),
    ]);
    for steps in steps.chunk_by(|a, b| a.part() == b.part()) {
        let Some(part) = steps.first().map(|step| step.part()) else { continue };
        let finite = |value: fn(&B) -> f64| -> Vec<f64> {
            steps.iter().map(|step| value(step)).filter(|value| value.is_finite()).collect()
        };
        let said = |value: Option<f64>, say: fn(f64) -> String| value.map_or_else(String::new, say);
        table.row([
            part.to_string(),
            units::grouped(steps.len() as u64),
            time_of(part).unwrap_or_default(),
            said(median(&finite(B::images_per_second)), |speed| format!("{speed:.1}")),
            said(mean(&finite(B::waited)), |share| format!("{:.1} %", 100.0 * share)),
            units::bytes(steps.iter().map(|step| step.memory()).max().unwrap_or(0)),
        ]);
    }
    table
}

/// A table of pictures that could not be read.
pub(crate) fn broken<'a>(page: &mut Page, broken: impl Iterator<Item = Broken<'a>>) {
    let broken: Vec<Broken<'_>> = broken.collect();
    if broken.is_empty() {
        return;
    }
    let more = if broken.len() > BROKEN { format!("; the first {BROKEN} are") } else { ":".to_owned() };
    page.paragraph(&format!("{} could not be read{more}", units::counted(broken.len(), "picture")));
    let mut table = Table::new([("step", Align::Right), ("picture", Align::Left), ("problem", Align::Left)]);
    for Broken { step, name, error } in broken.iter().take(BROKEN) {
        table.row([units::grouped(*step), (*name).to_owned(), (*error).to_owned()]);
    }
    page.table(&table);
}
