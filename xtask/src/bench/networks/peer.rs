//! A Python program that answers a number of runs with their times.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::Context as _;

use crate::workspace;

/// Milliseconds that a block should take.
const BLOCK: f64 = 800.0;

/// The program, warm and waiting.
pub(in crate::bench) struct Peer {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Runs of a block.
    runs: usize,
}

impl Peer {
    /// Starts a program of `tests/peers` on the first `threads` processors.
    pub(super) fn start(
        python: &Path,
        program: &str,
        arguments: &[&str],
        size: usize,
        threads: usize,
    ) -> anyhow::Result<Self> {
        let cpus: Vec<String> = (0..threads).map(|cpu| cpu.to_string()).collect();
        let mut command = Command::new(python);
        command.arg(workspace::root().join("tests/peers").join(program)).args(arguments);
        command.args(["--size", &size.to_string(), "--threads", &threads.to_string(), "--cpus", &cpus.join(",")]);
        Self::of(command)
    }

    /// Starts a program that speaks as those of `tests/peers` do.
    pub(in crate::bench) fn of(mut command: Command) -> anyhow::Result<Self> {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start a program")?;
        let requests = child.stdin.take().context("it has no stdin")?;
        let answers = BufReader::new(child.stdout.take().context("it has no stdout")?);
        let mut peer = Self { child, requests, answers, runs: 1 };
        // What it is.
        let _ = peer.line()?;
        let times = peer.block()?;
        let time = bossnas_report::statistics::median(&times).unwrap_or(1.0);
        peer.runs = (BLOCK / time).clamp(1.0, 10_000.0) as usize;
        Ok(peer)
    }

    /// Times of a block of runs in milliseconds; the first, which finds the caches of others, does not count.
    pub(in crate::bench) fn block(&mut self) -> anyhow::Result<Vec<f64>> {
        writeln!(self.requests, "{}", self.runs + 1)?;
        self.requests.flush()?;
        let times: Vec<f64> = serde_json::from_str(&self.line()?).context("it answered something else than times")?;
        Ok(times.get(1..).unwrap_or_default().to_vec())
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        anyhow::ensure!(!line.is_empty(), "a program that is timed ended early");
        Ok(line)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
