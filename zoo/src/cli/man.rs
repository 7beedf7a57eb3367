//! `man`: the manual as roff pages.

use std::path::{Path, PathBuf};

use bossnas_files::write_file;
use bossnas_report::Failure;
use clap_mangen::Man;

use super::context::Context;

/// Write the manual pages, or print the main one
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bossnas-zoo man | man -l -\n  bossnas-zoo man ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// Existing folder for all pages: bossnas-zoo.1 and one for each command
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let mut command = super::command();
    // Fills in the names of the commands and hands the global options down.
    command.build();
    let Some(folder) = &args.folder else { return context.console.print_bytes(&page(&command)?) };
    if !folder.is_dir() {
        return Err(Failure::failed(format!("`{}` is not a folder", folder.display())).hint("create it first").into());
    }
    let count = write(folder, "bossnas-zoo", &command)?;
    context.console.note(format_args!("wrote {count} pages to `{}`", folder.display()));
    Ok(())
}

fn page(command: &clap::Command) -> anyhow::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

/// Writes the page of a command and those of the commands below it; how many these are.
fn write(folder: &Path, name: &str, command: &clap::Command) -> anyhow::Result<usize> {
    write_file(folder.join(format!("{name}.1")), &page(command)?)?;
    let below = command.get_subcommands().filter(|command| command.get_name() != "help");
    let counts = below.map(|below| write(folder, &format!("{name}-{}", below.get_name()), below));
    Ok(1 + counts.sum::<anyhow::Result<usize>>()?)
}
