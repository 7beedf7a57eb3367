//! Horizontal bars: shares of time, ratios.

use super::ruler::{self, Ruler, Spacing};
use super::sheet::{self, Drawn, Frame, INK, MARGIN, PLAIN, SMALL, Sheet, WIDTH};
use super::{Axis, Checker, PlotError, Scale, text};

/// Bars in one plot.
const BARS: usize = 200;
const LABEL_H: f64 = 22.0;
const BAR_H: f64 = 14.0;
const GAP: f64 = 8.0;

/// One number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bar {
    /// Above the bar. Bars of one label that follow each other stand together below it.
    pub label: String,
    /// Where the bar ends.
    pub value: f64,
    /// Drawn as whiskers.
    pub interval: Option<[f64; 2]>,
}

/// Horizontal bars, from the top down.
///
/// Bars begin at zero. On a logarithmic axis they begin at the reference, or at the left edge where there is none.
///
/// ```
/// use bossnas_report::plot::{Axis, Bar, Bars};
/// let bar = |label: &str, value| Bar { label: label.into(), value, interval: None };
/// let plot = Bars {
///     title: "Where the time goes".into(),
///     axis: Axis::linear("share of time, %"),
///     bars: vec![bar("Conv", 71.5), bar("MatMul", 20.1)],
///     reference: None,
/// };
/// assert!(plot.render()?.contains("MatMul"));
/// # Ok::<(), bossnas_report::plot::PlotError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// Above the plot.
    pub title: String,
    /// What the lengths are.
    pub axis: Axis,
    /// From the top down.
    pub bars: Vec<Bar>,
    /// A line across all bars: 1.0, for ratios.
    pub reference: Option<f64>,
}

/// Where a bar is.
struct Place<'a> {
    bar: &'a Bar,
    /// Its colour.
    color: usize,
    /// The top of its label, where it has one of its own.
    label: Option<f64>,
    /// The top of the bar itself.
    top: f64,
    /// Digits behind the point that the largest number needs.
    decimals: i32,
}

impl Bars {
    /// The SVG document. Fails when there are no bars or when a number has no place on the axis.
    pub fn render(&self) -> Result<String, PlotError> {
        self.check()?;
        let (_, top) = sheet::heading(&self.title);
        let label = sheet::axis_label(&self.axis.label);
        let (places, bottom) = self.places(top);
        let frame = Frame { left: MARGIN + 4.0, right: WIDTH - MARGIN - 4.0, top, bottom };
        let height = frame.bottom + sheet::axis_height(&label) + 8.0;

        let ends = self.bars.iter().flat_map(|bar| bar.interval.into_iter().flatten().chain([bar.value]));
        let anchor = (self.axis.scale == Scale::Linear).then_some(0.0);
        let spacing = Spacing::Beside { length: frame.right - frame.left - 20.0, size: SMALL };
        let ruler = Ruler::new(&self.axis, ends.chain(self.reference), anchor, spacing);
        let origin = match self.axis.scale {
            Scale::Linear => frame.x(&ruler, 0.0),
            Scale::Log => self.reference.map_or(frame.left, |reference| frame.x(&ruler, reference)),
        };

        sheet::document(&self.title, height, |sheet| {
            sheet.frame(&frame, &ruler, None)?;
            sheet.x_label(&frame, &label)?;
            let reference = self.reference.map(|reference| frame.x(&ruler, reference));
            if let Some(x) = reference {
                sheet.line(&[(x, frame.top), (x, frame.bottom)], INK, 1.5)?;
            }
            for group in places.chunk_by(|_, next| next.label.is_none()) {
                draw_label(sheet, group, &frame)?;
                for place in group {
                    place.draw(sheet, origin, reference, &frame, &ruler)?;
                }
            }
            Ok(())
        })
    }

    fn check(&self) -> Result<(), PlotError> {
        let checker = Checker { title: &self.title };
        checker.count("bars", self.bars.len(), BARS)?;
        for bar in &self.bars {
            checker.value(&self.axis, &bar.label, bar.value)?;
            checker.interval(&self.axis, &bar.label, bar.interval)?;
        }
        match self.reference {
            Some(reference) => checker.value(&self.axis, "reference", reference),
            None => Ok(()),
        }
    }

    /// The places of the bars from `top` on, and where they end.
    fn places(&self, top: f64) -> (Vec<Place<'_>>, f64) {
        let mut y = top;
        let mut color = 0;
        let largest = self.bars.iter().map(|bar| bar.value.abs()).fold(0.0, f64::max);
        let decimals = ruler::decimals(largest, 3).max(0);
        let mut places: Vec<Place> = Vec::new();
        for bar in &self.bars {
            let is_first = places.last().is_none_or(|before| before.bar.label != bar.label);
            color = if is_first { 0 } else { color + 1 };
            let label = is_first.then_some(y);
            if is_first {
                y += LABEL_H;
            } else {
                y -= GAP - 3.0;
            }
            places.push(Place { bar, color, label, top: y, decimals });
            y += BAR_H + GAP;
        }
        (places, y)
    }
}

/// The label of bars that stand together, and their numbers.
fn draw_label(sheet: &Sheet, group: &[Place], frame: &Frame) -> Drawn {
    let Some((place, top)) = group.first().and_then(|place| Some((place, place.label?))) else { return Ok(()) };
    let room = frame.right - frame.left;
    let said: Vec<String> = group.iter().map(Place::said).collect();
    let said = text::shorten(&said.join(" · "), SMALL, room * 0.7);
    let name = text::shorten(&text::clean(&place.bar.label), PLAIN.size, room - text::width(&said, SMALL) - 16.0);
    sheet.ends(&name, &said, frame, top + 16.0)
}

impl Place<'_> {
    fn draw(&self, sheet: &Sheet, origin: f64, reference: Option<f64>, frame: &Frame, ruler: &Ruler) -> Drawn {
        let at = |value: f64| frame.x(ruler, value);
        let bar = self.bar;
        let end = at(bar.value);
        let (left, right) = (origin.min(end), origin.max(end));
        sheet.rectangle((left, self.top), (right, self.top + BAR_H), sheet::color(self.color), 0.85)?;
        // Over the bar and below the whiskers.
        if let Some(x) = reference {
            sheet.line(&[(x, self.top), (x, self.top + BAR_H)], INK, 1.5)?;
        }
        if let Some([low, high]) = bar.interval {
            let middle = self.top + BAR_H / 2.0;
            sheet.line(&[(at(low), middle), (at(high), middle)], INK, 1.5)?;
            for end in [low, high] {
                sheet.line(&[(at(end), middle - 4.0), (at(end), middle + 4.0)], INK, 1.5)?;
            }
        }
        Ok(())
    }

    /// The number, with its interval.
    fn said(&self) -> String {
        let Bar { value, interval, .. } = self.bar;
        match interval {
            Some([low, high]) => {
                // One digit of the interval's width, unless it is a hair.
                let decimals = ruler::decimals(high - low, 1).clamp(self.decimals, self.decimals + 2);
                let [value, low, high] = [*value, *low, *high].map(|number| ruler::fixed(number, decimals));
                format!("{value} [{low}, {high}]")
            }
            None => ruler::fixed(*value, ruler::decimals(*value, 2).clamp(self.decimals, self.decimals + 2)),
        }
    }
}
