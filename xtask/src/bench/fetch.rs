//! `bossnas-zoo fetch` against `curl`: the benchmark stands with the tests, whose servers it uses.

use clap::Args;

use crate::{process, program};

#[derive(Args)]
pub(crate) struct Options {
    /// Rounds after the warm-up; each runs everything once
    #[arg(long, default_value_t = 9)]
    rounds: usize,
}

pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let mut bench = process::cargo(["bench", "--locked", "--package", "bossnas-tests", "--bench", "fetch", "--"]);
    bench.arg(options.rounds.to_string());
    bench.env(program::ENVIRONMENT_VARIABLE, program::ready()?).env("BOSSNAS_MEASURE", std::env::current_exe()?);
    process::run(bench.env("BOSSNAS_STRICT", "1"))
}
