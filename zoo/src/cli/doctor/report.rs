//! What is found out, as data.

use std::path::PathBuf;

use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Nothing is broken.
    pub(super) usable: bool,
    pub(super) versions: Versions,
    /// What can run files here, and why the others cannot.
    pub(super) runtimes: Vec<RuntimeReport>,
    /// Null when it cannot be used.
    pub(super) registry: Option<RegistryReport>,
    /// Null when this user can have none.
    pub(super) cache: Option<CacheReport>,
    /// Entries of the registry, and what else is in the cache.
    pub(super) entries: Vec<EntryReport>,
    pub(super) partials: Vec<PartialReport>,
    pub(super) certificates: Certificates,
    /// Variables that name proxies, without credentials.
    pub(super) proxies: Vec<Variable>,
    /// Other variables that this program reads.
    pub(super) environment: Vec<Variable>,
    pub(super) terminal: Terminal,
    pub(super) problems: Vec<Problem>,
}

#[derive(Debug, Serialize)]
pub(super) struct Versions {
    pub(super) bossnas_zoo: &'static str,
    pub(super) tract: &'static str,
    /// What decodes JPEG files.
    pub(super) jpeg_decoder: &'static str,
    pub(super) target: String,
    pub(super) system: String,
}

#[derive(Debug, Serialize)]
pub(super) struct RuntimeReport {
    pub(super) name: &'static str,
    pub(super) works: bool,
    /// The library that it is in, or would be.
    pub(super) library: Option<PathBuf>,
    /// Which build of ONNX Runtime it is, in its own words.
    pub(super) build: Option<String>,
    /// Why it does not work.
    pub(super) reason: Option<String>,
    /// What can be done.
    pub(super) hint: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct RegistryReport {
    pub(super) origin: String,
    pub(super) models: usize,
    pub(super) checkpoints: usize,
    pub(super) data_sets: usize,
    /// Models and data sets that are part of the program.
    pub(super) built_in: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct CacheReport {
    pub(super) folder: PathBuf,
    /// Whether `$BOSSNAS_HOME` names it.
    pub(super) from_environment: bool,
    pub(super) exists: bool,
    pub(super) writable: bool,
    pub(super) free_bytes: Option<u64>,
    /// Null when it cannot be looked into.
    pub(super) used_bytes: Option<u64>,
    pub(super) leftovers: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct EntryReport {
    pub(super) name: String,
    pub(super) kind: &'static str,
    /// `present`, `not fetched`, or what is wrong.
    pub(super) state: &'static str,
    pub(super) models: Vec<String>,
    /// Brings it.
    pub(super) command: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct PartialReport {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) expected_bytes: Option<u64>,
    /// Whether no process works on it.
    pub(super) abandoned: bool,
    /// Goes on with it.
    pub(super) command: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Certificates {
    /// Of the system, or of `$SSL_CERT_FILE` and `$SSL_CERT_DIR`.
    pub(super) found: usize,
    /// What could not be read.
    pub(super) errors: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Terminal {
    pub(super) stdout: bool,
    pub(super) stderr: bool,
    pub(super) term: Option<String>,
    pub(super) color: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Problem {
    /// Whether commands fail because of it.
    pub(super) broken: bool,
    pub(super) message: String,
    pub(super) hint: String,
}
