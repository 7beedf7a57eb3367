//! Samples of several variants, one below the other: distributions of latencies.

use super::ruler::{self, Ruler, Spacing};
use super::sheet::{self, ASIDE, Anchor, Drawn, Frame, INK, LINE, MARGIN, Mark, PLAIN, SMALL, Sheet, WIDTH};
use super::{Axis, Checker, PlotError, text, thin};

/// Rows in one plot.
const ROWS: usize = 60;
/// Dots in one plot, and in one row.
const DOTS: usize = 4000;
const ROW_DOTS: usize = 800;
/// Height of a row's name, of its dots, of its box, and of the free space below.
const NAME_H: f64 = 24.0;
const STRIP_H: f64 = 34.0;
const BOX_H: f64 = 14.0;
const GAP: f64 = 14.0;

/// The samples of one variant.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    /// Above the samples.
    pub name: String,
    /// In any order, at least one.
    pub samples: Vec<f64>,
    /// An interval of confidence of the median.
    pub interval: Option<[f64; 2]>,
}

/// Samples of several variants, one below the other. Each row shows every sample as a dot (at random heights that are the
/// same every time), and below them the box of the quartiles with the median in it.
///
/// Of more than 800 samples in a row, or 4000 in all, the outermost are drawn and the rest at equal distances of rank;
/// quartiles and median are those of all samples.
///
/// ```
/// use bossnas_report::plot::{Axis, Distributions, Row};
/// let row = |name: &str, samples: &[f64]| Row { name: name.into(), samples: samples.to_vec(), interval: None };
/// let plot = Distributions {
///     title: "Latency of one image".into(),
///     axis: Axis::linear("latency, ms"),
///     rows: vec![row("float32", &[12.1, 12.3, 12.2, 15.9]), row("float16", &[8.2, 8.1, 8.4, 8.2])],
/// };
/// assert!(plot.render()?.contains("median 12.25"));
/// # Ok::<(), bossnas_report::plot::PlotError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Distributions {
    /// Above the plot.
    pub title: String,
    /// What was measured.
    pub axis: Axis,
    /// From the top down.
    pub rows: Vec<Row>,
}

/// A row with its numbers in order.
struct Sorted<'a> {
    row: &'a Row,
    samples: Vec<f64>,
}

impl Distributions {
    /// The SVG document. Fails when there are no rows, when a row has no samples, or when a number has no place on the axis.
    pub fn render(&self) -> Result<String, PlotError> {
        self.check()?;
        let (_, top) = sheet::heading(&self.title);
        let label = sheet::axis_label(&self.axis.label);
        let row_h = NAME_H + STRIP_H + BOX_H + GAP;
        let frame = Frame {
            left: MARGIN + 4.0,
            right: WIDTH - MARGIN - 4.0,
            top,
            bottom: top + row_h * self.rows.len() as f64,
        };
        let key = text::wrap(self.key(), SMALL, WIDTH - 2.0 * MARGIN, 3);
        let height = frame.bottom + sheet::axis_height(&label) + LINE * key.len() as f64 + 14.0;

        let intervals = self.rows.iter().filter_map(|row| row.interval).flatten();
        let values = self.rows.iter().flat_map(|row| row.samples.iter().copied()).chain(intervals);
        let spacing = Spacing::Beside { length: frame.right - frame.left - 20.0, size: SMALL };
        let ruler = Ruler::new(&self.axis, values, None, spacing);
        let most = ROW_DOTS.min(DOTS / self.rows.len());

        sheet::document(&self.title, height, |sheet| {
            sheet.frame(&frame, &ruler, None)?;
            sheet.x_label(&frame, &label)?;
            for (index, row) in self.rows.iter().enumerate() {
                let mut samples = row.samples.clone();
                samples.sort_by(f64::total_cmp);
                let sorted = Sorted { row, samples };
                sorted.draw(sheet, index, frame.top + row_h * index as f64, &frame, &ruler, most)?;
            }
            for (index, line) in key.iter().enumerate() {
                let y = frame.bottom + sheet::axis_height(&label) + 18.0 + LINE * index as f64;
                sheet.text(line, (MARGIN, y), Anchor::Start, ASIDE)?;
            }
            Ok(())
        })
    }

