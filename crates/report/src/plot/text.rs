//! Text in a plot: made harmless, measured, wrapped, shortened.
//!
//! An SVG document does not know its reader's fonts, so widths are estimates from the proportions that sans-serif fonts share.

use unicode_width::UnicodeWidthChar as _;

use crate::escape;

/// `text` without what XML or a reader cannot bear. The writer of the document escapes the markup.
pub(crate) fn clean(text: &str) -> String {
    // Two code points that no escape covers and XML forbids.
    escape(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

/// The width of `text` in a sans-serif font of this size, a little more than less.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| advance(c) * size).sum()
}

/// In units of the font size.
fn advance(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' | ' ' => 0.31,
        'f' | 't' | 'r' | 'I' | '(' | ')' | '[' | ']' | '/' | '-' => 0.4,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.92,
        'A'..='Z' | '+' | '=' | '<' | '>' | '&' | '~' => 0.7,
        c if c.is_ascii() => 0.6,
        c => match c.width() {
            Some(2) => 1.05,
            Some(0) | None => 0.1,
            Some(_) => 0.66,
        },
    }
}

/// `text` with its middle cut out if it is wider than `room`: names differ at their ends as often as at their beginnings.
pub(super) fn shorten(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let ellipsis = '…';
    let half = (room - advance(ellipsis) * size) / 2.0;
    let head: String = take(text.chars(), size, half);
    let tail: String = take(text.chars().rev(), size, half);
    let tail: String = tail.chars().rev().collect();
    format!("{}{ellipsis}{}", head.trim_end(), tail.trim_start())
}

fn take(chars: impl Iterator<Item = char>, size: f64, room: f64) -> String {
    let mut used = 0.0;
    chars
        .take_while(|&c| {
            used += advance(c) * size;
            used <= room
        })
        .collect()
}

/// `text` in at most `lines` lines, broken at blanks. What is left over goes to the last line, which is shortened; so is a
/// word that is wider than a line.
pub(super) fn wrap(text: &str, size: f64, room: f64, lines: usize) -> Vec<String> {
    let mut wrapped: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let full = wrapped.len() == lines;
        match wrapped.last_mut() {
            Some(line) if full || width(line, size) + width(" ", size) + width(word, size) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => wrapped.push(word.to_owned()),
        }
    }
    wrapped.iter().map(|line| shorten(line, size, room)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_forbids_is_gone() {
        assert_eq!(clean("a\u{0}b\nc\u{fffe}"), "a\\u{0}b\\nc\u{fffd}");
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        assert_eq!(shorten("short", 10.0, 100.0), "short");
        let name = shorten(&format!("layer3{}weight", ".block".repeat(20)), 10.0, 100.0);
        assert!(name.starts_with("layer3") && name.ends_with("weight") && name.contains('…'), "{name}");
        assert!(width(&name, 10.0) <= 100.0);
        assert_eq!(shorten("anything", 10.0, 0.0), "…");
    }

    #[test]
    fn a_title_is_wrapped_at_blanks_and_its_rest_shortened() {
        assert_eq!(wrap("one two three", 10.0, 45.0, 3), ["one two", "three"]);
        let lines = wrap(&"word ".repeat(50), 10.0, 60.0, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| width(line, 10.0) <= 60.0), "{lines:?}");
        assert!(wrap("  ", 10.0, 60.0, 2).is_empty());
    }
}
