//! Text on its way into a document.

use std::fmt::Write as _;

use crate::plot::clean;

/// Running text: breaks of lines and tabs are blanks.
pub(super) fn prose(text: &str) -> String {
    markup(&text.replace(['\n', '\r', '\t'], " "))
}

/// Lines that stay lines.
pub(super) fn lines(text: &str) -> String {
    text.lines().map(|line| markup(&line.replace('\t', "    "))).collect::<Vec<_>>().join("\n")
}

/// What the reader should see exactly: control characters are written out, then everything that means something in HTML, in
/// quotes or not.
fn markup(text: &str) -> String {
    let text = clean(text);
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' => {
                // Writing to a string cannot fail.
                let _ = write!(html, "&#{};", u32::from(c));
            }
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(prose("<b a='1' c=\"2\">&amp;"), "&#60;b a=&#39;1&#39; c=&#34;2&#34;&#62;&#38;amp;");
        assert_eq!(prose("a\nb\u{1b}[31m"), r"a b\u{1b}[31m");
        assert_eq!(lines("one \\\r\n\ttwo\n"), "one \\\n    two");
    }
}