    fn check(&self) -> Result<(), PlotError> {
        let checker = Checker { title: &self.title };
        checker.count("rows", self.rows.len(), ROWS)?;
        for row in &self.rows {
            if row.samples.is_empty() {
                return Err(checker.empty(&row.name));
            }
            for &sample in &row.samples {
                checker.value(&self.axis, &row.name, sample)?;
            }
            checker.interval(&self.axis, &row.name, row.interval)?;
        }
        Ok(())
    }

    /// How the rows are read.
    fn key(&self) -> &'static str {
        if self.rows.iter().any(|row| row.interval.is_some()) {
            "Dots: samples. Box: from the first to the third quartile. Line: median, with its interval of confidence as a dark bar."
        } else {
            "Dots: samples. Box: from the first to the third quartile. Line: median."
        }
    }
}

impl Sorted<'_> {
    fn draw(&self, sheet: &Sheet, index: usize, top: f64, frame: &Frame, ruler: &Ruler, most: usize) -> Drawn {
        let color = sheet::color(index);
        let at = |value: f64| frame.x(ruler, value);
        let median = quantile(&self.samples, 0.5);
        let said = format!("median {}", ruler::number(median, 4));
        let room = frame.right - frame.left - text::width(&said, SMALL) - 16.0;
        let name = text::shorten(&text::clean(&self.row.name), PLAIN.size, room);
        sheet.ends(&name, &said, frame, top + 16.0)?;

        let dots = thin::sorted(&self.samples, most);
        let opacity = match dots.len() {
            0..=100 => 0.6,
            101..=400 => 0.35,
            _ => 0.25,
        };
        for (order, &sample) in dots.iter().enumerate() {
            let y = top + NAME_H + 3.0 + (STRIP_H - 6.0) * jitter(order);
            sheet.mark(Mark::Circle, (at(sample), y), if dots.len() > 60 { 2.0 } else { 3.0 }, color, opacity)?;
        }

        let (upper, lower) = (top + NAME_H + STRIP_H + 1.0, top + NAME_H + STRIP_H + 1.0 + BOX_H);
        let (first, third) = (quantile(&self.samples, 0.25), quantile(&self.samples, 0.75));
        // Quartiles that are equal are still seen.
        let (left, right) = (at(first), at(third).max(at(first) + 0.6));
        sheet.rectangle((left, upper), (right, lower), color, 0.4)?;
        if let Some([low, high]) = self.row.interval {
            let middle = upper.midpoint(lower);
            sheet.rectangle((at(low), middle - 2.5), (at(high).max(at(low) + 0.6), middle + 2.5), INK, 0.55)?;
        }
        sheet.line(&[(at(median), upper - 1.5), (at(median), lower + 1.5)], INK, 2.0)
    }
}

/// The quantile of sorted samples, between neighbours where it falls between them (type 7 of Hyndman and Fan, 1996).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    below + (above - below) * rank.fract()
}

/// A height between 0 and 1 that looks random and is not: the order's bits, mixed (Steele, Lea and Flood's generator, 2014).
fn jitter(order: usize) -> f64 {
    let mut bits = (order as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits >> 40) as f64 / (1_u64 << 24) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_type_7() {
        assert_eq!(quantile(&[5.0], 0.25), 5.0);
        assert_eq!([0.25, 0.5, 0.75].map(|share| quantile(&[1.0, 2.0, 3.0, 4.0], share)), [1.75, 2.5, 3.25]);
    }

    #[test]
    fn heights_spread_over_the_strip() {
        assert!((0..100).all(|order| (0.0..1.0).contains(&jitter(order))));
        assert!((0..100).any(|order| jitter(order) < 0.05) && (0..100).any(|order| jitter(order) > 0.95));
    }
}
