//! Configurations from text: a named one, and what a file says differently.
//!
//! The keys there are and the kind of each value are those of the named configuration's own text: a file is laid over it, key by key.
//! All mistakes are told at once, each with its line.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Larger files are no configurations.
pub const MAX_BYTES: u64 = 1 << 20;

/// Something in a file that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Its line, from 1; where a value is missing or a preset's own, none.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

/// All mistakes of a file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Mistakes {}

/// What decides the numbers of a run, as it is written in `config.toml`.
pub trait Configuration: Serialize + DeserializeOwned + Clone {
    /// What it is of: `a search`.
    const KIND: &'static str;
    /// The key by which a file names the configuration that it is laid over.
    const BASE: &'static str;
    /// A key whose value may name it as well, or that only whole configurations have.
    const IMPLIED_BY: &'static str;

    /// The configurations that have a name.
    fn names() -> Vec<&'static str>;

    /// The configuration of that name.
    fn named(name: &str) -> Option<Self>;

    /// What a file is laid over that names none.
    fn fallback() -> Self;

    /// Configurations that together have every key there is: tables that some have and others lack may be added to those, or
    /// taken out by `"none"`.
    fn known() -> Vec<Self> {
        Self::names().into_iter().filter_map(Self::named).collect()
    }

    /// Keys whose values are taken as they are, and not laid over key by key: choices between tables.
    const CHOICES: &'static [&'static str] = &[];

    /// All values that cannot be: where they stand (`training.epochs`) and what is wrong with them.
    fn problems(&self) -> Vec<(String, String)>;

    /// What a text stands for where there is a table under `key`: the values that it sets, or what is wrong with it.
    fn shorthand(_key: &str, _text: &str) -> Option<Result<Vec<(String, toml::Value)>, String>> {
        None
    }

    /// Its text, with every key.
    fn to_toml(&self) -> String {
        // A tree of numbers, names and tables always has a text.
        toml::to_string(self).unwrap_or_default()
    }

    /// Reads a configuration: all of it, or the name of one and what differs.
    fn parse(text: &str) -> Result<Self, Mistakes> {
        // One that has every key is what it says, and lacks the tables that it does not have.
        if let Some(whole) = toml::from_str::<Self>(text).ok().filter(|config| config.problems().is_empty()) {
            return Ok(whole);
        }
        let line_at = |at: usize| text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count() + 1;
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map(|span| line_at(span.start));
            Mistakes(vec![Mistake { line, message: error.message().to_owned() }])
        })?;
        let mut reader = Reader { line_at: &line_at, mistakes: Vec::new(), leaves: Vec::new() };
        let default: Self = reader.base(table.get_ref());
        let Ok(toml::Value::Table(base)) = toml::Value::try_from(&default) else { return Ok(default) };
        let mut known = base.clone();
        for other in Self::known() {
            if let Ok(toml::Value::Table(other)) = toml::Value::try_from(&other) {
                unite(&mut known, &other);
            }
        }
        reader.lay_over::<Self>("", table.get_ref(), &known, Some(&base));
        let config = reader.merged(&base).unwrap_or(default);
        for (key, message) in config.problems() {
            let line = reader.line_of(&key);
            reader.mistakes.push(Mistake { line, message: format!("`{key}` {message}") });
        }
        if reader.mistakes.is_empty() {
            return Ok(config);
        }
        reader.mistakes.sort_by_key(|mistake| mistake.line.unwrap_or(0));
        Err(Mistakes(reader.mistakes))
    }

    /// The keys in which another configuration differs, with both values.
    fn differences(&self, other: &Self) -> Vec<(String, String, String)> {
        let leaves = |config: &Self| {
            let mut leaves = Vec::new();
            if let Ok(toml::Value::Table(table)) = toml::Value::try_from(config) {
                flatten("", table, &mut leaves);
            }
            leaves
        };
        let (ours, theirs) = (leaves(self), leaves(other));
        let value = |leaves: &[(String, String)], key: &str| {
            let found = leaves.iter().find(|(name, _)| name == key);
            found.map_or("nothing".to_owned(), |(_, value)| value.clone())
        };
        let mut keys: Vec<&String> = ours.iter().chain(&theirs).map(|(key, _)| key).collect();
        keys.sort();
        keys.dedup();
        let both = keys.into_iter().map(|key| (key.clone(), value(&ours, key), value(&theirs, key)));
        both.filter(|(_, ours, theirs)| ours != theirs).collect()
    }
}

