//! The page and its parts.

use super::escape::{lines, prose};
use super::figure;
use crate::{Align, Table};

/// Everything that is not the page's own.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";
const STYLE: &str = include_str!("page.css");
/// A figure that is wider than this has text too small for a phone when it is shown whole.
const WIDE: f64 = 700.0;

/// A report that is one HTML file. Parts appear in the order in which they are added; notes are at the foot.
///
/// ```
/// use bossnas_report::html::Page;
/// use bossnas_report::plot::{Axis, Bar, Bars};
/// use bossnas_report::{Align, Table};
///
/// let mut page = Page::new("Benchmark of BossNet-T0");
/// page.lead("float16 is 1.6 times as fast as float32.");
/// page.section("Latency");
/// let mut table = Table::new([("precision", Align::Left), ("median, ms", Align::Right)]);
/// table.row(["float32", "12.3"]);
/// page.table(&table);
/// let bars = vec![Bar { label: "float16".into(), value: 1.6, interval: Some([1.5, 1.7]) }];
/// let speed_up = Bars { title: "Speed-up".into(), axis: Axis::linear("times"), bars, reference: Some(1.0) };
/// page.figure(&speed_up.render()?, "Speed-up over float32, with its interval of 95 %");
/// page.notes(&[("median", "half of the runs took less time")]);
/// assert!(page.render().starts_with("<!DOCTYPE html>"));
/// # Ok::<(), bossnas_report::plot::PlotError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    parts: Vec<Part>,
    notes: String,
}

/// Finished HTML.
#[derive(Debug, Clone)]
enum Part {
    Block(String),
    /// Stands beside other narrow figures where there is room.
    Figure(String),
}

impl Page {
    /// An empty page with this title.
    pub fn new(title: &str) -> Self {
        Self { title: prose(title), parts: Vec::new(), notes: String::new() }
    }

    /// A sentence or two that say what came out.
    pub fn lead(&mut self, text: &str) {
        self.block(format!("<p class=\"lead\">{}</p>\n", prose(text)));
    }

    /// A heading.
    pub fn section(&mut self, heading: &str) {
        self.block(format!("<h2>{}</h2>\n", prose(heading)));
    }

    /// Running text.
    pub fn paragraph(&mut self, text: &str) {
        self.block(format!("<p>{}</p>\n", prose(text)));
    }

    /// Names and what they stand for: machine, versions, settings.
    pub fn facts(&mut self, facts: &[(impl AsRef<str>, impl AsRef<str>)]) {
        if !facts.is_empty() {
            self.block(format!("<dl class=\"facts\">\n{}</dl>\n", terms(facts)));
        }
    }

    /// A table. One that is wider than the screen is scrolled sideways.
    pub fn table(&mut self, table: &Table) {
        let class = |align: Align| match align {
            Align::Left => "",
            Align::Right => " class=\"right\"",
        };
        let row = |kind: &str, cells: &mut dyn Iterator<Item = &str>| {
            let mut html = String::from("<tr>");
            for (cell, (_, align)) in cells.zip(table.columns()) {
                html += &["<", kind, class(align), ">", &prose(cell), "</", &kind[..2], ">"].concat();
            }
            html + "</tr>\n"
        };
        let head = row("th scope=\"col\"", &mut table.columns().map(|(title, _)| title));
        let body: String = table.rows().map(|cells| row("td", &mut cells.iter().map(String::as_str))).collect();
        self.block(format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"table\">\n<table>\n\
             <thead>\n{head}</thead>\n<tbody>\n{body}</tbody>\n</table>\n</div>\n"
        ));
    }

    /// A drawing, an SVG document by [`plot`](crate::plot) or another, and what it shows. It is embedded as an image:
    /// styles, names and scripts in it have no effect outside, and scripts none at all.
    pub fn figure(&mut self, svg: &str, caption: &str) {
        let caption = prose(caption);
        let is_wide = figure::natural_width(svg).is_some_and(|width| width > WIDE);
        let class = if is_wide { " class=\"wide\"" } else { "" };
        // What scrolls can be reached by keyboard.
        let reach = if is_wide { " tabindex=\"0\" role=\"group\" aria-label=\"figure\"" } else { "" };
        let html = format!(
            "<figure{class}>\n<div class=\"scroll\"{reach}><img alt=\"{caption}\" src='{}'></div>\n\
             <figcaption>{caption}</figcaption>\n</figure>\n",
            figure::address(svg)
        );
        self.parts.push(if is_wide { Part::Block(html) } else { Part::Figure(html) });
    }

    /// What the words and numbers mean: a term and its explanation. They are collected at the foot.
    pub fn notes(&mut self, notes: &[(impl AsRef<str>, impl AsRef<str>)]) {
        self.notes += &terms(notes);
    }

    /// A command line that can be copied. It may have several lines.
    pub fn command(&mut self, line: &str) {
        self.block(format!("<pre class=\"command\"><code>{}</code></pre>\n", lines(line)));
    }

    /// A text file, line by line: a configuration.
    pub fn listing(&mut self, text: &str) {
        self.block(format!("<pre><code>{}</code></pre>\n", lines(text)));
    }

    /// The document.
    pub fn render(&self) -> String {
        let title = &self.title;
        let mut body = String::new();
        let mut in_figures = false;
        for part in &self.parts {
            let (html, is_figure) = match part {
                Part::Block(html) => (html, false),
                Part::Figure(html) => (html, true),
            };
            match (in_figures, is_figure) {
                (false, true) => body += "<div class=\"figures\">\n",
                (true, false) => body += "</div>\n",
                _ => {}
            }
            in_figures = is_figure;
            body += html;
        }
        if in_figures {
            body += "</div>\n";
        }
        if !self.notes.is_empty() {
            let head = "<footer>\n<h2>What the numbers mean</h2>\n<dl class=\"notes\">\n";
            body += &[head, &self.notes, "</dl>\n</footer>\n"].concat();
        }
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\
             </main>\n</body>\n</html>\n"
        )
    }

    fn block(&mut self, html: String) {
        self.parts.push(Part::Block(html));
    }
}

fn terms(terms: &[(impl AsRef<str>, impl AsRef<str>)]) -> String {
    let item = |term: &str, text: &str| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", prose(term), prose(text));
    terms.iter().map(|(term, text)| item(term.as_ref(), text.as_ref())).collect()
}
