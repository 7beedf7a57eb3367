//! Wall time and peak memory of a whole process.
//!
//! The kernel keeps the peak resident size (`VmHWM` of `/proc`) and hands it to the parent with the exit status, as the
//! largest over all its children. So a small process of its own runs one command and reports: nothing is polled.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use crate::process;

#[derive(Args)]
pub(crate) struct Options {
    /// Where its stdout goes; nowhere when not given
    #[arg(long, value_name = "FILE")]
    stdout: Option<PathBuf>,
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// From its start to its end.
    pub(super) wall: Duration,
    /// What all its threads computed, in the program and in the kernel: hardly moves when the machine is busy.
    pub(super) processor: Duration,
    /// Largest resident size, in bytes.
    pub(super) peak: u64,
}

/// Runs the command line in a process that does nothing else.
pub(super) fn measure(command: &Command) -> anyhow::Result<Measured> {
    let mut measured = Command::new(std::env::current_exe()?);
    measured.args(["bench", "measured", "--"]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        measured.current_dir(folder);
    }
    let output = String::from_utf8(process::output(&mut measured)?.stdout)?;
    let mut numbers = output.split_whitespace();
    let mut next = || numbers.next().context("the measuring process printed too little");
    let wall = Duration::from_secs_f64(next()?.parse()?);
    let processor = Duration::from_secs_f64(next()?.parse()?);
    Ok(Measured { wall, processor, peak: next()?.parse()? })
}

/// The measuring process.
pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let (program, arguments) = options.command.split_first().context("a command is required")?;
    let stdout = match &options.stdout {
        Some(path) => Stdio::from(File::create(path)?),
        None => Stdio::null(),
    };
    let start = Instant::now();
    let status = Command::new(program).args(arguments).stdout(stdout).status()?;
    let wall = start.elapsed();
    if !status.success() {
        bail!("{}: {status}", program.display());
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let processor = usage.user_time() + usage.system_time();
    // Linux counts in units of 1024 bytes.
    let peak = usage.max_rss() * 1024;
    println!("{} {} {peak}", wall.as_secs_f64(), processor.num_microseconds() as f64 * 1e-6);
    Ok(())
}

/// The median; the mean of the two middle ones for an even number, no number of nothing.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.into_iter().collect();
    bossnas_report::statistics::median(&values).unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_middle_ones() {
        assert!(median([3.0, 1.0, 2.0]).total_cmp(&2.0).is_eq());
        assert!(median([4.0, 1.0, 2.0, 3.0]).total_cmp(&2.5).is_eq());
        assert!(median([]).is_nan());
    }
}
