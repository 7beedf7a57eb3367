//! JSON for machines that people can read too: objects over several lines, arrays of numbers and texts on one.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// `body` as a document that begins with `"schema": "bossnas-zoo/<command>/1"`.
pub(crate) fn document<T: Serialize>(command: &str, body: &T) -> anyhow::Result<String> {
    #[derive(Serialize)]
    struct Document<'a, T> {
        schema: String,
        #[serde(flatten)]
        body: &'a T,
    }
    let document = Document { schema: format!("bossnas-zoo/{command}/1"), body };
    let mut text = Vec::new();
    document.serialize(&mut Serializer::with_formatter(&mut text, Layout::default()))?;
    Ok(String::from_utf8(text)?)
}

/// Objects as `serde_json` lays them out; arrays stay on the line.
#[derive(Default)]
struct Layout<'a>(PrettyFormatter<'a>);

impl Formatter for Layout<'_> {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_document_begins_with_its_schema_and_keeps_the_order_of_fields() {
        #[derive(Serialize)]
        struct Body {
            a: u64,
            shape: [usize; 2],
            nested: Vec<Value>,
        }
        let body = Body { a: u64::MAX, shape: [1, 3], nested: vec![json!({"z": 1, "b": [2]}), json!({})] };
        let expected = r#"{
  "schema": "bossnas-zoo/info/1",
  "a": 18446744073709551615,
  "shape": [1, 3],
  "nested": [{
    "z": 1,
    "b": [2]
  }, {}]
}"#;
        let text = document("info", &body).unwrap();
        assert_eq!(text, expected);
        let back: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(back["nested"][0]["b"][0], 2);
    }
}
