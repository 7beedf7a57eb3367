//! `bossnas-train`: search, rate and train BossNAS networks.

mod cli;

/// libtorch's too: glibc gives large blocks back at once and cannot use aligned ones again, which costs a tenth of a step and
/// twice the memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main().into()
}
