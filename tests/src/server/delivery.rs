//! Sending an answer, at the pace that was chosen.

use std::io::{self, Write};
use std::time::Duration;

use super::answer::Answer;
use super::behaviour::Pace;
use super::stop::Stop;

/// What is sent at once, and what a throttled answer sends of a second.
const PIECE: u64 = 64 << 10;
const PIECES_A_SECOND: u64 = 20;

/// Sends an answer. Returns whether the connection is still good for another request; an error means it is gone.
///
/// `sent` is told of every piece of the body before it goes out, so that who has received it can rely on its being counted.
pub(super) fn send(
    stream: &mut impl Write,
    answer: &Answer,
    pace: Pace,
    close: bool,
    stop: &Stop,
    mut sent: impl FnMut(u64),
) -> io::Result<bool> {
    stream.write_all(head(answer, close).as_bytes())?;
    stream.flush()?;
    let body = answer.body();
    let length = body.len() as u64;
    let cut = pace.cut.unwrap_or(length).min(length.saturating_sub(pace.cut_before_end));
    let end = pace.stall.unwrap_or(length).min(cut);
    let mut position = 0;
    while position < end {
        let piece = pace.rate.map_or(PIECE, |rate| (rate / PIECES_A_SECOND).clamp(1, PIECE)).min(end - position);
        let bytes = &body[position as usize..(position + piece) as usize];
        sent(piece);
        match answer.length {
            Some(_) => stream.write_all(bytes)?,
            None => chunk(stream, bytes)?,
        }
        stream.flush()?;
        position += piece;
        if let Some(rate) = pace.rate {
            stop.sleep(Duration::from_secs_f64(piece as f64 / rate as f64));
            if stop.raised() {
                return Ok(false);
            }
        }
    }
    if pace.stall.is_some_and(|stall| stall <= cut) {
        stop.wait();
        return Ok(false);
    }
    if end < length || pace.cut.is_some() {
        return Ok(false);
    }
    if answer.length.is_none() {
        stream.write_all(b"0\r\n\r\n")?;
        stream.flush()?;
    }
    Ok(!close && answer.length.is_none_or(|announced| announced == length))
}

/// The status line and the headers.
pub(super) fn head(answer: &Answer, close: bool) -> String {
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    let mut header = |name: &str, value: &str| {
        for part in [name, ": ", value, "\r\n"] {
            head.push_str(part);
        }
    };
    for (name, value) in &answer.headers {
        header(name, value);
    }
    match answer.length {
        Some(length) => header("Content-Length", &length.to_string()),
        None => header("Transfer-Encoding", "chunked"),
    }
    header("Connection", if close { "close" } else { "keep-alive" });
    head.push_str("\r\n");
    head
}

fn chunk(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend(bytes);
    chunk.extend(b"\r\n");
    stream.write_all(&chunk)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        300..400 => "Elsewhere",
        404 => "Not Found",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
