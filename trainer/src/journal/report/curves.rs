//! Loss, learning rate, momentum and scale of the loss over the steps.

use bossnas_report::html::Page;
use bossnas_report::plot::{Axis, Band, Line};
use bossnas_report::{Align, Table, units};

use super::super::JournalError;
use super::super::log::{Event, Step};
use super::run::Run;
use super::{Curve, pieces};

/// Means are of so many steps that a run has about this number of them.
const MEANS: usize = 200;
/// Fewer steps are shown as they are.
const FEW: usize = 5;
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
    let (lines, band) = summary(&steps, "loss", |step| step.loss);
    let caption = "Losses of different stages cannot be compared.";
    Curve { title: "Loss", axis: Axis::linear("loss"), lines, band, caption }.draw(page, run)?;
    let curve = |title: &'static str, axis: Axis, value: fn(&Step) -> Option<f64>, caption: &'static str| Curve {
        title,
        axis,
        lines: vec![Line { name: title.into(), pieces: stagewise(&steps, value) }],
        band: None,
        caption,
    };
    let caption = "Each stage has a cosine of its own.";
    curve("Learning rate", Axis::linear("learning rate"), |step| Some(step.lr), caption).draw(page, run)?;
    let caption = "How much of itself the target keeps at an update.";
    curve("Momentum of the target", Axis::linear("momentum"), |step| Some(step.momentum), caption).draw(page, run)?;
    let scale = |step: &Step| step.scale.filter(|scale| *scale > 0.0);
    let caption = "The factor of the loss in 16-bit arithmetic. It is lowered when gradients overflow.";
    curve("Scale of the loss", Axis::log("factor"), scale, caption).draw(page, run)?;
    broken(page, run);
    Ok(())
}

/// A value of each step; a stage is a piece.
fn stagewise(steps: &[&Step], value: impl Fn(&Step) -> Option<f64>) -> Vec<Vec<[f64; 2]>> {
    pieces(steps, |a, b| a.stage != b.stage, |step| Some([step.step as f64, value(step)?]))
}

/// A value of each step. Where there are many, the mean of each stretch of steps, and a band from its lowest value to its highest.
pub(super) fn summary(steps: &[&Step], name: &str, value: fn(&Step) -> f64) -> (Vec<Line>, Option<Band>) {
    let all = stagewise(steps, |step| Some(value(step)));
    let stretch = steps.len() / MEANS;
    if stretch < FEW {
        return (vec![Line { name: name.into(), pieces: all }], None);
    }
    let mean = |points: &[[f64; 2]]| {
        let n = points.len() as f64;
        points.iter().fold([0.0, 0.0], |[x, y], point| [x + point[0] / n, y + point[1] / n])
    };
    let ends = |points: &[[f64; 2]]| {
        let lowest = points.iter().fold(f64::INFINITY, |low, point| low.min(point[1]));
        let highest = points.iter().fold(f64::NEG_INFINITY, |high, point| high.max(point[1]));
        [mean(points)[0], lowest, highest]
    };
    let means = all.iter().map(|piece| piece.chunks(stretch).map(mean).collect()).collect();
    let ends = all.iter().map(|piece| piece.chunks(stretch).map(ends).collect()).collect();
    let line = Line { name: format!("mean of {stretch} steps"), pieces: means };
    (vec![line], Some(Band { name: "lowest to highest".into(), pieces: ends }))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: u64, loss: f64) -> Step {
        Step {
            time: 0.0,
            stage: usize::from(step > 600),
            epoch: 0,
            step,
            loss,
            lr: 0.1,
            momentum: 0.99,
            images_per_second: 1.0,
            waited: 0.0,
            memory: 1,
            scale: None,
        }
    }

    fn summed(count: u64, loss: impl Fn(u64) -> f64) -> (Vec<Line>, Option<Band>) {
        let steps: Vec<Step> = (1..=count).map(|at| step(at, loss(at))).collect();
        summary(&steps.iter().collect::<Vec<_>>(), "loss", |step| step.loss)
    }

    #[test]
    fn few_steps_are_shown_as_they_are() {
        let (lines, band) = summed(3, |at| at as f64);
        assert_eq!((&lines[..], band), (&[Line::whole("loss", vec![[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])][..], None));
    }

    #[test]
    fn of_many_steps_means_and_extremes_are_shown_stage_by_stage() {
        let (lines, band) = summed(1000, |at| if at == 7 { 500.0 } else { (at % 5) as f64 });
        assert_eq!(lines[0].name, "mean of 5 steps");
        let lengths: Vec<usize> = lines[0].pieces.iter().map(Vec::len).collect();
        assert_eq!(lengths, [120, 80]);
        let band = band.unwrap();
        assert!((lines[0].pieces[0][0][0] - 3.0).abs() < 1e-12 && (lines[0].pieces[0][0][1] - 2.0).abs() < 1e-12);
        assert_eq!(band.pieces[0][1], [lines[0].pieces[0][1][0], 0.0, 500.0]);
        assert_eq!(band.pieces[1][79][1..], [0.0, 4.0]);
    }

    #[test]
    fn what_cannot_be_drawn_leaves_a_gap() {
        let (lines, _) = summed(6, |at| [1.0, f64::NAN, f64::INFINITY, 1e99, 5.0, 6.0][at as usize - 1]);
        assert_eq!(lines[0].pieces, [vec![[1.0, 1.0]], vec![[5.0, 5.0], [6.0, 6.0]]]);
    }
}
