//! What is said of a fetched entry, for people and as JSON.

use std::path::PathBuf;
use std::time::Duration;

use bossnas_hub::RemoteFile;
use bossnas_hub::cache::Trust;
use bossnas_report::{escape, units};
use bossnas_zoo::fetch::Outcome;
use serde::Serialize;

use super::task::Task;
use crate::cli::context::Context;

#[derive(Serialize)]
pub(super) struct EntryReport {
    name: String,
    /// Models whose weights these are.
    models: Vec<String>,
    licence: String,
    files: Vec<FileReport>,
    /// Whether it is part of the program, so that there was nothing to fetch.
    embedded: bool,
    /// Where a data set is unpacked.
    folder: Option<PathBuf>,
    /// The state dict that other commands take unless told otherwise.
    state_dict: Option<String>,
}

#[derive(Serialize)]
pub(super) struct FileReport {
    name: String,
    url: String,
    /// `fetched`, or `present` when it was in the cache.
    status: &'static str,
    source: String,
    path: PathBuf,
    bytes: u64,
    sha256: String,
    trust: &'static str,
    unconfirmed: bool,
    etag: Option<String>,
    date: String,
    state_dicts: Vec<StateDictReport>,
    #[serde(flatten)]
    transfer: Option<TransferReport>,
    #[serde(skip)]
    why: Trust,
}

#[derive(Serialize)]
struct TransferReport {
    resumed_from: u64,
    received: u64,
    attempts: u32,
    /// Of everything.
    seconds: f64,
    /// Until the last byte was written.
    receive_seconds: f64,
    first_use: bool,
}

#[derive(Serialize)]
struct StateDictReport {
    name: String,
    path: PathBuf,
    bytes: u64,
    sha256: String,
}

impl FileReport {
    pub(super) fn new(file: &RemoteFile, outcome: &Outcome, time: Duration) -> Self {
        let record = &outcome.fetched.record;
        let state_dicts = outcome.fetched.state_dicts.iter().map(|dict| StateDictReport {
            name: dict.name.clone(),
            path: dict.path.clone(),
            bytes: dict.bytes,
            sha256: dict.sha256.to_string(),
        });
        let transfer = outcome.transfer.as_ref().map(|transfer| TransferReport {
            resumed_from: transfer.resumed_from,
            received: transfer.received,
            attempts: transfer.attempts,
            seconds: time.as_secs_f64(),
            receive_seconds: transfer.receiving.as_secs_f64(),
            first_use: transfer.is_first,
        });
        Self {
            name: file.name.clone(),
            url: file.url.to_string(),
            status: if transfer.is_some() { "fetched" } else { "present" },
            source: record.source.clone(),
            path: outcome.fetched.path.clone(),
            bytes: record.bytes,
            sha256: record.sha256.to_string(),
            trust: record.trust.name(),
            unconfirmed: record.trust == Trust::Unconfirmed,
            etag: record.etag.clone(),
            date: record.date.clone(),
            state_dicts: state_dicts.collect(),
            transfer,
            why: record.trust,
        }
    }

    /// The size, and how it came.
    fn came(&self) -> String {
        let size = units::bytes(self.bytes);
        let Some(transfer) = &self.transfer else { return format!("{size}, in the cache since {}", self.date) };
        let time = Duration::from_secs_f64(transfer.seconds);
        let rate = units::bytes((transfer.received as f64 / transfer.receive_seconds.max(1e-3)) as u64);
        let resumed = match transfer.resumed_from {
            0 => String::new(),
            bytes => format!(", of which {} were here already", units::bytes(bytes)),
        };
        format!("{size} in {}, received at {rate}/s{resumed}", units::duration(time))
    }
}

impl EntryReport {
    pub(super) fn new(task: &Task<'_>, files: Vec<FileReport>, folder: Option<PathBuf>) -> Self {
        let (models, licence, state_dict) = match task {
            Task::Checkpoint(checkpoint, _, models) => {
                let there = files.iter().flat_map(|file| &file.state_dicts).map(|dict| dict.name.as_str());
                let wanted = checkpoint.state_dict;
                let named = |name: &str| wanted == bossnas_hub::StateDict::Auto || name == wanted.name();
                let state_dict = there.clone().find(|name| named(name)).map(str::to_owned);
                (models.iter().map(|&name| name.to_owned()).collect(), checkpoint.licence.clone(), state_dict)
            }
            Task::DataSet(set) => (Vec::new(), set.licence.clone(), None),
            Task::Embedded(embedded, models) => {
                (models.iter().map(|&name| name.to_owned()).collect(), embedded.licence.clone(), None)
            }
        };
        let embedded = task.is_embedded();
        Self { name: task.name().to_owned(), models, licence, files, embedded, folder, state_dict }
    }

    pub(super) fn print(&self, context: &Context) -> anyhow::Result<()> {
        let style = context.console.style();
        let line = |label: &str, text: &str| {
            context.console.line(format!("  {}  {}", style.dim(format!("{label:8}")), escape(text)))
        };
        context.console.line(style.bold(escape(&self.name)))?;
        if self.embedded {
            line("file", "part of the program: there is nothing to fetch")?;
        }
        for file in &self.files {
            if self.files.len() > 1 {
                line("file", &format!("{}, {}", file.name, file.came()))?;
            } else {
                line("file", &file.came())?;
            }
            if self.files.len() == 1 {
                line("from", &file.source)?;
                line("sha256", &file.sha256)?;
            }
            if self.files.len() == 1 || file.unconfirmed {
                let text = file.why.explain();
                let text = if file.unconfirmed { style.yellow(text) } else { text.to_owned() };
                context.console.line(format!("  {}  {text}", style.dim("trust   ")))?;
            }
            if !file.state_dicts.is_empty() {
                line("weights", &weights(&file.state_dicts, self.state_dict.as_deref()))?;
            }
        }
        if !self.models.is_empty() {
            line("models", &self.models.join(", "))?;
        }
        match (&self.folder, self.files.as_slice()) {
            (Some(folder), _) => line("folder", &folder.display().to_string())?,
            (None, [file]) => line("path", &file.path.display().to_string())?,
            (None, _) => {}
        }
        line("licence", &self.licence)
    }
}

/// The state dicts, and which of them is taken.
fn weights(state_dicts: &[StateDictReport], taken: Option<&str>) -> String {
    let each = state_dicts.iter().map(|dict| format!("{} ({})", dict.name, units::bytes(dict.bytes)));
    let taken = taken.filter(|_| state_dicts.len() > 1).map(|name| format!("; {name} is taken unless told otherwise"));
    format!("{} as safetensors{}", each.collect::<Vec<_>>().join(", "), taken.unwrap_or_default())
}
