//! Drawings inside a page, each a document of its own.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What ends an address or an attribute in single quotes, and what looks like markup to a simple reader. Double quotes stay:
/// there are many of them in an SVG document.
const ENCODED: &AsciiSet = &CONTROLS.add(b'#').add(b'%').add(b'\'').add(b'<').add(b'>').add(b'&');

/// The address of the drawing, for single quotes.
pub(super) fn address(svg: &str) -> String {
    format!("data:image/svg+xml,{}", utf8_percent_encode(svg.trim(), ENCODED))
}

/// How wide the drawing wants to be, in CSS pixels: the width of its root element, or that of its view.
pub(super) fn natural_width(svg: &str) -> Option<f64> {
    let root = &svg[svg.find("<svg")?..];
    let root = &root[..root.find('>')?];
    let attribute = |name: &str| {
        let value = &root[root.find(name)? + name.len()..];
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        value[1..].split(quote).next()
    };
    let width = attribute(" width=").and_then(|width| width.trim_end_matches("px").parse().ok());
    let view = || attribute(" viewBox=")?.split_whitespace().nth(2)?.parse().ok();
    width.or_else(view).filter(|width: &f64| width.is_finite() && *width > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_says_how_wide_it_is() {
        assert_eq!(
            natural_width("<?xml version='1.0'?><svg xmlns='x' width='960' height='3'><rect/></svg>"),
            Some(960.0)
        );
        assert_eq!(natural_width("<svg viewBox=\"0 0 440 300\"><rect width=\"9\"/></svg>"), Some(440.0));
        assert_eq!(natural_width("<svg width=\"100%\" viewBox=\"0 0 440 300\"/>"), Some(440.0));
        for svg in ["", "<svg>", "<svg width=>", "<svg width=\"", "<svg width=\"-1\"/>", "<svg width=\"é\"/>"] {
            assert_eq!(natural_width(svg), None, "{svg}");
        }
    }

    #[test]
    fn an_address_has_no_markup_and_no_quote() {
        let address = address("<svg a=\"1\" b='#2'>50 % &amp; ü\n</svg>\n");
        assert_eq!(address, "data:image/svg+xml,%3Csvg a=\"1\" b=%27%232%27%3E50 %25 %26amp; %C3%BC%0A%3C/svg%3E");
    }
}