fn flatten(prefix: &str, table: toml::Table, leaves: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(table) => flatten(&path, table, leaves),
            value => leaves.push((path, value.to_string())),
        }
    }
}

/// Adds what another table has and this one lacks.
fn unite(table: &mut toml::Table, other: &toml::Table) {
    for (key, value) in other {
        match (table.get_mut(key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) => unite(inner, value),
            (Some(_), _) => {}
            (None, _) => {
                table.insert(key.clone(), value.clone());
            }
        }
    }
}

/// A value that a file sets; none of a table that it takes out.
struct Leaf {
    key: String,
    line: usize,
    value: Option<toml::Value>,
}

/// What takes a table out.
const NONE: &str = "none";

struct Reader<'a> {
    line_at: &'a dyn Fn(usize) -> usize,
    mistakes: Vec<Mistake>,
    leaves: Vec<Leaf>,
}

impl Reader<'_> {
    fn wrong(&mut self, line: usize, message: String) {
        self.mistakes.push(Mistake { line: Some(line), message });
    }

    fn line_of(&self, key: &str) -> Option<usize> {
        let under = |leaf: &&Leaf| leaf.key == key || leaf.key.starts_with(&format!("{key}."));
        self.leaves.iter().find(under).map(|leaf| leaf.line)
    }

    /// The configuration that a file is laid over.
    fn base<C: Configuration>(&mut self, table: &DeTable<'_>) -> C {
        let value = |key: &str| table.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value);
        let named = |value: &Spanned<DeValue<'_>>| C::named(value.get_ref().as_str()?);
        let names = C::names().join(", ");
        match (value(C::BASE), value(C::IMPLIED_BY)) {
            (Some(base), _) => {
                if let Some(base) = named(base) {
                    return base;
                }
                self.wrong((self.line_at)(base.span().start), format!("`{}` is one of {names}", C::BASE));
            }
            // What is wrong with it is told later, with its line.
            (None, Some(implied)) => return named(implied).unwrap_or_else(C::fallback),
            (None, None) => {
                let message = format!("`{}` is missing: one of {names}", C::BASE);
                self.mistakes.push(Mistake { line: None, message });
            }
        }
        C::fallback()
    }

    /// Notes what a table sets, where it may set it. `known` are the keys there are, `base` those that are laid over.
    fn lay_over<C: Configuration>(
        &mut self,
        prefix: &str,
        table: &DeTable<'_>,
        known: &toml::Table,
        base: Option<&toml::Table>,
    ) {
        for (name, value) in table {
            let key = name.get_ref().as_ref();
            let path = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
            let line = (self.line_at)(name.span().start);
            if path == C::BASE {
                continue;
            }
            let Some(expected) = known.get(key) else {
                let known: Vec<&str> = known.keys().map(String::as_str).collect();
                self.wrong(line, format!("there is no `{}`; there are {}", path.escape_debug(), known.join(", ")));
                continue;
            };
            let present = base.and_then(|base| base.get(key));
            match (expected, value.get_ref()) {
                _ if C::CHOICES.contains(&path.as_str()) => match owned(value.get_ref()) {
                    Some(value) => self.leaves.push(Leaf { key: path, line, value: Some(value) }),
                    None => self.wrong(line, format!("`{path}` is {}", kind(expected))),
                },
                (toml::Value::Table(expected), DeValue::Table(table)) => {
                    if present.is_none() {
                        self.leaves.push(Leaf {
                            key: path.clone(),
                            line,
                            value: Some(toml::Value::Table(expected.clone())),
                        });
                    }
                    self.lay_over::<C>(&path, table, expected, present.and_then(toml::Value::as_table));
                }
                (toml::Value::Table(_), DeValue::String(text)) => match C::shorthand(&path, text) {
                    Some(meant) => self.meant(meant, line),
                    None if text == NONE => self.leaves.push(Leaf { key: path, line, value: None }),
                    None => self.leaf(path, line, expected, value),
                },
                _ => self.leaf(path, line, expected, value),
            }
        }
    }

    /// Notes what a text stands for.
    fn meant(&mut self, meant: Result<Vec<(String, toml::Value)>, String>, line: usize) {
        match meant {
            // First, so that what else the file says of the same keys counts.
            Ok(values) => {
                self.leaves.splice(0..0, values.into_iter().map(|(key, value)| Leaf { key, line, value: Some(value) }));
            }
            Err(message) => self.wrong(line, message),
        }
    }

    fn leaf(&mut self, key: String, line: usize, expected: &toml::Value, found: &Spanned<DeValue<'_>>) {
        let value = match (owned(found.get_ref()), expected) {
            (Some(toml::Value::Integer(whole)), toml::Value::Float(_)) => toml::Value::Float(whole as f64),
            (Some(value), expected) if value.same_type(expected) => value,
            (_, expected) => return self.wrong(line, format!("`{key}` is {}", kind(expected))),
        };
        self.leaves.push(Leaf { key, line, value: Some(value) });
    }

    /// The base with what the file sets. A value that has no meaning is told alone, and left out.
    fn merged<C: Configuration>(&mut self, base: &toml::Table) -> Option<C> {
        let mut merged = base.clone();
        let mut wrong = Vec::new();
        for leaf in &self.leaves {
            // Together with what came before it, which may be the table that it stands in.
            let mut with = merged.clone();
            set(&mut with, &leaf.key, leaf.value.as_ref());
            match toml::Value::Table(with.clone()).try_into::<C>() {
                Ok(_) => merged = with,
                Err(error) => wrong.push((leaf.line, format!("`{}` is wrong: {}", leaf.key, error.message().trim()))),
            }
        }
        for (line, message) in wrong {
            self.wrong(line, message);
        }
        toml::Value::Table(merged).try_into().ok()
    }
}

