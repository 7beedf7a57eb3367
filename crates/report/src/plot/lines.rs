//! Quantities over time: losses over steps, rates over epochs.

use super::legend::{self, Sign};
use super::plane::Plane;
use super::sheet::{self, ASIDE, Anchor, Drawn, LINE, QUIET, SMALL, Sheet};
use super::{Axis, Checker, PlotError, text, thin};

/// Points in one plot, those of columns of [`COLUMN`] points width where there are few lines.
const POINTS: usize = 8000;
/// Width of a column of which four points are drawn: about a pixel.
const COLUMN: f64 = 0.5;
/// A line of more points shows no marks.
const MARKED: usize = 40;
/// Vertical marks in one plot.
const MILESTONES: usize = 200;
/// Less room than this has no label.
const NARROW: f64 = 16.0;

/// A quantity that changes along the horizontal axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// In the legend, which is there when there is more than one line or band.
    pub name: String,
    /// Points `[x, y]` in order of `x`, in pieces: a line goes through the points of a piece, and none from one to the next.
    pub pieces: Vec<Vec<[f64; 2]>>,
}

impl Line {
    /// A line without gaps.
    pub fn whole(name: impl Into<String>, points: Vec<[f64; 2]>) -> Self {
        Self { name: name.into(), pieces: vec![points] }
    }
}

/// What lies between two quantities: a filled area behind the lines.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Band {
    /// In the legend.
    pub name: String,
    /// Points `[x, low, high]` in order of `x`, in pieces as those of a [`Line`].
    pub pieces: Vec<Vec<[f64; 3]>>,
}

/// A place along the horizontal axis that has a name: where a stage begins.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Milestone {
    /// Where.
    pub x: f64,
    /// Above the frame, from there on to the next one as far as there is room.
    pub label: String,
}

/// Quantities over time.
///
/// Of a line with more points than can be seen, each column of about a pixel shows its first, lowest, highest and last.
///
/// ```
/// use bossnas_report::plot::{Axis, Line, Lines, Milestone};
/// let loss = (0..30_000).map(|step| [f64::from(step), -2.0 - f64::from(step) / 4e4]).collect();
/// let plot = Lines {
///     title: "Loss".into(),
///     x: Axis::linear("step"),
///     y: Axis::linear("loss"),
///     lines: vec![Line::whole("training", loss)],
///     band: None,
///     milestones: vec![Milestone { x: 0.0, label: "stage 0".into() }, Milestone { x: 15e3, label: "stage 1".into() }],
/// };
/// assert!(plot.render()?.contains("stage 1"));
/// # Ok::<(), bossnas_report::plot::PlotError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    /// Above the plot.
    pub title: String,
    /// Horizontal.
    pub x: Axis,
    /// Vertical.
    pub y: Axis,
    /// Each with its own colour and mark. Later ones lie above earlier ones.
    pub lines: Vec<Line>,
    /// Behind the lines, in the colour of a single line.
    pub band: Option<Band>,
    /// Vertical marks, in order of `x`.
    pub milestones: Vec<Milestone>,
}

impl Lines {
    /// The SVG document. Fails when there is no point at all, or when a number has no place on its axis. A line may be empty.
    pub fn render(&self) -> Result<String, PlotError> {
        self.check()?;
        let points = || self.lines.iter().flat_map(|line| line.pieces.iter().flatten());
        let band = || self.band.iter().flat_map(|band| band.pieces.iter().flatten());
        let milestones = self.milestones.iter().map(|milestone| milestone.x);
        let xs = points().map(|point| point[0]).chain(band().map(|point| point[0])).chain(milestones);
        let ys = points().map(|point| point[1]).chain(band().flat_map(|&[_, low, high]| [low, high]));
        let free = if self.milestones.is_empty() { 0.0 } else { LINE };
        let plane = Plane::new(&self.title, |top| self.legend(top), free, (&self.x, xs), (&self.y, ys));
        sheet::document(&self.title, plane.bottom(), |sheet| {
            plane.draw(sheet)?;
            if let Some(band) = &self.band {
                draw_band(sheet, &plane, band, self.band_color(), self.column())?;
            }
            self.draw_milestones(sheet, &plane)?;
            for (index, line) in self.lines.iter().enumerate() {
                draw_line(sheet, &plane, line, index, self.column())?;
            }
            Ok(())
        })
    }

