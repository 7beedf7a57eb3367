//! Numbers by name from YAML, as Python's `yaml.dump` writes them: a list of pairs, with or without `!!python/tuple`, or a map.
//!
//! The parser's events are followed one by one. Two forms are known and two levels deep, so whatever else there is, deep
//! nesting among it, ends at its first event; tags other than those of a list are refused by name, and so are anchors and
//! aliases. Keys are text whatever they look like (`'0111'`, `16:16:16:16:64`).

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::source::Source;
use super::{Entry, Problem, RankError};

/// More bytes are no path and no number.
const MAX_TEXT: usize = 256;

const PAIR: &str = "a pair of a path and a number";
const PATH: &str = "a path";
const NUMBER: &str = "a number";
const END_OF_PAIR: &str = "the end of the pair";
const LIST_OR_MAP: &str = "a list of pairs, or a map of paths to numbers";

/// The entries of a file, in its order. Two of the same key are both there.
pub(super) fn entries(source: &Source) -> Result<Vec<Entry>, RankError> {
    let mut events = Events { parser: Parser::new_from_str(source.text()), source, documents: 0 };
    let entries = match events.next()? {
        (_, Node::End) => Vec::new(),
        (_, Node::List) => list(&mut events)?,
        (_, Node::Map) => map(&mut events)?,
        (line, node) => return Err(events.unexpected(line, &node, LIST_OR_MAP)),
    };
    match events.next()? {
        (_, Node::End) => Ok(entries),
        (line, node) => Err(events.unexpected(line, &node, "the end")),
    }
}

fn list(events: &mut Events<'_>) -> Result<Vec<Entry>, RankError> {
    let mut entries = Vec::new();
    loop {
        match events.next()? {
            (_, Node::Close) => return Ok(entries),
            (_, Node::List) => {
                let entry = pair(events)?;
                events.source.add(&mut entries, entry)?;
            }
            (line, node) => return Err(events.unexpected(line, &node, PAIR)),
        }
    }
}

fn pair(events: &mut Events<'_>) -> Result<Entry, RankError> {
    let key = match events.next()? {
        (_, Node::Text(text)) => text,
        (line, node) => return Err(events.unexpected(line, &node, PATH)),
    };
    let value = number(events, &key.value)?;
    match events.next()? {
        (_, Node::Close) => Ok(Entry { key: key.value, value }),
        (line, node) => Err(events.unexpected(line, &node, END_OF_PAIR)),
    }
}

fn map(events: &mut Events<'_>) -> Result<Vec<Entry>, RankError> {
    let mut entries = Vec::new();
    loop {
        match events.next()? {
            (_, Node::Close) => return Ok(entries),
            (_, Node::Text(key)) => {
                let value = number(events, &key.value)?;
                events.source.add(&mut entries, Entry { key: key.value, value })?;
            }
            (line, node) => return Err(events.unexpected(line, &node, PATH)),
        }
    }
}

/// The number that belongs to `key`.
fn number(events: &mut Events<'_>, key: &str) -> Result<f64, RankError> {
    match events.next()? {
        (line, Node::Text(text)) if text.may_be_a_number => match text.number() {
            Some(value) if value.is_finite() => Ok(value),
            Some(_) => Err(events.source.wrong_at(line, Problem::NotFinite { key: key.to_owned() })),
            None => Err(events.unexpected(line, &Node::Text(text), NUMBER)),
        },
        (line, node) => Err(events.unexpected(line, &node, NUMBER)),
    }
}

/// What an event means here.
enum Node {
    List,
    Map,
    Text(Text),
    /// The end of a list or map.
    Close,
    /// The end of the document, or of the file.
    End,
}

/// A scalar.
struct Text {
    value: String,
    /// Neither quoted nor called a text by its tag.
    may_be_a_number: bool,
}

impl Text {
    fn number(&self) -> Option<f64> {
        match self.value.to_ascii_lowercase().as_str() {
            ".nan" => Some(f64::NAN),
            ".inf" | "+.inf" => Some(f64::INFINITY),
            "-.inf" => Some(f64::NEG_INFINITY),
            // Rust would read `inf` and `nan` too, which are words in YAML.
            text if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) && !text.contains('n') => {
                text.parse().ok()
            }
            _ => None,
        }
    }
}

/// The tags that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Tuple,
    Text,
    Number,
}

struct Events<'a> {
    parser: Parser<'a, StrInput<'a>>,
    source: &'a Source,
    /// Documents that have begun.
    documents: usize,
}

