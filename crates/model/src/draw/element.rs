//! Writing SVG: every attribute and text passes through one place that escapes it.

use std::fmt::{Display, Write as _};

/// An SVG document under construction.
#[derive(Default)]
pub(super) struct Svg {
    out: String,
    open: Vec<&'static str>,
}

/// Attributes of an element.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a dyn Display)];

impl Svg {
    /// An element without content.
    pub(super) fn leaf(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.start(tag, attributes);
        self.out += "/>\n";
    }

    /// Opens an element; [`Svg::close`] ends it.
    pub(super) fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.start(tag, attributes);
        self.out += ">\n";
        self.open.push(tag);
    }

    /// Ends the element opened last.
    pub(super) fn close(&mut self) {
        if let Some(tag) = self.open.pop() {
            self.indent();
            let _ = writeln!(self.out, "</{tag}>");
        }
    }

    /// An element that holds text.
    pub(super) fn text(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.start(tag, attributes);
        let _ = writeln!(self.out, ">{}</{tag}>", escape(text));
    }

    /// The style sheet, which is our own and holds no markup.
    pub(super) fn style(&mut self, sheet: &'static str) {
        self.indent();
        let _ = writeln!(self.out, "<style>{sheet}</style>");
    }

    /// The document.
    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.out
    }

    fn start(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.indent();
        let _ = write!(self.out, "<{tag}");
        for (name, value) in attributes {
            let _ = write!(self.out, " {name}=\"{}\"", escape(&value.to_string()));
        }
    }

    fn indent(&mut self) {
        self.out += &" ".repeat(self.open.len());
    }
}

/// A coordinate: a tenth of a unit is finer than anyone sees, and rounding to it keeps the file short.
pub(super) struct At(pub(super) f64);

impl Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Adding zero turns -0 into 0.
        write!(f, "{}", (self.0 * 10.0).round() / 10.0 + 0.0)
    }
}

/// Text as XML may hold it: markup becomes references; characters that XML forbids and those that turn the direction of
/// writing become U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}' => {
                out.push('\u{fffd}');
            }
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
