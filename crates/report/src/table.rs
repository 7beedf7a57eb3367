//! Tables of text that line up.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use crate::{Style, escape};

/// On which side the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table: a line of titles, then rows. Cells are escaped, so they may hold text from files.
///
/// ```
/// use bossnas_report::{Align, Style, Table};
/// let mut table = Table::new([("name", Align::Left), ("params", Align::Right)]);
/// table.row(["BossNet-T0", "38.4 M"]);
/// table.row(["tiny", "9"]);
/// assert_eq!(table.render(Style::default()), "name        params\nBossNet-T0  38.4 M\ntiny             9\n");
/// ```
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

const GAP: &str = "  ";

impl Table {
    /// A table with these columns and no rows.
    pub fn new<T: Into<String>>(columns: impl IntoIterator<Item = (T, Align)>) -> Self {
        Self { columns: columns.into_iter().map(|(title, align)| (title.into(), align)).collect(), rows: Vec::new() }
    }

    /// Adds a row. Cells that are missing stay empty, those beyond the last column are left out.
    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let mut row: Vec<String> = cells.into_iter().map(|cell| escape(cell.as_ref()).into_owned()).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, a line for the titles (in bold) and one for each row, without blanks at the ends of lines.
    pub fn render(&self, style: Style) -> String {
        let titles: Vec<String> = self.columns.iter().map(|(title, _)| title.clone()).collect();
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].width());
            cells.chain([titles[column].width()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let mut text = style.bold(self.line(&titles, &widths)) + "\n";
        for row in &self.rows {
            text += &self.line(row, &widths);
            text.push('\n');
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (index, ((cell, &width), (_, align))) in cells.iter().zip(widths).zip(&self.columns).enumerate() {
            let padding = width - cell.width().min(width);
            let gap = if index > 0 { GAP } else { "" };
            // Writing to a string cannot fail.
            let _ = match align {
                Align::Left => write!(line, "{gap}{cell}{:padding$}", ""),
                Align::Right => write!(line, "{gap}{:padding$}{cell}", ""),
            };
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_and_escapes_do_not_break_the_columns() {
        let mut table = Table::new([("label", Align::Left), ("n", Align::Right)]);
        table.row(["分类", "7"]);
        table.row(["a\u{1b}b", "12345"]);
        table.row(["é", ""]);
        assert_eq!(table.render(Style::default()), "label         n\n分类          7\na\\u{1b}b  12345\né\n");
    }

    #[test]
    fn a_row_that_is_too_short_is_filled_up() {
        let mut table = Table::new([("a", Align::Left), ("b", Align::Left)]);
        table.row(["x"]);
        table.row(["x", "y", "z"]);
        assert_eq!(table.render(Style::default()), "a  b\nx\nx  y\n");
    }
}
