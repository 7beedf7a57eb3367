//! From the sources of a file to all its bytes: attempts, patience, and the next source.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use bossnas_files::Digest;
use reqwest::Client;
use tokio::runtime::{Builder, Runtime};

use super::Watch;
use super::fault::Fault;
use super::intake::Intake;
use super::partial::Notes;
use super::source::{Place, Source};
use super::space::NoSpace;
use super::transfer::{Known, Patience, Stop, copy, request};

/// An attempt that brought so much was no failure: patience begins anew.
const PROGRESS: u64 = 64 << 10;

/// Longest wait that a server may ask for.
const MOST_WAIT: Duration = Duration::from_mins(2);

/// How often one source may be asked from the beginning.
const RESTARTS: u32 = 3;

/// What to ask for, and how.
pub(super) struct Plan<'a> {
    pub(super) sources: &'a [Source],
    /// The digest that it must have.
    pub(super) digest: Option<Digest>,
    /// The length that it must have.
    pub(super) bytes: Option<u64>,
    /// The longest that it may be.
    pub(super) most: u64,
    /// What will be made of it, in per cent of its length.
    pub(super) companions: u64,
    /// Attempts without progress after the first.
    pub(super) retries: usize,
    pub(super) patience: Patience,
}

/// All bytes of a file.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    /// Their digest.
    pub(super) digest: Digest,
    /// Where the last of them came from.
    pub(super) source: Source,
    /// Requests that were made.
    pub(super) attempts: u32,
    /// From the first request to the last byte in the file.
    pub(super) receiving: Duration,
}

/// Why not.
#[derive(Debug)]
pub(super) enum NotArrived {
    /// What each source answered last, in their order.
    Sources(Vec<(Source, Fault)>),
    /// This machine failed.
    Local(io::Error),
    /// The disk is too small.
    NoSpace(NoSpace),
}

impl From<io::Error> for NotArrived {
    fn from(error: io::Error) -> Self {
        Self::Local(error)
    }
}

/// Asks one source after the other.
pub(super) fn download(
    client: &Client,
    plan: &Plan<'_>,
    intake: &mut Intake,
    watch: &dyn Watch,
) -> Result<Arrived, NotArrived> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let mut faults = Vec::new();
    let start = Instant::now();
    for source in plan.sources {
        let mut asking = Asking::new(&runtime, client, plan, source, watch);
        match asking.until_whole(intake) {
            Ok(digest) => {
                let receiving = asking.whole.duration_since(start);
                return Ok(Arrived { digest, source: source.clone(), attempts: asking.attempts, receiving });
            }
            Err(Stop::Local(error)) => return Err(error.into()),
            Err(Stop::NoSpace(refused)) => return Err(NotArrived::NoSpace(refused)),
            Err(Stop::Fault(fault) | Stop::Later(fault, _)) => faults.push((source.clone(), fault)),
            Err(Stop::Again) => faults.push((source.clone(), Fault::Inconsistent)),
        }
        if let [.., (_, fault)] = faults.as_slice()
            && faults.len() < plan.sources.len()
        {
            watch.say(&format!("{source}: {fault}; asking the next source"));
        }
    }
    Err(NotArrived::Sources(faults))
}

/// One source, asked until it has given everything or nothing more is to be expected.
struct Asking<'a> {
    runtime: &'a Runtime,
    client: &'a Client,
    plan: &'a Plan<'a>,
    source: &'a Source,
    watch: &'a dyn Watch,
    backoff: ExponentialBackoff,
    attempts: u32,
    restarts: u32,
    /// When the last byte came.
    whole: Instant,
}

impl<'a> Asking<'a> {
    fn new(
        runtime: &'a Runtime,
        client: &'a Client,
        plan: &'a Plan<'a>,
        source: &'a Source,
        watch: &'a dyn Watch,
    ) -> Self {
        let backoff = backoff(plan.retries);
        Self { runtime, client, plan, source, watch, backoff, attempts: 0, restarts: 0, whole: Instant::now() }
    }

    fn until_whole(&mut self, intake: &mut Intake) -> Result<Digest, Stop> {
        loop {
            let before = intake.received();
            self.attempts += 1;
            let attempt = self.attempt(intake);
            self.whole = Instant::now();
            let stop = match attempt {
                Ok(()) => match self.digest(intake)? {
                    Some(digest) => return Ok(digest),
                    None => Stop::Again,
                },
                Err(stop) => stop,
            };
            if intake.received() - before >= PROGRESS {
                self.backoff = backoff(self.plan.retries);
            }
            match stop {
                Stop::Again if self.restarts < RESTARTS => self.restarts += 1,
                Stop::Later(Fault::Status(status), Some(after)) if after > MOST_WAIT => {
                    return Err(Fault::Busy { status, after }.into());
                }
                Stop::Later(fault, after) => self.wait(fault, after)?,
                Stop::Fault(fault) if fault.is_passing() => self.wait(fault, None)?,
                stop => return Err(stop),
            }
        }
    }

    fn attempt(&self, intake: &mut Intake) -> Result<(), Stop> {
        let Plan { digest, bytes, most, companions, patience, .. } = *self.plan;
        let known = Known { digest: digest.is_some(), bytes, most, companions };
        match &self.source.place {
            Place::File(path) => copy(path, intake, known, self.watch),
            Place::Url(url) => self.runtime.block_on(request(self.client, url, intake, known, patience, self.watch)),
        }
    }

    /// The digest, if it is the right one. What came in several parts and is wrong is asked for once more: one of the parts
    /// may be the reason.
    fn digest(&self, intake: &mut Intake) -> Result<Option<Digest>, Stop> {
        let resumed = intake.is_resumed();
        let found = intake.digest()?;
        match self.plan.digest {
            Some(expected) if expected != found => {
                intake.restart(Notes::default())?;
                if resumed { Ok(None) } else { Err(Fault::Digest { expected, found }.into()) }
            }
            _ => Ok(Some(found)),
        }
    }

    /// Waits before the next attempt, at least as long as the server asks for; no more attempts, no wait.
    fn wait(&mut self, fault: Fault, after: Option<Duration>) -> Result<(), Stop> {
        let Some(delay) = self.backoff.next() else { return Err(fault.into()) };
        let delay = delay.max(after.unwrap_or_default());
        self.watch.say(&format!("{}: {fault}; trying again in {:.1} s", self.source, delay.as_secs_f64()));
        sleep(delay);
        Ok(())
    }
}

/// Half a second, then twice as long each time, up to half a minute; each with a random part, so that many clients do not come
/// back at once.
fn backoff(retries: usize) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(500))
        .with_factor(2.0)
        .with_max_delay(Duration::from_secs(30))
        .with_max_times(retries)
        .with_jitter()
        .build()
}
