//! Points in a plane: accuracy against cost, curves over time.

use super::labels::{self, Obstacles, Space};
use super::legend::{self, Sign};
use super::plane::Plane;
use super::sheet::{self, ASIDE, Anchor, Drawn, LINE, MARGIN, PLAIN, QUIET, SMALL, Sheet, Type, WIDTH};
use super::{Axis, Checker, PlotError, thin};

/// Marks in one plot. More are thinned out.
const DOTS: usize = 4000;
/// Points of all lines in one plot.
const LINE_POINTS: usize = 4000;
/// A line of more points shows no marks.
const MARKED: usize = 80;
/// Labels that are tried; more cannot be read.
const LABELS: usize = 100;

/// A point and what is written beside it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Point {
    /// Along the horizontal axis.
    pub x: f64,
    /// Along the vertical axis.
    pub y: f64,
    /// Written beside the point.
    pub label: Option<String>,
}

impl Point {
    /// A point without a label.
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y, label: None }
    }
}

/// Points of one kind: one colour, one mark.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// In the legend, which is there when there is more than one series.
    pub name: String,
    /// In any order.
    pub points: Vec<Point>,
    /// Whether a line goes through the points in the order given: for frontiers and curves.
    pub joined: bool,
}

/// Points in a plane.
///
/// Where there are thousands of points, those that lie together are drawn as one dot, darker for more points; lines keep
/// their peaks. Labels do not lie on each other: those that find no place are left out, and the plot says how many.
///
/// ```
/// use bossnas_report::plot::{Axis, Point, Scatter, Series};
/// let point = |x, y, name: &str| Point { x, y, label: Some(name.into()) };
/// let points = vec![point(3.4, 80.5, "BossNet-T0"), point(7.9, 82.2, "BossNet-T1")];
/// let plot = Scatter {
///     title: "Accuracy against cost".into(),
///     x: Axis::log("multiply-adds, G"),
///     y: Axis::linear("top-1, %"),
///     series: vec![Series { name: "published".into(), points, joined: true }],
/// };
/// assert!(plot.render()?.contains("BossNet-T1"));
/// # Ok::<(), bossnas_report::plot::PlotError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// Above the plot.
    pub title: String,
    /// Horizontal.
    pub x: Axis,
    /// Vertical.
    pub y: Axis,
    /// Each with its own colour and mark. Later ones lie above earlier ones.
    pub series: Vec<Series>,
}

/// A series on the sheet.
struct Trace {
    line: Vec<(f64, f64)>,
    dots: Vec<thin::Dot>,
}

impl Scatter {
    /// The SVG document. Fails when there is no point at all, or when a number has no place on its axis. A series may be
    /// empty.
    pub fn render(&self) -> Result<String, PlotError> {
        self.check()?;
        let values = |value: fn(&Point) -> f64| self.series.iter().flat_map(|s| &s.points).map(value);
        let xs = (&self.x, values(|point| point.x));
        let ys = (&self.y, values(|point| point.y));
        let plane = Plane::new(&self.title, |top| self.legend(top), 0.0, xs, ys);

        let traces: Vec<Trace> = self.series.iter().map(|series| self.trace(series, &plane)).collect();
        let (labels, omitted) = self.labels(&plane, &traces);
        let foot = if omitted > 0 { LINE } else { 0.0 };
        let height = plane.bottom() + foot;

        sheet::document(&self.title, height, |sheet| {
            plane.draw(sheet)?;
            for (index, trace) in traces.iter().enumerate() {
                trace.draw(sheet, index)?;
            }
            for label in &labels {
                draw_label(sheet, label)?;
            }
            if omitted > 0 {
                let note = format!("Without {omitted} labels that find no place.");
                sheet.text(&note, (MARGIN, height - 8.0), Anchor::Start, ASIDE)?;
            }
            Ok(())
        })
    }

