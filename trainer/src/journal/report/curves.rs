//! Loss, learning rate, momentum and scale of the loss over the steps.

use bossnas_report::html::Page;
use bossnas_report::plot::{Axis, Line};
use bossnas_report::{Align, Table, units};

use super::super::JournalError;
use super::super::log::{Event, Step};
use super::run::Run;
use super::{over_steps, pieces};

/// Means are of so many steps that a run has about this number of them.
const MEANS: usize = 200;
/// Pictures that are named.
const BROKEN: usize = 20;

/// The curves of training, and the pictures that could not be read.
pub(super) fn training(page: &mut Page, run: &Run) -> Result<(), JournalError> {
    let steps: Vec<&Step> = run.steps().collect();
    if steps.is_empty() {
        page.paragraph("No step is done yet.");
    }
    let lost = steps.iter().filter(|step| !step.loss.is_finite()).count();
    if lost > 0 {
        let what = units::counted(lost, "step");
        page.paragraph(&format!("The loss of {what} was infinite or no number; there the curve has gaps."));
    }
    let (title, caption) = ("Loss", "The loss of every step. Losses of different stages cannot be compared.");
    over_steps(page, run, Axis::linear("loss"), title, losses(&steps), caption)?;
    let curve = |value: fn(&Step) -> Option<f64>| stagewise(&steps, value);
    let lr = vec![Line { name: "learning rate".into(), pieces: curve(|step| Some(step.lr)) }];
    over_steps(page, run, Axis::linear("learning rate"), "Learning rate", lr, "Each stage has a cosine of its own.")?;
    let momentum = vec![Line { name: "momentum".into(), pieces: curve(|step| Some(step.momentum)) }];
    let caption = "How much of itself the target keeps at an update.";
    over_steps(page, run, Axis::linear("momentum"), "Momentum of the target", momentum, caption)?;
    let scale = vec![Line { name: "scale".into(), pieces: curve(|step| step.scale.filter(|scale| *scale > 0.0)) }];
    let caption = "The factor of the loss in 16-bit arithmetic. It is halved when gradients overflow.";
    over_steps(page, run, Axis::log("factor"), "Scale of the loss", scale, caption)?;
    broken(page, run);
    Ok(())
}

/// A value of each step; a stage is a piece.
fn stagewise(steps: &[&Step], value: impl Fn(&Step) -> Option<f64>) -> Vec<Vec<[f64; 2]>> {
    pieces(steps, |a, b| a.stage != b.stage, |step| Some([step.step as f64, value(step)?]))
}

/// Every step, and means where there are many.
fn losses(steps: &[&Step]) -> Vec<Line> {
    let all = stagewise(steps, |step| Some(step.loss));
    let stretch = steps.len().div_ceil(MEANS).max(1);
    let mean = |points: &[[f64; 2]]| {
        let n = points.len() as f64;
        points.iter().fold([0.0, 0.0], |[x, y], point| [x + point[0] / n, y + point[1] / n])
    };
    let means = all.iter().map(|piece| piece.chunks(stretch).map(mean).collect()).collect();
    let mut lines = vec![Line { name: "each step".into(), pieces: all }];
    if stretch > 1 {
        lines.push(Line { name: format!("mean of {stretch} steps"), pieces: means });
    }
    lines
}

/// A table of pictures that could not be read.
fn broken(page: &mut Page, run: &Run) {
    let broken = run.events.iter().filter_map(|event| match event {
        Event::Broken { step, name, error, .. } => Some([units::grouped(*step), name.clone(), error.clone()]),
        _ => None,
    });
    let broken: Vec<_> = broken.collect();
    if broken.is_empty() {
        return;
    }
    let more = if broken.len() > BROKEN { format!("; the first {BROKEN} are") } else { ":".to_owned() };
    page.paragraph(&format!("{} could not be read{more}", units::counted(broken.len(), "picture")));
    let mut table = Table::new([("step", Align::Right), ("picture", Align::Left), ("problem", Align::Left)]);
    broken.iter().take(BROKEN).for_each(|row| table.row(row));
    page.table(&table);
}
