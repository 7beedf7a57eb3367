//! `arch`: reads, prints and converts architectures, and shows what a search has found.

mod best;
mod convert;
mod run;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bossnas_files::{SourceFile, write_file};
use bossnas_hub::Resolved;
use bossnas_model::arch::ArchFile;
use bossnas_report::Failure;
use bossnas_zoo::run_folder::RunFolder;
use clap::ValueEnum;

use super::context::Context;
use super::{model, searched};

/// Larger files are no arch.json.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Read, print and convert architectures
///
/// Prints the canonical form. `--to bossnet` turns a searched HyTra path into the network that is retrained: its 16
/// operations grouped by the size of their maps. What the search does not say is up to you: without `--with` the network
/// has ReLU and no squeeze-and-excitation, as it was searched; BossNet-T0 is `--with silu,se`.
///
/// Of a run folder of `bossnas-train search` it shows how far the search is: the best paths of each stage with their scores
/// (losses: the lower, the better), and the whole architecture once all stages are decided, which --to and -o then take. Stages
/// and epochs count from 0.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    subcommand_value_name = "COMMAND",
    subcommand_help_heading = "Or one of",
    after_help = "Examples:\n  bossnas-zoo arch '[[1],[1],[1,1,1,0,1],[0,0,0,1,0,0,0,0,0]]+silu+se'\n  \
                        bossnas-zoo arch hytra:5433/3230/0010/0000 --to bossnet --with silu,se\n  \
                        bossnas-zoo arch nats-c10:64:40:56:40:48 --json\n  \
                        bossnas-zoo arch T0 -o arch.json\n  \
                        bossnas-zoo arch runs/hytra\n  \
                        bossnas-zoo arch runs/hytra --to bossnet --with silu,se -o arch.json\n  \
                        bossnas-zoo arch best runs/hytra -n 20 --max-madds 3.4G"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// An architecture, an arch.json, a name from `bossnas-zoo list`, or the run folder of a search
    #[arg(value_name = "ARCH|RUN", required = true)]
    arch: Option<String>,
    /// Convert to another kind of network
    #[arg(long, value_name = "KIND")]
    to: Option<Target>,
    /// Options of the converted network, such as silu,se,s1,classes=100
    #[arg(long, value_name = "OPTIONS", value_delimiter = ',', requires = "to")]
    with: Vec<String>,
    /// Print the JSON form (what -o writes), of a run folder what is known of its stages
    #[arg(long)]
    json: bool,
    /// Also write it to a file, as JSON
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Best(best::Args),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Target {
    /// The network to retrain after a HyTra search
    Bossnet,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let arch = match (&args.command, &args.arch) {
        (Some(Command::Best(args)), _) => return best::run(args, context),
        (None, Some(arch)) => arch,
        (None, None) => return Err(Failure::usage("no ARCH").hint("see `bossnas-zoo arch --help`").into()),
    };
    let registry = context.registry()?;
    let file = match model::find(&registry, arch)? {
        Resolved::Architecture(arch) => ArchFile::new(arch),
        Resolved::Registered(model) => ArchFile::new(model.arch.clone()),
        Resolved::File(path) => read(&path)?,
        Resolved::Run(path) => return of_run(args, &searched::open(&path)?, context),
    };
    print(args, file, context)
}

/// What is known of a run; what was found is treated like any architecture where something is to be made of it.
fn of_run(args: &Args, run: &RunFolder, context: &Context) -> anyhow::Result<()> {
    for stage in &run.left_out {
        context
            .console
            .note(format_args!("the ratings of stage {stage} are left out: they are newer than the checkpoint"));
    }
    let found = || searched::found(run).map(|net| run.arch_file(net));
    if args.to.is_some() {
        return print(args, found()?, context);
    }
    if let Some(path) = &args.output {
        write(path, &found()?, context)?;
    }
    run::print(run, args.json, context)
}

/// Converts and writes what was asked for, and prints it.
fn print(args: &Args, mut file: ArchFile, context: &Context) -> anyhow::Result<()> {
    if let Some(Target::Bossnet) = args.to {
        file = convert::to_bossnet(&file, &args.with, context.console)?;
    }
    if let Some(path) = &args.output {
        write(path, &file, context)?;
    }
    if args.json { context.console.print(file.to_json()?) } else { context.console.line(&file.arch) }
}

fn write(path: &Path, file: &ArchFile, context: &Context) -> anyhow::Result<()> {
    write_file(path, file.to_json()?.as_bytes())?;
    context.console.note(format_args!("wrote `{}`", path.display()));
    Ok(())
}

/// Reads an arch.json.
pub(super) fn read(path: &Path) -> anyhow::Result<ArchFile> {
    let file = SourceFile::open(path)?;
    if file.len() > MAX_FILE_BYTES {
        let message = format!("`{}` has {} bytes, more than any arch.json", path.display(), file.len());
        return Err(Failure::failed(message).into());
    }
    let text = String::from_utf8(file.read_at(0, file.len())?)
        .map_err(|_| Failure::failed(format!("`{}` is no arch.json: it is not text", path.display())))?;
    ArchFile::from_json(&text).with_context(|| format!("cannot use `{}`", path.display()))
}
