//! `bossnas-zoo`: find, look at, convert, check and run BossNAS networks.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main().into()
}
