//! Ratings and best paths in the published form: what PyYAML's `dump` writes of them (`QUIRKS.md` 43).
//!
//! `path_rank_K.yml` is a list of tuples of a path and its score, best first; `bestpath_K.yml` is a list of the best paths up to
//! stage K, each a list of operations. Published scripts read them, and so does `bossnas-zoo rank`.

use std::fmt::Write as _;

/// The name of the file with the scores of a stage, counted from 0.
pub fn path_rank_name(stage: usize) -> String {
    format!("path_rank_{stage}.yml")
}

/// The name of the file with the best paths up to a stage, counted from 0.
pub fn best_paths_name(stage: usize) -> String {
    format!("bestpath_{stage}.yml")
}

/// The scores of a stage, from the best to the worst. A path is the indices of its operations, each below 8.
pub fn path_rank<'a>(ranked: impl IntoIterator<Item = (&'a [u8], f64)>) -> String {
    let mut text = String::new();
    for (path, score) in ranked {
        let digits: String = path.iter().map(u8::to_string).collect();
        // Writing to a string cannot fail. Such digits would be a number without quotes.
        let _ = write!(text, "- !!python/tuple\n  - '{digits}'\n  - {}\n", float(score));
    }
    or_empty(text)
}

/// The best paths of the stages, in their order.
pub fn best_paths<'a>(paths: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    for path in paths {
        if path.is_empty() {
            text += "- []\n";
        }
        for (layer, operation) in path.iter().enumerate() {
            let _ = writeln!(text, "{}{operation}", if layer == 0 { "- - " } else { "  - " });
        }
    }
    or_empty(text)
}

fn or_empty(text: String) -> String {
    if text.is_empty() { "[]\n".to_owned() } else { text }
}

/// A number as PyYAML writes it: Python's `repr`, which is the shortest text that is read back as the same number, with an exponent
/// below 1e-4 and from 1e16 on; there is always a point, since YAML 1.1 knows no number with an exponent alone.
fn float(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
        // Shortest digits, and `.0` where nothing is behind the point.
        return format!("{value:?}");
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(("+", exponent), |exponent| ("-", exponent));
    format!("{digits}{point}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use bossnas_testkit::fixtures::{Fixtures, Source};

    use super::*;

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        // Of `yaml.dump`, PyYAML 6.0.3.
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-3.25, "-3.25"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e-4, "0.0001"),
            (-0.000_123_456, "-0.000123456"),
            (0.000_099_9, "9.99e-05"),
            (1e-5, "1.0e-05"),
            (-1.5e-7, "-1.5e-07"),
            (1e-100, "1.0e-100"),
            (5e-324, "5.0e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (123_456_789_012_345.6, "123456789012345.6"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1.0e+16"),
            (-1.234e22, "-1.234e+22"),
            (f64::INFINITY, ".inf"),
            (f64::NEG_INFINITY, "-.inf"),
            (f64::NAN, ".nan"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn lists_have_the_published_form() {
        let ranked = [(&[0, 1, 1, 1][..], -3.25), (&[7], 1e-5)];
        let expected = "- !!python/tuple\n  - '0111'\n  - -3.25\n- !!python/tuple\n  - '7'\n  - 1.0e-05\n";
        assert_eq!(path_rank(ranked), expected);
        assert_eq!(best_paths([&[6, 7][..], &[3]]), "- - 6\n  - 7\n- - 3\n");
        assert_eq!((path_rank([]), best_paths([])), ("[]\n".to_owned(), "[]\n".to_owned()));
        assert_eq!((path_rank_name(0), best_paths_name(3)), ("path_rank_0.yml".into(), "bestpath_3.yml".into()));
    }

    #[test]
    fn the_published_samples_are_written_byte_for_byte() {
        let fixtures = Fixtures::open().unwrap();
        if fixtures.source() != Source::Full {
            return;
        }
        let sample = |name: &str| std::fs::read_to_string(fixtures.path(&format!("nats/{name}"))).unwrap();
        let ranks = sample("path_rank_0.yml");
        let lines: Vec<&str> = ranks.lines().collect();
        let entry = |lines: &[&str]| {
            let digits = lines[1].trim_matches([' ', '-', '\'']).bytes().map(|digit| digit - b'0').collect::<Vec<_>>();
            (digits, lines[2].strip_prefix("  - ").unwrap().parse::<f64>().unwrap())
        };
        let ranked: Vec<_> = lines.chunks_exact(3).map(entry).collect();
        assert_eq!(ranked.len(), 64);
        assert_eq!(path_rank(ranked.iter().map(|(path, score)| (&path[..], *score))), ranks);
        assert_eq!(best_paths([&[6, 7][..]]), sample("bestpath_0.yml"));
    }
}
