//! `log.jsonl`: what happened in a run, one JSON object a line.
//!
//! Each line is written by one call, so a process that is killed leaves at most a last line without its end. Such a line was never
//! written: reading passes over it, and opening the log removes it. Anything else that is no event is refused, with its line.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bossnas_files::{AtomicFile, ReadError, SourceFile, WriteError};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::JournalError;

/// The log's name in the folder of a run.
pub const NAME: &str = "log.jsonl";

/// More bytes than a log of any run: some five million steps.
const MAX_BYTES: u64 = 1 << 30;
/// No event is longer.
const MAX_LINE: u64 = 1 << 20;

/// What happened. `time` is in seconds since 1970; `step` counts the batches that are done over the whole run, from 1.
///
/// JSON has no infinities and no NaN: a number that is one is written as `null` and read as NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run begins.
    Start {
        /// When.
        time: f64,
        /// 0.
        step: u64,
        /// Of the program.
        version: String,
        /// The search space, as `Space::from_str` reads it.
        space: String,
        /// The switches of [`Rules`](crate::search::Rules).
        rules: Map<String, Value>,
        /// How many steps the whole run has.
        steps: u64,
    },
    /// A batch is done.
    Step(Step),
    /// The paths of a stage were rated.
    Rating(Rating),
    /// A stage is decided.
    Stage {
        /// When.
        time: f64,
        /// The stage, from 0.
        stage: usize,
        /// Batches done.
        step: u64,
        /// The path that goes on, as the digits of its operations.
        best: String,
        /// Its score.
        #[serde(deserialize_with = "number")]
        score: f64,
    },
    /// The run goes on from a checkpoint.
    Resume {
        /// When.
        time: f64,
        /// The checkpoint's.
        step: u64,
    },
    /// A picture could not be read.
    Broken {
        /// When.
        time: f64,
        /// Batches done.
        step: u64,
        /// The picture.
        name: String,
        /// What is wrong with it.
        error: String,
    },
    /// The process ends before the run does.
    Stop {
        /// When.
        time: f64,
        /// Batches done.
        step: u64,
        /// Why.
        reason: Reason,
    },
    /// The run is complete.
    End {
        /// When.
        time: f64,
        /// Batches done.
        step: u64,
        /// How long it took.
        seconds: f64,
    },
}

/// A batch is done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub time: f64,
    /// The stage, from 0.
    pub stage: usize,
    /// The epoch of the stage, from 0.
    pub epoch: u64,
    /// Batches done, this one included.
    pub step: u64,
    /// The mean over the paths of half the sum of both losses, from -4 to 4.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// The learning rate.
    #[serde(deserialize_with = "number")]
    pub lr: f64,
    /// With which the target follows.
    #[serde(deserialize_with = "number")]
    pub momentum: f64,
    /// Images a second.
    #[serde(deserialize_with = "number")]
    pub images_per_second: f64,
    /// The share of the time that the step waited for data.
    #[serde(deserialize_with = "number")]
    pub waited: f64,
    /// Resident bytes of the process.
    pub memory: u64,
    /// The factor of the loss in 16-bit arithmetic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
}

/// The paths of a stage were rated: the lower a score, the better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// When.
    pub time: f64,
    /// The stage, from 0.
    pub stage: usize,
    /// The epoch of the stage after which they were rated, from 0.
    pub epoch: u64,
    /// Batches done.
    pub step: u64,
    /// The best path, as the digits of its operations.
    pub best: String,
    /// Its score.
    #[serde(deserialize_with = "number")]
    pub score: f64,
    /// The score in the middle.
    #[serde(deserialize_with = "number")]
    pub median: f64,
    /// The worst score.
    #[serde(deserialize_with = "number")]
    pub worst: f64,
    /// How many paths were rated.
    pub paths: usize,
    /// How long it took.
    pub seconds: f64,
}

/// Why a process ends before its run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A signal asked for it.
    Interrupt,
    /// `--max-steps` are done.
    MaxSteps,
    /// The `--stages` that were asked for are decided.
    Stages,
}

impl Event {
    /// Batches that were done when it happened.
    pub fn step(&self) -> u64 {
        match self {
            Self::Step(Step { step, .. })
            | Self::Rating(Rating { step, .. })
            | Self::Start { step, .. }
            | Self::Stage { step, .. }
            | Self::Resume { step, .. }
            | Self::Broken { step, .. }
            | Self::Stop { step, .. }
            | Self::End { step, .. } => *step,
        }
    }

    /// When it happened, in seconds since 1970.
    pub fn time(&self) -> f64 {
        match self {
            Self::Step(Step { time, .. })
            | Self::Rating(Rating { time, .. })
            | Self::Start { time, .. }
            | Self::Stage { time, .. }
            | Self::Resume { time, .. }
            | Self::Broken { time, .. }
            | Self::Stop { time, .. }
            | Self::End { time, .. } => *time,
        }
    }
}

/// A number, or NaN for `null`.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// A log that is written to.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the log at `path` to add to it, or begins one. A last line without its end is removed.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let failed = JournalError::append(path);
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(&failed)?;
        let end = end_of_lines(&mut file).map_err(&failed)?;
        file.set_len(end).map_err(&failed)?;
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// Adds an event. Its line is with the operating system when this returns.
    pub fn write(&mut self, event: &Event) -> Result<(), JournalError> {
        let failed = JournalError::append(&self.path);
        let mut line = serde_json::to_vec(event).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(failed)
    }

    /// Removes the events after a step from the log at `path`, if there is one: a run that goes on from a checkpoint does them again.
    /// The log is written anew, whole or not at all; lines that stay are not changed.
    pub fn cut(path: &Path, after_step: u64) -> Result<(), JournalError> {
        if matches!(SourceFile::open(path), Err(ReadError::Missing { .. })) {
            return Ok(());
        }
        let mut kept = AtomicFile::create(path)?;
        for_each_line(path, |line, event| {
            if event.step() <= after_step {
                kept.write_all(line).map_err(|error| WriteError::from_io(path, error))?;
            }
            Ok(())
        })?;
        Ok(kept.commit()?)
    }
}

/// The events of the log at `path`, in the order of its lines.
pub fn read(path: &Path) -> Result<Vec<Event>, JournalError> {
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
fn for_each_line(
    path: &Path,
    mut each: impl FnMut(&[u8], Event) -> Result<(), JournalError>,
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
