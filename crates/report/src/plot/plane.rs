//! What plots with two axes share: the frame, the axes, their labels and the legend.

use super::Axis;
use super::legend::Entry;
use super::ruler::{Ruler, Spacing};
use super::sheet::{self, ASIDE, Anchor, Drawn, Frame, LINE, MARGIN, SMALL, Sheet, WIDTH};
use super::text;

/// Height of the frame.
const HEIGHT: f64 = 290.0;

/// A frame with two axes in its place on the sheet.
pub(super) struct Plane {
    legend: Vec<Entry>,
    below_legend: f64,
    x_label: Vec<String>,
    y_label: Vec<String>,
    /// Where the data are.
    pub(super) frame: Frame,
    /// Along the horizontal axis.
    pub(super) x: Ruler,
    /// Along the vertical axis.
    pub(super) y: Ruler,
}

impl Plane {
    /// The plane of axes that cover these numbers, below a title and a legend, with `free` space above the frame.
    pub(super) fn new(
        title: &str,
        legend: impl FnOnce(f64) -> Vec<Entry>,
        free: f64,
        (x, xs): (&Axis, impl Iterator<Item = f64>),
        (y, ys): (&Axis, impl Iterator<Item = f64>),
    ) -> Self {
        let (_, below_title) = sheet::heading(title);
        let legend = legend(below_title);
        let below_legend = legend.last().map_or(below_title, |entry| entry.y + 10.0);
        let (x_label, y_label) = (sheet::axis_label(&x.label), sheet::axis_label(&y.label));
        let top = below_legend + LINE * y_label.len() as f64 + 8.0 + free;

        let y = Ruler::new(y, ys, None, Spacing::Above(6));
        let widest = y.ticks.iter().map(|tick| text::width(&tick.text, SMALL)).fold(0.0, f64::max);
        let left = MARGIN + widest.min(120.0) + 8.0;
        let x = Ruler::new(x, xs, None, Spacing::Beside { length: WIDTH - 2.0 * MARGIN - left, size: SMALL });
        let last = x.ticks.last().map_or(0.0, |tick| text::width(&tick.text, SMALL) / 2.0);
        let frame = Frame { left, right: WIDTH - last.max(MARGIN), top, bottom: top + HEIGHT };
        Self { legend, below_legend, x_label, y_label, frame, x, y }
    }

    /// Where a point is on the sheet.
    pub(super) fn place(&self, x: f64, y: f64) -> (f64, f64) {
        (self.frame.x(&self.x, x), self.frame.y(&self.y, y))
    }

    /// Where the axes end.
    pub(super) fn bottom(&self) -> f64 {
        self.frame.bottom + sheet::axis_height(&self.x_label) + 6.0
    }

    /// Everything but the data.
    pub(super) fn draw(&self, sheet: &Sheet) -> Drawn {
        for entry in &self.legend {
            entry.draw(sheet)?;
        }
        for (index, line) in self.y_label.iter().enumerate() {
            sheet.text(line, (MARGIN, self.below_legend + 12.0 + LINE * index as f64), Anchor::Start, ASIDE)?;
        }
        sheet.frame(&self.frame, &self.x, Some(&self.y))?;
        sheet.x_label(&self.frame, &self.x_label)
    }
}
