//! `bossnas-train`: search, rate and train BossNAS networks.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main().into()
}
