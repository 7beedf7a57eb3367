//! `log.jsonl`: what happened in a run, one JSON object a line.
//!
//! Each line is written by one call, so a process that is killed leaves at most a last line without its end. Such a line was never
//! written: reading passes over it, and opening the log removes it. Anything else that is no event is refused, with its line.
//! What an event says is the run's own affair ([`Event`]).

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use bossnas_files::{AtomicFile, ReadError, SourceFile, WriteError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::JournalError;

/// The log's name in the folder of a run.
pub const NAME: &str = "log.jsonl";

/// More bytes than a log of any run: some five million steps.
const MAX_BYTES: u64 = 1 << 30;
/// No event is longer.
const MAX_LINE: u64 = 1 << 20;

/// What happened in a run.
///
/// JSON has no infinities and no NaN: a number that is one is written as `null` and read as NaN.
pub trait Event: Serialize + DeserializeOwned {
    /// Batches that were done when it happened, over the whole run.
    fn step(&self) -> u64;

    /// When it happened, in seconds since 1970.
    fn time(&self) -> f64;
}

/// A number, or NaN for `null`.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// A log that is written to.
#[derive(Debug)]
pub struct Log<E> {
    path: PathBuf,
    file: File,
    events: PhantomData<fn(E)>,
}

impl<E: Event> Log<E> {
    /// Opens the log at `path` to add to it, or begins one. A last line without its end is removed.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let failed = JournalError::append(path);
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(&failed)?;
        let end = end_of_lines(&mut file).map_err(&failed)?;
        file.set_len(end).map_err(&failed)?;
        Ok(Self { path: path.to_path_buf(), file, events: PhantomData })
    }

    /// Adds an event. Its line is with the operating system when this returns.
    pub fn write(&mut self, event: &E) -> Result<(), JournalError> {
        let failed = JournalError::append(&self.path);
        let mut line = serde_json::to_vec(event).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(failed)
    }

    /// Removes the events that are not to be kept from the log at `path`, if there is one: a run that goes on from a checkpoint does
    /// again what came after. The log is written anew, whole or not at all; lines that stay are not changed.
    pub fn cut(path: &Path, keep: impl Fn(&E) -> bool) -> Result<(), JournalError> {
        if matches!(SourceFile::open(path), Err(ReadError::Missing { .. })) {
            return Ok(());
        }
        let mut kept = AtomicFile::create(path)?;
        for_each_line(path, |line, event| {
            if keep(&event) {
                kept.write_all(line).map_err(|error| WriteError::from_io(path, error))?;
            }
            Ok(())
        })?;
        Ok(kept.commit()?)
    }
}

/// The events of the log at `path`, in the order of its lines.
pub fn read<E: Event>(path: &Path) -> Result<Vec<E>, JournalError> {
    let mut events = Vec::new();
    for_each_line(path, |_, event| {
        events.push(event);
        Ok(())
    })?;
    Ok(events)
}

/// Where the last whole line ends.
fn end_of_lines(file: &mut File) -> std::io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = [0; 4096];
    while end > 0 {
        let length = end.min(block.len() as u64);
        let bytes = &mut block[..length as usize];
        file.seek(SeekFrom::Start(end - length))?;
        file.read_exact(bytes)?;
        if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
            return Ok(end - length + at as u64 + 1);
        }
        end -= length;
    }
    Ok(0)
}

/// Hands over the lines of the log at `path` one after the other, with their ends, and what they say.
fn for_each_line<E: Event>(
    path: &Path,
    mut each: impl FnMut(&[u8], E) -> Result<(), JournalError>,
) -> Result<(), JournalError> {
    let source = SourceFile::open(path)?;
    if source.len() > MAX_BYTES {
        return Err(JournalError::TooLarge { path: path.to_path_buf(), len: source.len(), limit: MAX_BYTES });
    }
    let mut reader = BufReader::new(source.reader(0, source.len())?);
    let mut line = Vec::new();
    for number in 1.. {
        let wrong = |problem| JournalError::Line { path: path.to_path_buf(), line: number, problem };
        line.clear();
        reader
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|error| ReadError::Io { path: path.to_path_buf(), source: error })?;
        if !line.ends_with(b"\n") {
            if line.len() as u64 == MAX_LINE {
                return Err(wrong(format!("it is longer than {MAX_LINE} bytes")));
            }
            // The end of the log, or what was left of a line.
            break;
        }
        let event = serde_json::from_slice(&line).map_err(|error| wrong(format!("no event: {error}")))?;
        each(&line, event)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
