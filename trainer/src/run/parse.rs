//! Configurations from text: a preset, and what a file says differently.
//!
//! The keys there are and the kind of each value are those of the preset's own text: a file is laid over it, key by key. All
//! mistakes are told at once, each with its line.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::config::{Config, RatingData};
use super::preset::Preset;
use crate::search::Rules;

/// Larger files are no configurations.
pub(super) const MAX_BYTES: u64 = 1 << 20;

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

impl Config {
    /// Reads a configuration: all of it, or `preset = "NAME"` and what differs. Without a preset, that of the space.
    pub fn parse(text: &str) -> Result<Self, Mistakes> {
        let line_at = |at: usize| text.as_bytes().iter().take(at).filter(|&&byte| byte == b'\n').count() + 1;
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map(|span| line_at(span.start));
            Mistakes(vec![Mistake { line, message: error.message().to_owned() }])
        })?;
        let mut reader = Reader { line_at: &line_at, mistakes: Vec::new(), leaves: Vec::new() };
        let preset = reader.preset(table.get_ref());
        let default = preset.config();
        let Ok(toml::Value::Table(base)) = toml::Value::try_from(&default) else { return Ok(default) };
        reader.lay_over("", table.get_ref(), &base);
        let merged = reader.merged(&base);
        let config = merged.unwrap_or(default);
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
}

/// A value that a file sets.
struct Leaf {
    key: String,
    line: usize,
    value: toml::Value,
}

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

    /// The preset that `preset` or else `space` names.
    fn preset(&mut self, table: &DeTable<'_>) -> Preset {
        let text = |key: &str| {
            let (_, value) = table.iter().find(|(name, _)| name.get_ref().as_ref() == key)?;
            Some((value.get_ref().as_str()?.to_owned(), (self.line_at)(value.span().start)))
        };
        let (preset, space) = (text("preset"), text("space"));
        let named = preset.clone().or(space).and_then(|(name, _)| name.parse().ok());
        let names = Preset::ALL.map(Preset::name).join(", ");
        match (&preset, named) {
            (_, Some(named)) => return named,
            (Some((_, line)), None) => self.wrong(*line, format!("`preset` is one of {names}")),
            // A wrong space is told later, with its line.
            (None, None) if table.iter().any(|(name, _)| name.get_ref().as_ref() == "space") => {}
            (None, None) => {
                let message = format!("`preset` is missing: one of {names}");
                self.mistakes.push(Mistake { line: None, message });
            }
        }
        Preset::Hytra
    }

    /// Notes what a table sets, where it may set it.
    fn lay_over(&mut self, prefix: &str, table: &DeTable<'_>, base: &toml::Table) {
        for (name, value) in table {
            let key = name.get_ref().as_ref();
            let path = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
            let line = (self.line_at)(name.span().start);
            if path == "preset" {
                continue;
            }
            let Some(expected) = base.get(key) else {
                let known: Vec<&str> = base.keys().map(String::as_str).collect();
                self.wrong(line, format!("there is no `{}`; there are {}", path.escape_debug(), known.join(", ")));
                continue;
            };
            match (expected, value.get_ref()) {
                (toml::Value::Table(base), DeValue::Table(table)) => self.lay_over(&path, table, base),
                // Both columns have a name.
                (toml::Value::Table(_), DeValue::String(name)) if path == "rules" => self.rules(name.as_ref(), line),
                _ => self.leaf(path, line, expected, value),
            }
        }
    }

    fn rules(&mut self, name: &str, line: usize) {
        let rules = match name {
            "published" => Rules::published(),
            "corrected" => Rules::corrected(),
            _ => return self.wrong(line, "`rules` is \"published\", \"corrected\", or a table of switches".to_owned()),
        };
        let Ok(toml::Value::Table(table)) = toml::Value::try_from(rules) else { return };
        let on = toml::Value::try_from(RatingData::of(rules)).map(|value| ("rating.on".to_owned(), value)).into_iter();
        let switches = table.into_iter().map(|(key, value)| (format!("rules.{key}"), value)).chain(on);
        // First, so that what else the file says of the same keys counts.
        self.leaves.splice(0..0, switches.map(|(key, value)| Leaf { key, line, value }));
    }

    fn leaf(&mut self, key: String, line: usize, expected: &toml::Value, found: &Spanned<DeValue<'_>>) {
        let value = match (owned(found.get_ref()), expected) {
            (Some(toml::Value::Integer(whole)), toml::Value::Float(_)) => toml::Value::Float(whole as f64),
            (Some(value), expected) if value.same_type(expected) => value,
            (_, expected) => return self.wrong(line, format!("`{key}` is {}", kind(expected))),
        };
        self.leaves.push(Leaf { key, line, value });
    }

    /// The base with what the file sets. A value that has no meaning is told alone, and left out.
    fn merged(&mut self, base: &toml::Table) -> Option<Config> {
        let mut merged = base.clone();
        let mut wrong = Vec::new();
        for leaf in &self.leaves {
            let mut alone = base.clone();
            set(&mut alone, &leaf.key, &leaf.value);
            match toml::Value::Table(alone).try_into::<Config>() {
                Ok(_) => set(&mut merged, &leaf.key, &leaf.value),
                Err(error) => wrong.push((leaf.line, format!("`{}` is wrong: {}", leaf.key, error.message().trim()))),
            }
        }
        for (line, message) in wrong {
            self.wrong(line, message);
        }
        toml::Value::Table(merged).try_into().ok()
    }
}

