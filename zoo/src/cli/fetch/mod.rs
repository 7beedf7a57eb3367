//! `fetch`: published checkpoints and data sets come onto this machine.

mod dry_run;
mod explain;
mod report;
mod task;
mod watch;
mod work;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use bossnas_files::Digest;
use bossnas_hub::Url;
use bossnas_hub::cache::Cache;
use bossnas_report::{Exit, Failure};
use bossnas_zoo::fetch::{Fetcher, Options, client};
use serde::Serialize;

use self::report::EntryReport;
use self::task::Task;
use super::context::Context;
use super::interrupt;

/// Bring published checkpoints and data sets onto this machine
///
/// What came is checked while it comes: against the digest in the registry, or the one given with --sha256, or the one that
/// was recorded when the file came for the first time (registry.lock in the cache). A download that was interrupted goes on
/// where it stopped. A checkpoint is then read once, as data, and kept as safetensors too, so that other commands find it by
/// the name of its model. Nothing else of this program ever opens a connection.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "Examples:
  bossnas-zoo fetch BossNet-T0
  bossnas-zoo fetch --all --jobs 2
  bossnas-zoo fetch CIFAR-10 ranks-mbconv
  bossnas-zoo fetch BossNet-T0 --mirror https://mirror.example.org/bossnas
  bossnas-zoo fetch BossNet-T0 --from-file Downloads/BossNet-T0-80_8.pth --sha256 HEX
  bossnas-zoo fetch --all --data-sets --dry-run

Proxies are taken from HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, trusted authorities from the system.

Exit code 5: the network failed, or what came is not what it should be. After Ctrl-C what came is kept (exit code 6).")]
pub(crate) struct Args {
    /// Models, checkpoints or data sets from `bossnas-zoo list`
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// The checkpoints of all models
    #[arg(long)]
    all: bool,
    /// All data sets
    #[arg(long)]
    data_sets: bool,
    /// Download what is in the cache already, and compare
    #[arg(long, conflicts_with = "offline")]
    force: bool,
    /// Open no connection: only say what is in the cache, or take it from --from-file
    #[arg(long)]
    offline: bool,
    /// Server that has the files under their base names; asked before the registry's own address
    #[arg(long, value_name = "URL", value_parser = parse_mirror, conflicts_with_all = ["offline", "from_file"])]
    mirror: Vec<Url>,
    /// Take the file from here, or from this folder, instead of any address
    #[arg(long, value_name = "PATH")]
    from_file: Option<PathBuf>,
    /// Only say what would be done
    #[arg(long, conflicts_with = "offline")]
    dry_run: bool,
    /// Downloads at a time
    #[arg(short, long, value_name = "N", default_value = "4")]
    jobs: NonZeroUsize,
    /// SHA-256 digest that the file must have, known from elsewhere
    #[arg(long, value_name = "HEX")]
    sha256: Option<Digest>,
    /// Forget what came earlier and trust what comes now
    #[arg(long)]
    retrust: bool,
    /// Certificates of further authorities to trust
    #[arg(
        long,
        value_name = "FILE",
        help = "Certificates of further authorities to trust, in PEM form [or: $BOSSNAS_CA_FILE]"
    )]
    ca_file: Option<PathBuf>,
    /// Seconds without a byte after which a connection is given up
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = parse_seconds)]
    timeout: Duration,
    /// Further attempts at each address after one that brought nothing
    #[arg(long, value_name = "N", default_value = "4")]
    retries: u8,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Names a file of certificates to trust.
const CA_VARIABLE: &str = "BOSSNAS_CA_FILE";

fn parse_mirror(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{error}; expected https://HOST/FOLDER"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        "file" => Ok(url),
        scheme => Err(format!("`{scheme}:` is no address of a mirror; expected https://HOST/FOLDER")),
    }
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| (0.1..=86_400.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds from 0.1 to 86400".to_owned())
}

#[derive(Serialize)]
struct Document {
    cache: PathBuf,
    entries: Vec<EntryReport>,
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Failed {
    name: String,
    exit_code: u8,
    error: String,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let cache = Cache::of_user()?;
    let named_ca = std::env::var_os(CA_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let client = client(args.ca_file.clone().or(named_ca).as_deref(), args.timeout)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let fetcher = |options: Options| Fetcher::new(cache.clone(), client.clone(), options);
    // From here on a signal loses nothing: what came is in the cache.
    interrupt::state_is_saved("what came is kept; the same command goes on from there");

    if let Some(remote) = context.remote_registry()? {
        let options = Options { mirrors: Vec::new(), from_file: None, pinned: None, ..args.options() };
        task::fetch_registry(&fetcher(Options { force: !args.offline, ..options }), &remote, context)?;
        // A registry by its address is something to fetch by itself.
        if args.names.is_empty() && !args.all && !args.data_sets {
            return Ok(());
        }
    }
    let registry = context.registry()?;
    let tasks = Task::all(args, &registry)?;
    if args.dry_run {
        return dry_run::run(args, &cache, &tasks, context);
    }
    let done = work::carry_out(&fetcher(args.options()), &tasks, args.jobs, args.json, context);
    let mut document = Document { cache: cache.root().to_owned(), entries: Vec::new(), failed: Vec::new() };
    let mut failures = Vec::new();
    for (task, outcome) in tasks.iter().zip(done) {
        match outcome {
            Ok(report) => document.entries.push(report),
            Err(failure) => {
                let (name, exit_code) = (task.name().to_owned(), failure.code().code());
                document.failed.push(Failed { name, exit_code, error: failure.to_string() });
                failures.push(failure);
            }
        }
    }
    if args.json && !document.entries.is_empty() {
        context.console.json("fetch", &document)?;
    }
    match failures.len() {
        0 => Ok(()),
        1 => Err(failures.remove(0).into()),
        count => Err(summary(count, tasks.len(), failures).into()),
    }
}

/// Several failures as one.
fn summary(count: usize, of: usize, failures: Vec<Failure>) -> Failure {
    let network = failures.iter().any(|failure| failure.code() == Exit::Network);
    let code = if network { Exit::Network } else { Exit::Failed };
    let mut summary = Failure::new(code, format!("{count} of {of} could not be fetched"));
    let mut hints: Vec<String> = Vec::new();
    for failure in failures {
        summary = summary.detail(failure.to_string());
        hints.extend(failure.hints().iter().filter(|hint| !hints.contains(hint)).cloned().collect::<Vec<_>>());
    }
    hints.into_iter().fold(summary, Failure::hint)
}

impl Args {
    fn options(&self) -> Options {
        Options {
            mirrors: self.mirror.clone(),
            from_file: self.from_file.clone(),
            pinned: self.sha256,
            force: self.force,
            offline: self.offline,
            retrust: self.retrust,
            retries: self.retries.into(),
            silence: self.timeout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_an_address() {
        for good in ["https://h/x", "http://127.0.0.1:8/", "http://intranet", "file:///mnt/x"] {
            assert!(parse_mirror(good).is_ok(), "{good}");
        }
        for bad in ["", "h/x", "ftp://h/x", "data:,x", "https://"] {
            assert!(parse_mirror(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_timeout_is_positive() {
        assert_eq!(parse_seconds("2.5"), Ok(Duration::from_millis(2500)));
        for bad in ["0", "-1", "x", "1e9", "nan", "inf"] {
            assert!(parse_seconds(bad).is_err(), "{bad}");
        }
    }
}
