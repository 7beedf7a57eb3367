//! What all commands that train have in common: options, and what is said of a run's folder.

use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use bossnas_report::{Exit, Failure, units};
use bossnas_trainer::run::{Amp, Configuration, FolderError, Pace};
use clap::ValueEnum;
use tch::Device;

/// How a run is computed, which changes none of its numbers but by the number of threads.
#[derive(Debug, clap::Args)]
pub(super) struct Computing {
    /// Where to compute
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = device,
          help = "Where to compute: cpu, cuda or cuda:N")]
    pub(super) device: Device,
    /// Threads of libtorch; another number gives other last digits
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=1024),
          help = "Threads of libtorch; another number gives other last digits [default: as configured, else its own choice]")]
    pub(super) threads: Option<i32>,
    /// Threads that prepare images [default: one for each core]
    #[arg(long, value_name = "N")]
    workers: Option<NonZero<usize>>,
}

/// How far a process goes, and when it saves.
#[derive(Debug, clap::Args)]
pub(super) struct Going {
    /// End after so many batches of the run, with everything saved
    #[arg(long, value_name = "N")]
    max_steps: Option<u64>,
    /// A checkpoint after so many batches too
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    save_steps: Option<u64>,
    /// A checkpoint after so many minutes, beside the one after each epoch
    #[arg(long, value_name = "MIN", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    save_minutes: u64,
}

/// Mixed precision on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum AmpName {
    Off,
    Bf16,
    Fp16,
}

impl From<AmpName> for Amp {
    fn from(name: AmpName) -> Self {
        match name {
            AmpName::Off => Self::Off,
            AmpName::Bf16 => Self::Bf16,
            AmpName::Fp16 => Self::Fp16,
        }
    }
}

impl Computing {
    /// Lets libtorch have its threads, and refuses a device that is not there.
    pub(super) fn begin(&self) -> anyhow::Result<()> {
        if let Some(threads) = self.threads {
            tch::set_num_threads(threads);
        }
        let Device::Cuda(number) = self.device else { return Ok(()) };
        if tch::Cuda::is_available() && (number as i64) < tch::Cuda::device_count() {
            return Ok(());
        }
        let message = format!("there is no cuda:{number} that libtorch can use");
        let hint = "libtorch with CUDA is installed by `cargo xtask setup --torch --cuda`; --device cpu needs none";
        Err(Failure::new(Exit::Unavailable, message).hint(hint).into())
    }

    /// Threads that prepare images.
    pub(super) fn workers(&self) -> NonZero<usize> {
        let cores = || std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        self.workers.unwrap_or_else(cores)
    }
}

impl Going {
    pub(super) fn pace(&self) -> Pace {
        Pace {
            max_steps: self.max_steps,
            save_steps: self.save_steps,
            save_time: Duration::from_secs(60 * self.save_minutes),
        }
    }
}

fn device(text: &str) -> Result<Device, String> {
    match text {
        "cpu" => Ok(Device::Cpu),
        "cuda" => Ok(Device::Cuda(0)),
        _ => {
            let number = text.strip_prefix("cuda:").and_then(|number| number.parse().ok());
            number.map(Device::Cuda).ok_or_else(|| "it is cpu, cuda or cuda:N".to_owned())
        }
    }
}

/// A run of the same configuration goes on; one of another is not touched. `without` says how to go on as it is.
pub(super) fn agreed<C: Configuration>(present: C, asked: &C, out: &Path, without: &str) -> anyhow::Result<C> {
    let differences = present.differences(asked);
    if differences.is_empty() {
        return Ok(present);
    }
    let lines: Vec<String> =
        differences.iter().map(|(key, there, asked)| format!("{key}: {there} in the run, {asked} asked")).collect();
    let message = format!("`{}` holds a run of another configuration", out.display());
    let hint = format!("{without} the run goes on as it is; another --out begins another");
    Err(Failure::failed(message).detail(lines.join("\n")).hint(hint).into())
}

/// There is a run, and there must be none.
pub(super) fn holds_a_run(out: &Path) -> Failure {
    let message = format!("`{}` holds a run already", out.display());
    Failure::failed(message).hint("--resume auto goes on with it; another --out begins another")
}

pub(super) fn folder_failure(error: FolderError) -> anyhow::Error {
    match error {
        FolderError::Config { path, mistakes } => {
            let message =
                format!("`{}` is no configuration: {}", path.display(), units::counted(mistakes.0.len(), "mistake"));
            Failure::failed(message).detail(mistakes.to_string()).into()
        }
        FolderError::Busy { .. } => {
            Failure::failed(error.to_string()).hint("one process at a time works on a run").into()
        }
        FolderError::Foreign(_) | FolderError::OtherKind { .. } => {
            Failure::failed(error.to_string()).hint("choose another --out").into()
        }
        other => other.into(),
    }
}