/// Sets the value of a key with dots, whose tables are there.
fn set(table: &mut toml::Table, key: &str, value: &toml::Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value.clone());
        }
        Some((first, rest)) => {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_differs_from_its_preset() {
        let config =
            Config::parse("preset = \"digits\"\nbase = 16\n[training]\nepochs = 2\nlearning-rate = 1\n").unwrap();
        let mut expected = Preset::Digits.config();
        expected.base = 16;
        (expected.training.epochs, expected.training.learning_rate) = (2, 1.0);
        assert_eq!(config, expected);
        let published = Config::parse("space = \"nats-c10\"\nrules = \"published\"\n").unwrap();
        let mut expected = Config { rules: Rules::published(), ..Preset::NatsC10.config() };
        expected.rating.on = RatingData::TestSet;
        assert_eq!(published, expected);
        let one = Config::parse("preset = \"hytra\"\n[rules]\nattention = \"transposed\"\n").unwrap();
        assert_eq!(one.rules, Rules { attention: Rules::published().attention, ..Rules::corrected() });
    }

    #[test]
    fn every_preset_is_what_its_own_text_says() {
        for preset in Preset::ALL {
            let config = preset.config();
            assert_eq!(config.problems(), [], "{}", preset.name());
            assert_eq!(Config::parse(&config.to_toml()).unwrap(), config, "{}", preset.name());
        }
    }

    #[test]
    fn all_mistakes_are_told_with_their_lines() {
        let text = "preset = \"digits\"\nbase = 0\nsede = 1\n\n[training]\nepochs = \"six\"\nbatch-size = 1\n\
                    [rules]\nprefix = \"thawed\"\n[views]\npairs = 0\n";
        let mistakes = Config::parse(text).unwrap_err();
        let lines: Vec<Option<usize>> = mistakes.0.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [2, 3, 6, 7, 9, 11].map(Some), "{mistakes}");
        let text = mistakes.to_string();
        for part in ["line 3: there is no `sede`", "`training.epochs` is a whole number", "thawed", "`views` is wrong"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(Config::parse("base = 1\nbase = 2").unwrap_err().0[0].line, Some(2));
        assert!(Config::parse("preset = \"x\"").unwrap_err().to_string().contains("nats-c100"));
    }

    #[test]
    fn differences_are_named() {
        let (ours, mut theirs) = (Preset::Digits.config(), Preset::Digits.config());
        assert_eq!(ours.differences(&theirs), []);
        theirs.training.epochs = 7;
        assert_eq!(ours.differences(&theirs), [("training.epochs".to_owned(), "6".to_owned(), "7".to_owned())]);
    }
}