    fn check(&self) -> Result<(), PlotError> {
        let checker = Checker { title: &self.title };
        let series = self.lines.len() + usize::from(self.band.is_some());
        checker.count("lines", series, sheet::KINDS)?;
        if self.lines.iter().all(|line| line.pieces.iter().all(Vec::is_empty))
            && self.band.iter().all(|band| band.pieces.iter().all(Vec::is_empty))
        {
            return Err(checker.empty("the plot"));
        }
        for line in &self.lines {
            for &[x, y] in line.pieces.iter().flatten() {
                checker.value(&self.x, &line.name, x)?;
                checker.value(&self.y, &line.name, y)?;
            }
        }
        if let Some(band) = &self.band {
            for &[x, low, high] in band.pieces.iter().flatten() {
                checker.value(&self.x, &band.name, x)?;
                checker.interval(&self.y, &band.name, Some([low, high]))?;
            }
        }
        if !self.milestones.is_empty() {
            checker.count("milestones", self.milestones.len(), MILESTONES)?;
        }
        self.milestones.iter().try_for_each(|milestone| checker.value(&self.x, &milestone.label, milestone.x))
    }

    fn legend(&self, top: f64) -> Vec<legend::Entry> {
        let sign = |line: &Line| Sign { line: true, mark: is_marked(line), area: false };
        let lines = self.lines.iter().enumerate().map(|(index, line)| (index, line.name.as_str(), sign(line)));
        let area = Sign { line: false, mark: false, area: true };
        let band = self.band.iter().map(|band| (self.band_color(), band.name.as_str(), area));
        let entries: Vec<_> = lines.chain(band).collect();
        legend::entries(entries.into_iter(), top)
    }

    /// The index of the band's colour: that of the line, if there is one.
    fn band_color(&self) -> usize {
        if self.lines.len() > 1 { self.lines.len() } else { 0 }
    }

    /// Width of a column: wider where many lines share the points of a plot.
    fn column(&self) -> f64 {
        let series = self.lines.len() + 2 * usize::from(self.band.is_some());
        COLUMN.max(sheet::WIDTH * 4.0 * series as f64 / POINTS as f64)
    }

    fn draw_milestones(&self, sheet: &Sheet, plane: &Plane) -> Drawn {
        let frame = &plane.frame;
        let at: Vec<f64> = self.milestones.iter().map(|milestone| frame.x(&plane.x, milestone.x)).collect();
        for (index, (milestone, &x)) in self.milestones.iter().zip(&at).enumerate() {
            sheet.line(&[(x, frame.top - 4.0), (x, frame.bottom)], QUIET, 0.8)?;
            let next = at.get(index + 1).copied().unwrap_or(sheet::WIDTH);
            let room = next - x - 6.0;
            if room >= NARROW {
                let label = text::shorten(&text::clean(&milestone.label), SMALL, room);
                sheet.text(&label, (x, frame.top - 8.0), Anchor::Start, ASIDE)?;
            }
        }
        Ok(())
    }
}

/// Whether a line shows its points.
fn is_marked(line: &Line) -> bool {
    line.pieces.iter().map(Vec::len).sum::<usize>() <= MARKED
}

fn draw_line(sheet: &Sheet, plane: &Plane, line: &Line, index: usize, column: f64) -> Drawn {
    let color = sheet::color(index);
    let marked = is_marked(line);
    for piece in &line.pieces {
        let at: Vec<_> = piece.iter().map(|&[x, y]| plane.place(x, y)).collect();
        let at = thin::columns(&at, column);
        if at.len() > 1 {
            sheet.line(&at, color, if at.len() > 400 { 1.0 } else { 2.0 })?;
        }
        // A piece of one point would not be seen.
        let marks = if marked || at.len() == 1 { &at[..] } else { &[] };
        for &at in marks {
            sheet.mark(sheet::mark(index), at, 3.5, color, 1.0)?;
        }
    }
    Ok(())
}

fn draw_band(sheet: &Sheet, plane: &Plane, band: &Band, index: usize, column: f64) -> Drawn {
    for piece in &band.pieces {
        let edge = |value: fn(&[f64; 3]) -> f64| -> Vec<(f64, f64)> {
            thin::columns(&piece.iter().map(|point| plane.place(point[0], value(point))).collect::<Vec<_>>(), column)
        };
        let (mut corners, upper) = (edge(|point| point[1]), edge(|point| point[2]));
        if let ([low], [high]) = (&corners[..], &upper[..]) {
            // One point has no width.
            sheet.rectangle((low.0 - 2.0, high.1), (low.0 + 2.0, low.1), sheet::color(index), sheet::AREA)?;
            continue;
        }
        corners.extend(upper.into_iter().rev());
        if !corners.is_empty() {
            sheet.filled(&corners, sheet::color(index))?;
        }
    }
    Ok(())
}
