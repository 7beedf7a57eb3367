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

    /// The columns, from the left: their titles, and on which side their cells stand.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&str, Align)> {
        self.columns.iter().map(|(title, align)| (title.as_str(), *align))
    }

    /// The rows, from the top: a cell for each column, escaped for terminals ([`escape`]).
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[String]> {
        self.rows.iter().map(Vec::as_slice)
    }

    /// The table in GitHub's Markdown, in lines that line up as they are too. Cells are text: what would be markup is
    /// escaped.
    ///
    /// ```
    /// use bossnas_report::{Align, Table};
    /// let mut table = Table::new([("name", Align::Left), ("params", Align::Right)]);
    /// table.row(["BossNet-T0", "38.4 M"]);
    /// table.row(["a|b", "9"]);
    /// let lines = [
    ///     "| name       | params |",
    ///     "|------------|-------:|",
    ///     "| BossNet-T0 | 38.4 M |",
    ///     r"| a\|b       |      9 |",
    /// ];
    /// assert_eq!(table.markdown(), lines.join("\n") + "\n");
    /// ```
    pub fn markdown(&self) -> String {
        let titles = self.columns.iter().map(|(title, _)| markdown_text(&escape(title))).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(|cell| markdown_text(cell)).collect());
        let lines: Vec<Vec<String>> = [titles].into_iter().chain(rows).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].width()).max().unwrap_or(0).max(3);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let rule = |(&width, (_, align)): (&usize, &(String, Align))| match align {
            Align::Left => format!("|{}", "-".repeat(width + 2)),
            Align::Right => format!("|{}:", "-".repeat(width + 1)),
        };
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            for ((cell, &width), (_, align)) in line.iter().zip(&widths).zip(&self.columns) {
                let padding = width - cell.width().min(width);
                // Writing to a string cannot fail.
                let _ = match align {
                    Align::Left => write!(text, "| {cell}{:padding$} ", ""),
                    Align::Right => write!(text, "| {:padding$}{cell} ", ""),
                };
            }
            text += "|\n";
            if index == 0 {
                text.extend(widths.iter().zip(&self.columns).map(rule));
                text += "|\n";
            }
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

/// A cell with a backslash before what Markdown would take for markup. Underscores inside words are none.
fn markdown_text(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len());
    let mut before = ' ';
    let mut rest = cell.chars().peekable();
    while let Some(c) = rest.next() {
        let inside = before.is_alphanumeric() && rest.peek().is_some_and(|next| next.is_alphanumeric());
        if matches!(c, '\\' | '|' | '<' | '*' | '`' | '[' | '~') || (c == '_' && !inside) {
            text.push('\\');
        }
        text.push(c);
        before = c;
    }
    text
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

    #[test]
    fn markdown_has_no_markup_from_cells() {
        let mut table = Table::new([("a|b", Align::Left), ("n", Align::Right)]);
        table.row(["<script>\n", "分"]);
        table.row(["layer_1 *x* _y_ `z` \\| [l](u)", "1"]);
        let expected = concat!(
            "| a\\|b                                   |   n |\n",
            "|----------------------------------------|----:|\n",
            "| \\<script>\\\\n                           |  分 |\n",
            "| layer_1 \\*x\\* \\_y\\_ \\`z\\` \\\\\\| \\[l](u) |   1 |\n",
        );
        assert_eq!(table.markdown(), expected);
    }

    #[test]
    fn a_table_gives_out_its_columns_and_rows() {
        let mut table = Table::new([("a", Align::Left), ("b", Align::Right)]);
        table.row(["x"]);
        assert_eq!(table.columns().collect::<Vec<_>>(), [("a", Align::Left), ("b", Align::Right)]);
        assert_eq!(table.rows().collect::<Vec<_>>(), [["x", ""]]);
    }
}