/// Sets the value of a key with dots, whose tables are there, or takes it out.
fn set(table: &mut toml::Table, key: &str, value: Option<&toml::Value>) {
    match (key.split_once('.'), value) {
        (None, Some(value)) => {
            table.insert(key.to_owned(), value.clone());
        }
        (None, None) => {
            table.remove(key);
        }
        (Some((first, rest)), value) => {
            if let Some(toml::Value::Table(inner)) = table.get_mut(first) {
                set(inner, rest, value);
            }
        }
    }
}

/// A value without its place; dates and numbers that no number holds are none.
fn owned(value: &DeValue<'_>) -> Option<toml::Value> {
    Some(match value {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        DeValue::Integer(number) => toml::Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?),
        DeValue::Float(number) => toml::Value::Float(number.as_str().parse().ok()?),
        DeValue::Boolean(value) => toml::Value::Boolean(*value),
        DeValue::Datetime(_) => return None,
        DeValue::Array(values) => {
            toml::Value::Array(values.iter().map(|value| owned(value.get_ref())).collect::<Option<_>>()?)
        }
        DeValue::Table(table) => {
            let entry = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                let name: &std::borrow::Cow<'_, str> = name.get_ref();
                Some((name.to_string(), owned(value.get_ref())?))
            };
            toml::Value::Table(table.iter().map(entry).collect::<Option<_>>()?)
        }
    })
}

fn kind(value: &toml::Value) -> &'static str {
    match value {
        toml::Value::String(_) => "a text in quotes",
        toml::Value::Integer(_) => "a whole number",
        toml::Value::Float(_) => "a number",
        toml::Value::Boolean(_) => "true or false",
        toml::Value::Datetime(_) => "a date",
        toml::Value::Array(_) => "a list",
        toml::Value::Table(_) => "a table",
    }
}
