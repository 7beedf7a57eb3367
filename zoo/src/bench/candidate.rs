//! A variant that is loaded and ready to be measured.

use std::time::{Duration, Instant};

use bossnas_report::statistics::median;
use serde::{Deserialize, Serialize};

use super::arrivals::poisson;
use super::variant::{Demand, Scenario, Variant};
use crate::eval::streams;
use crate::runtime::{NamedTensor, Pace, Placement, Repeated, RuntimeError, Session};

/// Runs are steady when the medians of so many windows in a row are equal but for [`STEADY`].
const WINDOWS: usize = 3;
/// How far such medians may be apart.
const STEADY: f64 = 0.02;
/// Seconds of a window.
const WINDOW: f64 = 0.1;
/// Fewest runs of a window.
const WINDOW_RUNS: u32 = 3;
/// Requests of a block at the least, so that a queue can build up.
const REQUESTS: f64 = 25.0;

/// How a variant was warmed up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WarmUp {
    /// Runs before the first that counts.
    pub runs: usize,
    /// Time that they took.
    pub seconds: f64,
    /// Whether they had become steady: three windows of runs in a row with medians within 2 %.
    pub steady: bool,
}

/// A variant in its workers.
pub struct Candidate {
    /// What it is.
    pub variant: Variant,
    /// Time to load the file in the first worker.
    pub load_time: Duration,
    /// Time of the first run.
    pub first_run: Duration,
    /// What the first run gave.
    pub outputs: Vec<NamedTensor>,
    /// Which build of the runtime it is, in its own words.
    pub build: Option<String>,
    /// Where its nodes ran.
    pub placement: Option<Placement>,
    sessions: Vec<Session>,
    /// Milliseconds of a run when it was warm.
    pace: f64,
}

/// What one block of runs gave.
#[derive(Debug, Clone, Default)]
pub(super) struct Block {
    /// Milliseconds of each run.
    pub(super) times: Vec<f64>,
    /// Images a second.
    pub(super) rate: f64,
    /// Share of the time that the threads computed, as a number of processors.
    pub(super) processors: f64,
    /// How often they lost their processor.
    pub(super) preempted: u64,
}

impl Candidate {
    /// Loads a variant and runs it once.
    pub fn load(variant: Variant) -> Result<Self, RuntimeError> {
        let loads = match variant.scenario {
            Scenario::Latency | Scenario::Server(_) => vec![variant.load.clone()],
            Scenario::Throughput => streams(&variant.load),
        };
        let mut sessions = loads.iter().map(Session::load).collect::<Result<Vec<_>, _>>()?;
        let mut first = None;
        for session in &mut sessions {
            let ran = session.run(&variant.inputs)?;
            session.hold(&variant.inputs)?;
            first.get_or_insert(ran);
        }
        let first = first.ok_or_else(|| RuntimeError::failed("a variant has no streams"))?;
        Ok(Self {
            load_time: sessions[0].load_time(),
            build: sessions[0].build().map(str::to_owned),
            first_run: first.time,
            outputs: first.outputs,
            placement: first.placement,
            variant,
            sessions,
            pace: first.time.as_secs_f64() * 1e3,
        })
    }

    /// Runs side by side.
    pub fn streams(&self) -> usize {
        self.sessions.len()
    }

    /// Milliseconds of a run, as far as is known.
    pub fn pace(&self) -> f64 {
        self.pace
    }

    /// Runs until the times are steady, for `limit` at the most.
    pub fn warm_up(&mut self, limit: Duration) -> Result<WarmUp, RuntimeError> {
        let start = Instant::now();
        let mut medians = Vec::new();
        let mut runs = 0;
        loop {
            let pace = Pace::Loop { settle: 0, seconds: WINDOW, least: WINDOW_RUNS, most: u32::MAX };
            let blocks = self.together(&pace)?;
            let times: Vec<f64> = blocks.iter().flat_map(milliseconds).collect();
            runs += times.len();
            medians.push(median(&times).unwrap_or(f64::NAN));
            let last = medians.len().checked_sub(WINDOWS).map(|begin| &medians[begin..]);
            let steady = last.is_some_and(|last| {
                let lowest = last.iter().copied().fold(f64::INFINITY, f64::min);
                let highest = last.iter().copied().fold(0.0, f64::max);
                highest <= lowest * (1.0 + STEADY)
            });
            if steady || start.elapsed() >= limit {
                self.pace = medians.last().copied().unwrap_or(self.pace);
                return Ok(WarmUp { runs, seconds: start.elapsed().as_secs_f64(), steady });
            }
        }
    }

    /// Runs for about so many seconds.
    pub(super) fn block(&mut self, round: usize, seconds: f64) -> Result<Block, RuntimeError> {
        let pace = match self.variant.scenario {
            // The first run finds the caches as another variant left them.
            Scenario::Latency | Scenario::Throughput => Pace::Loop { settle: 1, seconds, least: 3, most: u32::MAX },
            Scenario::Server(demand) => {
                let rate = self.demanded(demand);
                Pace::Arrivals(poisson(rate, seconds.max(REQUESTS / rate), round as u64))
            }
        };
        let repeated = self.together(&pace)?;
        let rate = repeated.iter().map(|stream| stream.nanoseconds.len() as f64 / (stream.elapsed as f64 * 1e-9));
        let busy = repeated.iter().map(|stream| stream.processor as f64 / stream.elapsed.max(1) as f64);
        Ok(Block {
            times: repeated.iter().flat_map(milliseconds).collect(),
            rate: rate.sum::<f64>() * self.variant.images as f64,
            processors: busy.sum(),
            preempted: repeated.iter().filter_map(|stream| stream.preempted).sum(),
        })
    }

    /// Requests a second.
    pub fn demanded(&self, demand: Demand) -> f64 {
        match demand {
            Demand::Rate(rate) => rate,
            Demand::Share(share) => share * 1e3 / self.pace,
        }
    }

    /// All streams at once.
    fn together(&mut self, pace: &Pace) -> Result<Vec<Repeated>, RuntimeError> {
        if let [only] = self.sessions.as_mut_slice() {
            return Ok(vec![only.repeat(pace.clone())?]);
        }
        std::thread::scope(|scope| {
            let running: Vec<_> =
                self.sessions.iter_mut().map(|session| scope.spawn(|| session.repeat(pace.clone()))).collect();
            let joined = running.into_iter().map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(RuntimeError::failed("a thread that waited for a worker panicked")))
            });
            joined.collect()
        })
    }
}

fn milliseconds(repeated: &Repeated) -> impl Iterator<Item = f64> {
    repeated.nanoseconds.iter().map(|&nanoseconds| nanoseconds as f64 * 1e-6)
}
