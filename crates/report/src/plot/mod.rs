//! Plots as SVG documents: accuracy against cost, curves over steps, distributions of latencies, shares and ratios.
//!
//! Numbers and names go in, one SVG document comes out, the same bytes for the same data. It scales with the page, is legible
//! at the width of a phone, keeps text as text and runs nothing. Colours are those of Okabe and Ito ("Color Universal Design",
//! 2008), and series differ in their marks as well. `plotters` draws it.
//!
//! Names may hold text from outside: they are escaped, and shortened where there is no room.

mod bars;
mod distributions;
mod labels;
mod legend;
mod lines;
mod plane;
mod ruler;
mod scatter;
mod sheet;
mod text;
mod thin;

pub use bars::{Bar, Bars};
pub use distributions::{Distributions, Row};
pub use lines::{Band, Line, Lines, Milestone};
pub use scatter::{Point, Scatter, Series};
pub(crate) use text::clean;

/// How far from zero a number may lie to be drawn.
const LARGEST: f64 = 1e100;
/// The smallest number that has a place on a logarithmic axis.
const SMALLEST: f64 = 1e-100;

/// How numbers become lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Equal differences are equal lengths.
    #[default]
    Linear,
    /// Equal ratios are equal lengths. Every number must be above zero.
    Log,
}

/// What is shown along an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// The quantity and its unit: `latency, ms`.
    pub label: String,
    /// Linear or logarithmic.
    pub scale: Scale,
}

impl Axis {
    /// A linear axis.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Linear }
    }

    /// A logarithmic axis.
    pub fn log(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: Scale::Log }
    }
}

/// Why there is no plot.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// No numbers.
    #[error("plot `{title}`: {what} has no values")]
    Empty {
        /// The plot.
        title: String,
        /// The series or row, or the plot itself.
        what: String,
    },
    /// Not a number, infinite, or too far from zero.
    #[error("plot `{title}`: {value} of `{name}` cannot be drawn")]
    Value {
        /// The plot.
        title: String,
        /// The series, row or bar.
        name: String,
        /// The number.
        value: f64,
    },
    /// Zero or less on a logarithmic axis.
    #[error("plot `{title}`: {value} of `{name}` has no place on the logarithmic axis `{axis}`")]
    NotPositive {
        /// The plot.
        title: String,
        /// The series, row or bar.
        name: String,
        /// The axis.
        axis: String,
        /// The number.
        value: f64,
    },
    /// An interval, or a band somewhere, whose first end is above its second.
    #[error("plot `{title}`: the interval of `{name}` ends at {high}, before its beginning at {low}")]
    Interval {
        /// The plot.
        title: String,
        /// The row or bar.
        name: String,
        /// First end.
        low: f64,
        /// Second end.
        high: f64,
    },
    /// More than a reader can tell apart.
    #[error("plot `{title}`: {count} {what}, at most {limit} can be shown")]
    TooMany {
        /// The plot.
        title: String,
        /// Series, rows or bars.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The drawing library refused.
    #[error("plot `{title}` cannot be drawn: {reason}")]
    Draw {
        /// The plot.
        title: String,
        /// What it said.
        reason: String,
    },
}

/// Checks the numbers of one plot before anything is drawn.
struct Checker<'a> {
    title: &'a str,
}

impl Checker<'_> {
    /// That `value` has a place on `axis`.
    fn value(&self, axis: &Axis, name: &str, value: f64) -> Result<(), PlotError> {
        if !value.is_finite() || value.abs() > LARGEST {
            return Err(PlotError::Value { title: self.title.to_owned(), name: name.to_owned(), value });
        }
        if axis.scale == Scale::Log && value < SMALLEST {
            let axis = axis.label.clone();
            return Err(PlotError::NotPositive { title: self.title.to_owned(), name: name.to_owned(), axis, value });
        }
        Ok(())
    }

    /// That both ends have a place on `axis`, in this order.
    fn interval(&self, axis: &Axis, name: &str, interval: Option<[f64; 2]>) -> Result<(), PlotError> {
        let Some([low, high]) = interval else { return Ok(()) };
        self.value(axis, name, low)?;
        self.value(axis, name, high)?;
        if low > high {
            return Err(PlotError::Interval { title: self.title.to_owned(), name: name.to_owned(), low, high });
        }
        Ok(())
    }

    /// That there are some, and not too many.
    fn count(&self, what: &'static str, count: usize, limit: usize) -> Result<(), PlotError> {
        match count {
            0 => Err(self.empty("the plot")),
            count if count > limit => Err(PlotError::TooMany { title: self.title.to_owned(), what, count, limit }),
            _ => Ok(()),
        }
    }

    fn empty(&self, what: &str) -> PlotError {
        PlotError::Empty { title: self.title.to_owned(), what: what.to_owned() }
    }
}

#[cfg(test)]
mod tests;