impl Events<'_> {
    /// The next event that means something, and its line.
    fn next(&mut self) -> Result<(usize, Node), RankError> {
        while let Some(event) = self.parser.next_event() {
            let (event, span) = event.map_err(|error| self.no_yaml(&error))?;
            let line = span.start.line();
            let node = match event {
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => continue,
                Event::DocumentStart(_) if self.documents == 0 => {
                    self.documents = 1;
                    continue;
                }
                Event::DocumentStart(_) => return Err(self.source.wrong_at(line, Problem::SecondDocument)),
                Event::StreamEnd => Node::End,
                Event::Alias(_) => return Err(self.source.wrong_at(line, Problem::Alias)),
                Event::SequenceEnd | Event::MappingEnd => Node::Close,
                Event::SequenceStart(anchor, tag) => {
                    self.known(line, anchor, tag.as_deref(), &[Known::Tuple])?;
                    Node::List
                }
                Event::MappingStart(anchor, tag) => {
                    self.known(line, anchor, tag.as_deref(), &[])?;
                    Node::Map
                }
                Event::Scalar(text, style, anchor, tag) => {
                    let tag = self.known(line, anchor, tag.as_deref(), &[Known::Text, Known::Number])?;
                    if text.len() > MAX_TEXT {
                        return Err(self.source.wrong_at(line, Problem::LongText { len: text.len() }));
                    }
                    let plain = style == ScalarStyle::Plain;
                    let may_be_a_number = tag.map_or(plain, |tag| tag == Known::Number);
                    Node::Text(Text { value: text.into_owned(), may_be_a_number })
                }
            };
            return Ok((line, node));
        }
        Ok((0, Node::End))
    }

    /// What a tag says, if there is one that is `allowed` here.
    fn known(
        &self,
        line: usize,
        anchor: usize,
        tag: Option<&Tag>,
        allowed: &[Known],
    ) -> Result<Option<Known>, RankError> {
        const CORE: &str = "tag:yaml.org,2002:";
        let Some(tag) = tag else {
            return if anchor == 0 { Ok(None) } else { Err(self.source.wrong_at(line, Problem::Alias)) };
        };
        let name = format!("{}{}", tag.handle, tag.suffix);
        let known = match name.strip_prefix(CORE) {
            Some("python/tuple") => Some(Known::Tuple),
            Some("str") => Some(Known::Text),
            Some("float" | "int") => Some(Known::Number),
            _ => None,
        };
        let known = known.filter(|known| allowed.contains(known));
        if known.is_none() {
            let shown = name.strip_prefix(CORE).map_or_else(|| name.clone(), |name| format!("!!{name}"));
            return Err(self.source.wrong_at(line, Problem::Tag(shown.chars().take(MAX_TEXT).collect())));
        }
        if anchor == 0 { Ok(known) } else { Err(self.source.wrong_at(line, Problem::Alias)) }
    }

    fn unexpected(&self, line: usize, node: &Node, expected: &'static str) -> RankError {
        let found = match node {
            Node::List => "a list".to_owned(),
            Node::Map => "a map".to_owned(),
            Node::Text(text) if text.value.is_empty() => "nothing".to_owned(),
            Node::Text(text) => format!("`{}`", text.value),
            Node::Close => "the end of a list or map".to_owned(),
            Node::End => "the end".to_owned(),
        };
        self.source.wrong_at(line, Problem::Unexpected { found, expected })
    }

    fn no_yaml(&self, error: &ScanError) -> RankError {
        let problem = Problem::Yaml(error.info().chars().take(MAX_TEXT).collect());
        self.source.wrong_at(error.marker().line(), problem)
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_ENTRIES;
    use super::*;

    fn read(text: &str) -> Result<Vec<Entry>, String> {
        let source = Source { path: "x.yml".into(), text: text.to_owned() };
        entries(&source).map_err(|error| error.to_string())
    }

    fn keys(text: &str) -> Vec<(String, f64)> {
        read(text).unwrap().into_iter().map(|entry| (entry.key, entry.value)).collect()
    }

    fn refused(text: &str, parts: &[&str]) {
        let message = read(text).unwrap_err();
        assert!(message.len() < 700, "{} bytes", message.len());
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }

    #[test]
    fn pairs_and_maps_are_read_and_keys_stay_text() {
        let expected = vec![("0111".to_owned(), -3.25), ("7".to_owned(), 1e-5)];
        for text in [
            "- !!python/tuple\n  - '0111'\n  - -3.25\n- !!python/tuple\n  - '7'\n  - 1.0e-05\n",
            "- [0111, -3.25]\n- [7, +1e-5]\n",
            "[!!python/tuple [\"0111\", -3.25], !!python/tuple [7, 0.00001]]",
            "0111: -3.25\n7: 1e-05\n",
            "{'0111': !!float -3.25, !!str 7: !!float '0.00001'}",
            "%YAML 1.2\n---\n? 0111\n: -3.25\n? 7\n: .1e-4\n...\n",
            "\u{feff}# a remark\n0111: -3.25\n7: 1e-05 # another\n",
        ] {
            assert_eq!(keys(text), expected, "{text}");
        }
        assert_eq!(keys("16:16:16:16:64: 89.58\n'8:8:8:8:8': 79\n").len(), 2);
        assert_eq!(keys("16:16:16:16:64: 89.58")[0].0, "16:16:16:16:64");
        assert_eq!(keys(""), []);
        assert_eq!(keys("[]"), []);
        assert_eq!(keys("# nothing\n"), []);
    }

    #[test]
    fn other_tags_are_refused_by_name_and_line() {
        refused(
            "- !!python/tuple ['1', 2.0]\n- !!python/object/apply:os.system ['touch x']\n",
            &["x.yml`, line 2", "`!!python/object/apply:os.system` is refused"],
        );
        refused("!!python/object/new:subprocess.Popen {a: 1}", &["line 1", "!!python/object/new:subprocess.Popen"]);
        refused("a: !!python/name:os.system 1", &["!!python/name:os.system"]);
        refused("a: !<tag:yaml.org,2002:python/module:os> 1", &["!!python/module:os"]);
        refused("%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.system 1", &["object/apply:os.system"]);
        refused("a: !local 1", &["!local"]);
        refused("!!set {a, b}", &["!!set"]);
        refused("a: !!binary aGk=", &["!!binary"]);
        // What is known, where it does not belong.
        refused("a: !!python/tuple 1", &["!!python/tuple"]);
        refused("!!str [a, 1]", &["!!str"]);
    }

    #[test]
    fn anchors_and_aliases_are_refused() {
        let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n";
        refused(bomb, &["line 1", "anchors and aliases are refused"]);
        refused("- &x [a, 1]\n- *x\n", &["line 1", "anchors"]);
        refused("- !!python/tuple &x [a, 1]\n", &["anchors"]);
        refused("a: &x 1", &["anchors"]);
        assert!(read("- [a, 1]\n- *x\n").is_err());
    }

    #[test]
    fn deep_nesting_ends_at_its_first_step_too_many() {
        refused("[[[1, 2]]]", &["found a list, expected a path"]);
        refused("a: {b: 1}", &["found a map, expected a number"]);
        for depth in [3, 300, 100_000] {
            refused(&"[".repeat(depth), &["line 1"]);
            refused(&"- ".repeat(depth), &["line 1"]);
            refused(&"{a: ".repeat(depth), &["line 1"]);
            refused(&"? ".repeat(depth), &["line 1"]);
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for value in
            ["", "x", "'1.5'", "\"2\"", "!!str 1", "1:30", "0x10", "1_000", "true", "~", "[1]", "{a: 1}", "inf", "nan"]
        {
            refused(&format!("a: {value}\n"), &["line 1", "expected a number"]);
        }
        for value in [".inf", "-.inf", "+.Inf", ".nan", ".NaN", "1e999", "!!float .inf"] {
            refused(&format!("0: 1\na: {value}\n"), &["line 2", "`a` is not finite"]);
        }
    }

    #[test]
    fn a_file_of_a_million_entries_is_refused_before_they_fill_the_memory() {
        refused(&"a: 1\n".repeat(MAX_ENTRIES + 1), &["more than 1048576 entries"]);
    }

    #[test]
    fn broken_and_foreign_documents_are_refused() {
        refused("- [a]\n", &["expected a number"]);
        refused("- [a, 1, 2]\n", &["found `2`, expected the end of the pair"]);
        refused("- a\n- b\n", &["expected a pair"]);
        refused("hello", &["found `hello`", "expected a list of pairs"]);
        refused("---\n", &["found nothing"]);
        refused("a: 1\n---\nb: 2\n", &["a second document"]);
        refused("[a, [b, 1]", &["x.yml"]);
        refused("a: 1\n\tb: 2\n", &["x.yml"]);
        refused("a: 1\n]\n", &["x.yml"]);
        refused(&format!("{}: 1\n", "9".repeat(1000)), &["1000 bytes", "no path and no number"]);
        refused(&format!("a: \"{}\"\n", "9".repeat(1 << 20)), &["1048576 bytes"]);
    }
}