    fn check(&self) -> Result<(), PlotError> {
        let checker = Checker { title: &self.title };
        checker.count("series", self.series.len(), sheet::KINDS)?;
        if self.series.iter().all(|series| series.points.is_empty()) {
            return Err(checker.empty("the plot"));
        }
        for series in &self.series {
            for point in &series.points {
                checker.value(&self.x, &series.name, point.x)?;
                checker.value(&self.y, &series.name, point.y)?;
            }
        }
        Ok(())
    }

    /// The entries of the legend in lines from `top` on.
    fn legend(&self, top: f64) -> Vec<legend::Entry> {
        let sign = |series: &Series| Sign {
            line: series.joined,
            mark: series.points.len() <= MARKED || !series.joined,
            area: false,
        };
        let series = self.series.iter().enumerate();
        legend::entries(series.map(|(index, series)| (index, series.name.as_str(), sign(series))), top)
    }

    fn trace(&self, series: &Series, plane: &Plane) -> Trace {
        let at: Vec<_> = series.points.iter().map(|point| plane.place(point.x, point.y)).collect();
        let share = |most: usize| most / self.series.len();
        let line = if series.joined { thin::line(&at, share(LINE_POINTS)) } else { Vec::new() };
        let marked = !series.joined || at.len() <= MARKED;
        Trace { line, dots: if marked { thin::dots(&at, share(DOTS)) } else { Vec::new() } }
    }

    /// The labels in their places, and how many have none.
    fn labels(&self, plane: &Plane, traces: &[Trace]) -> (Vec<labels::Placed>, usize) {
        let frame = &plane.frame;
        let labelled = self.series.iter().flat_map(|series| &series.points).filter_map(|point| {
            let label = point.label.as_ref().filter(|label| !label.trim().is_empty())?;
            Some((label.clone(), plane.place(point.x, point.y)))
        });
        let wanted: Vec<_> = labelled.collect();
        let points: Vec<_> = traces.iter().flat_map(|trace| &trace.dots).map(|dot| dot.at).collect();
        let lines: Vec<_> = traces.iter().map(|trace| trace.line.clone()).collect();
        let room =
            Space { left: frame.left + 2.0, top: frame.top - 8.0, right: WIDTH - 3.0, bottom: frame.bottom - 2.0 };
        let obstacles = Obstacles { room, points: &points, lines: &lines };
        let placed = labels::place(&wanted[..wanted.len().min(LABELS)], SMALL, &obstacles);
        let omitted = wanted.len() - placed.len();
        (placed, omitted)
    }
}

impl Trace {
    fn draw(&self, sheet: &Sheet, index: usize) -> Drawn {
        let color = sheet::color(index);
        if self.line.len() > 1 {
            sheet.line(&self.line, color, if self.line.len() > 400 { 1.2 } else { 2.0 })?;
        }
        let (radius, opacity) = match self.dots.len() {
            0..=60 => (4.0, 1.0),
            61..=600 => (3.0, 0.7),
            _ => (2.2, 0.45),
        };
        let most = self.dots.iter().map(|dot| dot.count).max().unwrap_or(1) as f64;
        for dot in &self.dots {
            // From the opacity of one point to full for the most crowded place.
            let crowd = if most > 1.0 { (dot.count as f64).ln() / most.ln() } else { 0.0 };
            let opacity = opacity + (1.0 - opacity) * crowd;
            sheet.mark(sheet::mark(index), dot.at, radius, color, (opacity * 20.0).round() / 20.0)?;
        }
        Ok(())
    }
}

fn draw_label(sheet: &Sheet, label: &labels::Placed) -> Drawn {
    let space = &label.space;
    if label.is_far {
        sheet.line(&labels::leader(label.of, space), QUIET, 0.8)?;
    }
    sheet.patch((space.left - 1.0, space.top + 1.0), (space.right + 1.0, space.bottom))?;
    sheet.text(&label.text, (space.left, space.bottom - 3.5), Anchor::Start, Type { size: SMALL, ..PLAIN })
}
