//! Curves over the steps of a run.

use bossnas_report::html::Page;
use bossnas_report::plot::{Axis, Band, Line, Lines, Milestone};

use crate::journal::{Batch, JournalError};

/// Numbers beyond are not drawn: a run that has diverged still has a report.
const LARGEST: f64 = 1e30;
/// Means are of so many steps that a run has about this number of them.
const MEANS: usize = 200;
/// Fewer steps are shown as they are.
const FEW: usize = 5;

/// A quantity over the steps.
pub(crate) struct Curve<'a> {
    pub(crate) title: &'a str,
    pub(crate) axis: Axis,
    pub(crate) lines: Vec<Line>,
    pub(crate) band: Option<Band>,
    pub(crate) caption: &'a str,
}

impl Curve<'_> {
    /// Draws it, with marks. Nothing is drawn of nothing.
    pub(crate) fn draw(self, page: &mut Page, milestones: &[Milestone]) -> Result<(), JournalError> {
        if self.lines.iter().all(|line| line.pieces.is_empty()) {
            return Ok(());
        }
        let plot = Lines {
            title: self.title.into(),
            x: Axis::linear("step"),
            y: self.axis,
            lines: self.lines,
            band: self.band,
            milestones: milestones.to_vec(),
        };
        page.figure(&plot.render()?, self.caption);
        Ok(())
    }
}

/// Whether a number can be drawn.
pub(crate) fn is_drawable(value: f64) -> bool {
    value.is_finite() && value.abs() <= LARGEST
}

/// The points of a quantity in pieces: it breaks off where `breaks` says so between two of its points, and where a value cannot be drawn.
pub(crate) fn pieces<T>(
    items: &[T],
    breaks: impl Fn(&T, &T) -> bool,
    point: impl Fn(&T) -> Option<[f64; 2]>,
) -> Vec<Vec<[f64; 2]>> {
    let mut pieces = vec![Vec::new()];
    let mut before = None;
    for item in items {
        let is_apart = before.is_none_or(|before| breaks(before, item));
        let drawable = point(item).filter(|[_, y]| is_drawable(*y));
        if is_apart || drawable.is_none() {
            pieces.push(Vec::new());
        }
        if let (Some(point), Some(piece)) = (drawable, pieces.last_mut()) {
            piece.push(point);
        }
        before = Some(item);
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// A value of each step; a part of the run is a piece.
pub(super) fn of_parts<B: Batch>(steps: &[&B], value: impl Fn(&B) -> Option<f64>) -> Vec<Vec<[f64; 2]>> {
    pieces(steps, |a, b| a.part() != b.part(), |step| Some([step.step() as f64, value(step)?]))
}

/// A value of each step. Where there are many, the mean of each stretch of steps, and a band from its lowest value to its highest.
pub(super) fn summary<B: Batch>(steps: &[&B], name: &str, value: impl Fn(&B) -> f64) -> (Vec<Line>, Option<Band>) {
    let all = of_parts(steps, |step| Some(value(step)));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A step of a run of two parts, and its loss.
    struct Step(u64, f64);

    impl Batch for Step {
        fn step(&self) -> u64 {
            self.0
        }
        fn part(&self) -> usize {
            usize::from(self.0 > 600)
        }
        fn loss(&self) -> f64 {
            self.1
        }
        fn lr(&self) -> f64 {
            0.1
        }
        fn images_per_second(&self) -> f64 {
            1.0
        }
        fn waited(&self) -> f64 {
            0.0
        }
        fn memory(&self) -> u64 {
            1
        }
        fn scale(&self) -> Option<f64> {
            None
        }
    }

    fn summed(count: u64, loss: impl Fn(u64) -> f64) -> (Vec<Line>, Option<Band>) {
        let steps: Vec<Step> = (1..=count).map(|at| Step(at, loss(at))).collect();
        summary(&steps.iter().collect::<Vec<_>>(), "loss", Batch::loss)
    }

    #[test]
    fn few_steps_are_shown_as_they_are() {
        let (lines, band) = summed(3, |at| at as f64);
        assert_eq!((&lines[..], band), (&[Line::whole("loss", vec![[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])][..], None));
    }

    #[test]
    fn of_many_steps_means_and_extremes_are_shown_part_by_part() {
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
