//! One attempt: one request, and its body into the partial file.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use bossnas_files::SourceFile;
use bossnas_hub::Url;
use reqwest::header::{ACCEPT_ENCODING, IF_RANGE, RANGE};
use reqwest::{Client, Response};

use super::Watch;
use super::client;
use super::fault::Fault;
use super::intake::Intake;
use super::partial::Notes;
use super::response::{Answer, Asked, judge};
use super::source::public;
use super::space::{self, NoSpace};

/// Fewer bytes a second than this, over [`Patience::slow`], and the connection is given up.
const LEAST_SPEED: u64 = 1024;

/// What is known of the file beforehand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Whether the digest is known, so that it does not matter where the parts of a file come from.
    pub(super) digest: bool,
    /// Its length.
    pub(super) bytes: Option<u64>,
    /// The longest that it may be.
    pub(super) most: u64,
    /// What will be made of it, in per cent of its length: needs room too.
    pub(super) companions: u64,
}

impl Known {
    /// Room for the rest of a file of `total` bytes, of which `there` are there, and for what will be made of it.
    fn room(self, total: u64, there: u64) -> u64 {
        total.saturating_sub(there).saturating_add((total / 100).saturating_mul(self.companions))
    }
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Without a single byte.
    pub(super) silence: Duration,
    /// With too few.
    pub(super) slow: Duration,
}

/// Why an attempt did not bring the whole file.
#[derive(Debug)]
pub(super) enum Stop {
    /// The source failed.
    Fault(Fault),
    /// The source is busy, and may say for how long.
    Later(Fault, Option<Duration>),
    /// What was there was thrown away: the next attempt asks for everything.
    Again,
    /// This machine failed.
    Local(io::Error),
    /// The disk is too small.
    NoSpace(NoSpace),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Local(error)
    }
}

/// How a request goes on with what is there.
#[derive(Debug, PartialEq, Eq)]
enum Resume {
    /// It does not.
    No,
    /// The server compares the validator and sends everything if it has another file.
    IfSame(String),
    /// From anywhere: the digest will tell.
    Unconditionally,
}

impl Resume {
    fn of(intake: &Intake, source: &str, known: Known) -> Self {
        match &intake.notes().validator {
            _ if intake.len() == 0 => Self::No,
            Some(validator) if intake.notes().source == source => Self::IfSame(validator.clone()),
            _ if known.digest => Self::Unconditionally,
            _ => Self::No,
        }
    }
}

/// Asks `url` for what is missing.
pub(super) async fn request(
    client: &Client,
    url: &Url,
    intake: &mut Intake,
    known: Known,
    patience: Patience,
    watch: &dyn Watch,
) -> Result<(), Stop> {
    let source = public(url).to_string();
    let resume = Resume::of(intake, &source, known);
    if resume == Resume::No && intake.len() > 0 {
        intake.restart(Notes::default())?;
    }
    if intake.len() > 0 && intake.notes().total == Some(intake.len()) {
        return Ok(());
    }
    let at = intake.len();
    let validator = if let Resume::IfSame(validator) = resume { Some(validator) } else { None };
    let response = send(client, url, at, validator.as_deref(), patience).await?;
    let asked = Asked { at, validator: validator.as_deref() };
    let (start, total, validator, etag) = match judge(response.status(), response.headers(), asked, SystemTime::now()) {
        Answer::Body { start, total, validator, etag } => (start, total, validator, etag),
        Answer::Whole => return Ok(()),
        Answer::Later(fault, after) => return Err(Stop::Later(fault, after)),
        Answer::No(fault) => return Err(fault.into()),
        Answer::StartOver => {
            intake.restart(Notes::default())?;
            return Err(Stop::Again);
        }
    };
    check_length(total, known)?;
    // The rest of a file of another length is not the rest of this one.
    let had = intake.notes().total;
    if start > 0 && total.is_some() && had.is_some() && total != had {
        intake.restart(Notes::default())?;
        return Err(Stop::Again);
    }
    let total = total.or(if start > 0 { had } else { None }).or(known.bytes);
    let notes = Notes { source, validator, etag, total };
    if start == 0 {
        intake.restart(notes)?;
    } else {
        intake.resume(notes)?;
    }
    if let Some(total) = total {
        space::check(intake.folder(), known.room(total, intake.len())).map_err(Stop::NoSpace)?;
    }
    watch.started(intake.len(), total);
    receive(response, intake, total, known, patience, watch).await
}

