//! What is measured: a file, what runs it, and under which load.

use serde::{Deserialize, Serialize};

use crate::runtime::{Load, NamedTensor};

/// The load under which a file runs (after `MLPerf`'s scenarios).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// One run after the other: `MLPerf`'s single stream.
    Latency,
    /// As many runs at once as there are threads, each with one of them: `MLPerf`'s offline.
    Throughput,
    /// Runs that are asked for at random times: `MLPerf`'s server. Waiting counts.
    Server(Demand),
}

/// How often a server is asked. The times between two requests are exponentially distributed (a Poisson process).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Demand {
    /// Requests a second.
    Rate(f64),
    /// Share of what it could bear if requests came one after the other, 0 to 1.
    Share(f64),
}

impl Scenario {
    /// `latency`, `throughput`, `server`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Throughput => "throughput",
            Self::Server(_) => "server",
        }
    }
}

/// One thing to measure.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The file and how it is run.
    pub load: Load,
    /// What it is run on.
    pub inputs: Vec<NamedTensor>,
    /// Images that one run takes.
    pub images: usize,
    /// The load under which it runs.
    pub scenario: Scenario,
}
