//! The legend: a sign and a name for each series, in as many lines as they need.

use super::sheet::{self, Drawn, LINE, MARGIN, PLAIN, SMALL, Sheet, Type, WIDTH};
use super::text;

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sign {
    /// A line.
    pub(super) line: bool,
    /// A mark.
    pub(super) mark: bool,
    /// A filled area.
    pub(super) area: bool,
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    index: usize,
    name: String,
    sign: Sign,
    x: f64,
    /// The baseline of its text.
    pub(super) y: f64,
}

/// The entries in lines from `top` on, if there is more than one. Each has the index of its colour and mark.
pub(super) fn entries<'a>(series: impl ExactSizeIterator<Item = (usize, &'a str, Sign)>, top: f64) -> Vec<Entry> {
    if series.len() < 2 {
        return Vec::new();
    }
    let (mut x, mut y) = (MARGIN, top + 12.0);
    let mut entries = Vec::new();
    for (index, name, sign) in series {
        let name = text::shorten(&text::clean(name), SMALL, WIDTH - 2.0 * MARGIN - Entry::SIGN);
        let width = Entry::SIGN + text::width(&name, SMALL);
        if x > MARGIN && x + width > WIDTH - MARGIN {
            (x, y) = (MARGIN, y + LINE);
        }
        entries.push(Entry { index, name, sign, x, y });
        x += width + 16.0;
    }
    entries
}

impl Entry {
    /// Width of the sign before the name.
    const SIGN: f64 = 28.0;

    pub(super) fn draw(&self, sheet: &Sheet) -> Drawn {
        let (color, y) = (sheet::color(self.index), self.y - 4.5);
        if self.sign.area {
            sheet.rectangle((self.x, y - 5.0), (self.x + 22.0, y + 5.0), color, sheet::AREA)?;
        }
        if self.sign.line {
            sheet.line(&[(self.x, y), (self.x + 22.0, y)], color, 2.0)?;
        }
        if self.sign.mark {
            sheet.mark(sheet::mark(self.index), (self.x + 11.0, y), 4.0, color, 1.0)?;
        }
        sheet.text(
            &self.name,
            (self.x + Self::SIGN, self.y),
            super::sheet::Anchor::Start,
            Type { size: SMALL, ..PLAIN },
        )
    }
}