async fn send(
    client: &Client,
    url: &Url,
    at: u64,
    validator: Option<&str>,
    patience: Patience,
) -> Result<Response, Stop> {
    let mut plain = url.clone();
    // These fail for addresses that cannot have credentials.
    let _ = (plain.set_username(""), plain.set_password(None));
    // Ranges and lengths must be those of the file.
    let mut request = client.get(plain).header(ACCEPT_ENCODING, "identity");
    if !url.username().is_empty() || url.password().is_some() {
        request = request.basic_auth(decoded(url.username()), url.password().map(decoded));
    }
    if at > 0 {
        request = request.header(RANGE, format!("bytes={at}-"));
    }
    if let Some(validator) = validator {
        request = request.header(IF_RANGE, validator);
    }
    request.send().await.map_err(|error| client::fault(&error, at, patience.silence).into())
}

/// Credentials stand in addresses percent-encoded.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn check_length(total: Option<u64>, known: Known) -> Result<(), Fault> {
    match (total, known.bytes) {
        (Some(found), Some(expected)) if found != expected => Err(Fault::Length { expected, found }),
        (Some(found), _) if found > known.most => Err(Fault::TooLong(known.most)),
        _ => Ok(()),
    }
}

async fn receive(
    mut response: Response,
    intake: &mut Intake,
    total: Option<u64>,
    known: Known,
    patience: Patience,
    watch: &dyn Watch,
) -> Result<(), Stop> {
    let most = total.unwrap_or(known.most);
    let mut pace = Pace::new(intake.len(), patience.slow);
    loop {
        let chunk = response.chunk().await.map_err(|error| client::fault(&error, intake.len(), patience.silence))?;
        let Some(chunk) = chunk else { break };
        if intake.len() + chunk.len() as u64 > most {
            // Whatever this is, it is not the file.
            intake.restart(Notes::default())?;
            return Err(Fault::TooLong(most).into());
        }
        intake.append(&chunk)?;
        watch.reached(intake.len());
        pace.check(intake.len())?;
    }
    match total {
        Some(total) if intake.len() < total => Err(Fault::Short { at: intake.len(), total }.into()),
        _ => Ok(()),
    }
}

/// Watches that something comes.
struct Pace {
    time: Duration,
    since: Instant,
    from: u64,
}

impl Pace {
    fn new(from: u64, time: Duration) -> Self {
        Self { time, since: Instant::now(), from }
    }

    fn check(&mut self, len: u64) -> Result<(), Fault> {
        let elapsed = self.since.elapsed();
        if elapsed < self.time {
            return Ok(());
        }
        if ((len - self.from) as f64) < LEAST_SPEED as f64 * elapsed.as_secs_f64() {
            return Err(Fault::Slow { least: LEAST_SPEED, time: self.time });
        }
        *self = Self::new(len, self.time);
        Ok(())
    }
}

/// Copies a local file. It is read from its beginning: that takes no network, and nothing says that it is the same file as
/// last time.
pub(super) fn copy(path: &Path, intake: &mut Intake, known: Known, watch: &dyn Watch) -> Result<(), Stop> {
    const PIECE: u64 = 1 << 20;
    let unreadable = |error: bossnas_files::ReadError| Fault::Read(error.to_string());
    let file = SourceFile::open(path).map_err(unreadable)?;
    check_length(Some(file.len()), known)?;
    let source = path.display().to_string();
    intake.restart(Notes { source, validator: None, etag: None, total: Some(file.len()) })?;
    space::check(intake.folder(), known.room(file.len(), 0)).map_err(Stop::NoSpace)?;
    watch.started(0, Some(file.len()));
    let mut buffer = vec![0; PIECE.min(file.len()) as usize];
    while intake.len() < file.len() {
        let piece = &mut buffer[..PIECE.min(file.len() - intake.len()) as usize];
        file.read_exact_at(intake.len(), piece).map_err(unreadable)?;
        intake.append(piece)?;
        watch.reached(intake.len());
    }
    Ok(())
}
