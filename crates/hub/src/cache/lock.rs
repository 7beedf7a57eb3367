//! `registry.lock`: what was fetched, from where, and what each address must give from now on.
//!
//! The file is TOML, written by the program and read as strictly as a registry. A record outlives the file it is about:
//! what came once is what must come again.

use bossnas_files::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

/// The version that this program reads and writes.
const SCHEMA: u32 = 1;

const HEADER: &str =
    "# What was fetched, from where, and what each address must give from now on. Written by bossnas-zoo.\n\n";

/// Why the bytes of a record are believed to be the right ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// The registry gives their digest.
    Registry,
    /// The user gave their digest.
    Pinned,
    /// They were what the registry's own address gave when it was first asked.
    FirstUse,
    /// They came from a mirror or a file, and nobody gave their digest.
    Unconfirmed,
}

impl Trust {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Pinned => "pinned",
            Self::FirstUse => "first-use",
            Self::Unconfirmed => "unconfirmed",
        }
    }

    /// In words.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Registry => "has the digest that the registry gives",
            Self::Pinned => "has the digest that was given with --sha256",
            Self::FirstUse => {
                "trusted on first use: no digest is published, and this is what the registry's address gave"
            }
            Self::Unconfirmed => {
                "unconfirmed: no digest is published, and this came from elsewhere than the registry's address"
            }
        }
    }
}

/// What was made of a fetched checkpoint: one of its state dicts as safetensors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// `model_ema`, `model` and so on.
    pub name: String,
    /// Digest of the file.
    #[serde(serialize_with = "write_digest", deserialize_with = "read_digest")]
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its file name.
    pub name: String,
    /// Its own address in the registry, by which it is found.
    pub url: Url,
    /// Digest of what came.
    #[serde(serialize_with = "write_digest", deserialize_with = "read_digest")]
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
    /// Why it is believed.
    pub trust: Trust,
    /// Where it came from, without credentials and query.
    pub source: String,
    /// The entity tag that the server gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When it came, as RFC 3339.
    pub date: String,
    /// What was made of it.
    #[serde(default, rename = "state_dict", skip_serializing_if = "Vec::is_empty")]
    pub state_dicts: Vec<Derived>,
}

/// All records.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    /// Fetched files, in the order of their addresses.
    pub files: Vec<Record>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    schema: u32,
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    files: Vec<Record>,
}

impl Lock {
    /// The record of an address.
    pub fn file(&self, url: &Url) -> Option<&Record> {
        self.files.iter().find(|record| record.url == *url)
    }

    /// Adds a record, or puts it in the place of the one of that address.
    pub fn put(&mut self, record: Record) {
        self.files.retain(|other| other.url != record.url);
        let place = self.files.partition_point(|other| other.url < record.url);
        self.files.insert(place, record);
    }

    /// Reads what [`to_text`](Self::to_text) wrote; the error has its line.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let raw: Raw = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            format!("line {line}: {}", error.message().replace('\n', " "))
        })?;
        if raw.schema != SCHEMA {
            return Err(format!("its schema is {}, expected {SCHEMA}", raw.schema));
        }
        let mut lock = Self::default();
        raw.files.into_iter().for_each(|record| lock.put(record));
        Ok(lock)
    }

    pub(super) fn to_text(&self) -> Result<String, toml::ser::Error> {
        let raw = Raw { schema: SCHEMA, files: self.files.clone() };
        Ok(HEADER.to_owned() + &toml::to_string(&raw)?)
    }
}

fn write_digest<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(digest)
}

fn read_digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(url: &str, byte: char) -> Record {
        let digest = byte.to_string().repeat(64).parse().unwrap();
        Record {
            name: "a.pth".to_owned(),
            url: url.parse().unwrap(),
            sha256: digest,
            bytes: 7,
            trust: Trust::FirstUse,
            source: url.to_owned(),
            etag: Some("\"x\"".to_owned()),
            date: "2026-01-02T03:04:05Z".to_owned(),
            state_dicts: vec![Derived { name: "model".to_owned(), sha256: digest, bytes: 5 }],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut lock = Lock::default();
        assert_eq!(Lock::parse(&lock.to_text().unwrap()), Ok(lock.clone()));
        lock.put(record("https://h/b", '1'));
        lock.put(record("https://h/a", '2'));
        lock.put(record("https://h/b", '3'));
        let text = lock.to_text().unwrap();
        assert_eq!(Lock::parse(&text), Ok(lock.clone()), "{text}");
        let urls: Vec<&str> = lock.files.iter().map(|record| record.url.as_str()).collect();
        assert_eq!(urls, ["https://h/a", "https://h/b"]);
        assert_eq!(lock.file(&"https://h/b".parse().unwrap()).unwrap().sha256.to_string(), "3".repeat(64));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        let text = "schema = 1\n[[file]]\nname = 'x'\nbogus = 1\n";
        let error = Lock::parse(text).unwrap_err();
        assert!(error.contains("bogus"), "{error}");
        assert_eq!(Lock::parse("schema = 2"), Err("its schema is 2, expected 1".to_owned()));
        assert!(Lock::parse("schema = ").unwrap_err().starts_with("line 1: "));
    }
}
