//! `completions`: what a shell needs to complete commands and options.

use clap_complete::Shell;

use super::context::Context;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  bossnas-zoo completions bash > ~/.local/share/bash-completion/completions/bossnas-zoo\n  \
                        bossnas-zoo completions zsh > ~/.zfunc/_bossnas-zoo\n  \
                        bossnas-zoo completions fish > ~/.config/fish/completions/bossnas-zoo.fish"
)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "bossnas-zoo", &mut script);
    context.console.print_bytes(&script)
}
