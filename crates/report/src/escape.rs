//! Text from outside, made harmless for terminals and reports.

use std::borrow::Cow;

/// `text` with everything that could move a cursor, colour a terminal, or make text look like other text written as
/// an escape (`\u{1b}`, `\n`): control characters, marks that change the direction of writing, invisible characters.
/// Other text stays as it is, in any language.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_treacherous) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_treacherous(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Soft hyphen, Arabic letter mark, Mongolian vowel separator.
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            // Zero-width characters and direction marks.
            | '\u{200b}'..='\u{200f}'
            // Line and paragraph separators, direction embeddings and overrides.
            | '\u{2028}'..='\u{202e}'
            // Word joiner, invisible operators, direction isolates, deprecated format characters.
            | '\u{2060}'..='\u{206f}'
            // Variation selectors.
            | '\u{fe00}'..='\u{fe0f}'
            // Zero-width no-break space, interlinear annotation.
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // Private use, which terminals draw as they like.
            | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}'
            // Tags and more variation selectors.
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_becomes_visible() {
        assert_eq!(escape("a\u{1b}[31mb\r\n\u{7}"), r"a\u{1b}[31mb\r\n\u{7}");
        assert_eq!(escape("user\u{202e}txt.exe"), r"user\u{202e}txt.exe");
        assert_eq!(escape("\u{9b}31m\u{200b}\u{feff}\u{e0041}"), r"\u{9b}31m\u{200b}\u{feff}\u{e0041}");
    }

    #[test]
    fn ordinary_text_in_any_language_is_not_touched() {
        for text in ["layer3.2.conv1.weight", "Müller's \"größte\" \\ Füße", "分类 № 7", "اختبار"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }
}
