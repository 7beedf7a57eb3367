//! TensorBoard's event files: scalars by tag, step and time.
//!
//! A file is a row of TFRecord frames: the length of the data (8 bytes, little endian), the masked CRC-32C of these 8 bytes, the
//! data, the masked CRC-32C of the data. The data of a frame is one message `Event` of tensorflow/core/util/event.proto. Five
//! fields of it are written, so they are put together by hand:
//!
//! ```text
//! Event      1 wall_time: double   2 step: int64   3 file_version: string   5 summary: Summary   7 session_log: SessionLog
//! Summary    1 value: repeated Value              Value  1 tag: string   2 simple_value: float
//! SessionLog 1 status: enum, START = 1
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::JournalError;

/// What the names of all event files begin with; a time of ten digits follows.
const PREFIX: &str = "events.out.tfevents.";
const DIGITS: usize = 10;

/// An event file under construction. What was not flushed may be lost.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    writer: BufWriter<File>,
}

impl EventFile {
    /// Starts a file in `folder`: `events.out.tfevents.<unix seconds>.<host>.<process>`. TensorBoard reads the files of a folder in the
    /// order of their names, so the seconds are later than those of every file that is there.
    ///
    /// `resumed_at` is the step of the checkpoint that a run goes on from: TensorBoard forgets what files before this one say of
    /// later steps.
    pub fn create(folder: &Path, resumed_at: Option<u64>) -> Result<Self, JournalError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let failed = JournalError::append(folder);
        let latest = latest(folder).map_err(&failed)?;
        let seconds = latest.map_or(now.as_secs(), |latest| now.as_secs().max(latest + 1));
        let path = folder.join(format!("{PREFIX}{seconds:0DIGITS$}.{}.{}", host(), std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(JournalError::append(&path))?;
        let mut events = Self { path, writer: BufWriter::new(file) };
        let mut version = Message::event(now.as_secs_f64(), 0);
        version.bytes(3, b"brain.Event:2");
        events.write(&version)?;
        if let Some(step) = resumed_at {
            // What is forgotten begins with the step of this event.
            let mut start = Message::event(now.as_secs_f64(), step + 1);
            let mut log = Message::default();
            log.varint(1, 1);
            start.bytes(7, &log.0);
            events.write(&start)?;
        }
        events.flush()?;
        Ok(events)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a number: `tag` names its curve, `time` is in seconds since 1970.
    pub fn scalar(&mut self, tag: &str, step: u64, time: f64, value: f64) -> Result<(), JournalError> {
        let mut number = Message::default();
        number.bytes(1, tag.as_bytes());
        number.float(2, value as f32);
        let mut summary = Message::default();
        summary.bytes(1, &number.0);
        let mut event = Message::event(time, step);
        event.bytes(5, &summary.0);
        self.write(&event)
    }

    /// Hands everything to the operating system, for readers to see.
    pub fn flush(&mut self) -> Result<(), JournalError> {
        self.writer.flush().map_err(JournalError::append(&self.path))
    }

    fn write(&mut self, Message(data): &Message) -> Result<(), JournalError> {
        let length = (data.len() as u64).to_le_bytes();
        let frame = [&length[..], &masked(&length), data, &masked(data)].concat();
        self.writer.write_all(&frame).map_err(JournalError::append(&self.path))
    }
}

/// The seconds in the name of the latest event file.
fn latest(folder: &Path) -> std::io::Result<Option<u64>> {
    let mut latest = None;
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.get(..DIGITS)?.parse().ok());
        latest = latest.max(digits);
    }
    Ok(latest)
}

/// The machine's name as far as it can stand in the name of a file.
fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).take(64).collect();
    if plain.is_empty() { "host".to_owned() } else { plain }
}

/// A message of protocol buffers, as its bytes.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    /// How the bytes of a field are to be read.
    const VARINT: u64 = 0;
    const EIGHT_BYTES: u64 = 1;
    const LENGTH: u64 = 2;
    const FOUR_BYTES: u64 = 5;

    /// An `Event` of this time and step.
    fn event(time: f64, step: u64) -> Self {
        let mut event = Self::default();
        event.key(1, Self::EIGHT_BYTES);
        event.0.extend(time.to_le_bytes());
        event.varint(2, step);
        event
    }

    fn key(&mut self, field: u64, kind: u64) {
        self.number(field << 3 | kind);
    }

    /// Seven bits a byte, the lowest first; all but the last byte have the eighth bit.
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn varint(&mut self, field: u64, value: u64) {
        self.key(field, Self::VARINT);
        self.number(value);
    }

    fn float(&mut self, field: u64, value: f32) {
        self.key(field, Self::FOUR_BYTES);
        self.0.extend(value.to_le_bytes());
    }

    /// A text or a message.
    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.key(field, Self::LENGTH);
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }
}

/// A checksum as TFRecord stores it: rotated, plus a constant, so that data that hold checksums are not checked by themselves.
fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// CRC-32C (Castagnoli; RFC 3720, section 12.1), a byte at a time.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

/// The remainder of each byte by the reversed polynomial.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests;
