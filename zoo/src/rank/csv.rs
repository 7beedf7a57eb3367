//! Numbers by name from CSV: `arch,accuracy` lines, with a line of titles before them or without. A field may be quoted as
//! RFC 4180 says, so that an architecture may have commas.

use std::borrow::Cow;

use super::source::Source;
use super::{Entry, Problem, RankError};

/// The entries of a file, in its order. Two of the same key are both there.
pub(super) fn entries(source: &Source) -> Result<Vec<Entry>, RankError> {
    let mut entries = Vec::new();
    let mut first = true;
    for (index, line) in source.text().lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let wrong = |problem| source.wrong_at(index + 1, problem);
        let (key, rest) = field(line).ok_or_else(|| wrong(Problem::Csv))?;
        let (value, rest) = rest.strip_prefix(',').and_then(field).ok_or_else(|| wrong(Problem::Csv))?;
        if !rest.is_empty() {
            return Err(wrong(Problem::Csv));
        }
        match value.trim().parse::<f64>() {
            Ok(value) if value.is_finite() => {
                source.add(&mut entries, Entry { key: key.trim().to_owned(), value })?;
            }
            Ok(_) => return Err(wrong(Problem::NotFinite { key: key.trim().to_owned() })),
            // A line of titles.
            Err(_) if first => {}
            Err(_) => {
                let found = format!("`{}`", value.trim());
                return Err(wrong(Problem::Unexpected { found, expected: "a number" }));
            }
        }
        first = false;
    }
    Ok(entries)
}

/// The field that a line begins with, and what follows it.
fn field(line: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = line.strip_prefix('"') else {
        let end = line.find(',').unwrap_or(line.len());
        let (field, rest) = line.split_at(end);
        return (!field.contains('"')).then_some((field.into(), rest));
    };
    let bytes = quoted.as_bytes();
    let mut at = 0;
    loop {
        at += quoted.get(at..)?.find('"')?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some((quoted[..at].replace("\"\"", "\"").into(), &quoted[at + 1..]));
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, f64)>, String> {
        let source = Source { path: "x.csv".into(), text: text.to_owned() };
        let pairs = |entries: Vec<Entry>| entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
        entries(&source).map(pairs).map_err(|error| error.to_string())
    }

    #[test]
    fn lines_are_read_with_titles_and_without() {
        let expected = Ok(vec![("74/64/5".to_owned(), 93.5), ("[[1,1]]".to_owned(), -2.0)]);
        assert_eq!(read("arch,accuracy\r\n74/64/5,93.5\r\n\"[[1,1]]\",-2\r\n"), expected);
        assert_eq!(read("\u{feff}74/64/5 , 93.5\n\n\"[[1,1]]\",\"-2e0\"\n"), expected);
        assert_eq!(read(""), Ok(vec![]));
        assert_eq!(read("arch,accuracy"), Ok(vec![]));
        assert_eq!(read("\"a\"\"b\",1"), Ok(vec![("a\"b".to_owned(), 1.0)]));
    }

    #[test]
    fn other_lines_are_refused_by_number() {
        for text in ["a,1\nb", "a,1\nb,2,3", "a,1\n\"b,2", "a,1\nb\"c,2", "a,1\n\"b\"c,2", "a,1\nb,\"2\"3"] {
            let message = read(text).unwrap_err();
            assert!(message.contains("x.csv`, line 2: a line is"), "{message}");
        }
        assert!(read("a,1\nb,c").unwrap_err().contains("line 2: found `c`, expected a number"));
        assert!(read("a,b\nb,c").unwrap_err().contains("line 2: found `c`"));
        assert!(read("a,1\nb,inf").unwrap_err().contains("line 2: the number of `b` is not finite"));
        assert!(read("a,nan").unwrap_err().contains("not finite"));
    }
}
