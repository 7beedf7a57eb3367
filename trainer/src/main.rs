//! `bossnas-train`: search, rate and train BossNAS networks.

mod cli;
mod threads;

/// libtorch's too.
#[global_allocator]
static ALLOCATOR: bossnas_torch_shim::Allocator = bossnas_torch_shim::Allocator;

fn main() -> std::process::ExitCode {
    threads::wait_briefly();
    bossnas_torch_shim::keep_memory();
    cli::main().into()
}
