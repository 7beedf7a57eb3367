//! Runs a program that may not open a network socket: `no-network PROGRAM ARGUMENT...`.
//!
//! A seccomp filter is laid on this process, which then becomes the program. `socket(2)` with any domain but `AF_UNIX`,
//! and `io_uring`, which could open one unseen, end the process with SIGSYS at once: a program that lives has not tried.
//! Linux only; elsewhere it says so and exits with 2.

use std::process::ExitCode;

/// What a wrong call, or a system without the means, exits with.
const CANNOT: u8 = 2;

fn main() -> ExitCode {
    let error = launch();
    eprintln!("no-network: {error}");
    ExitCode::from(CANNOT)
}

/// Becomes the program that the arguments name; returns only to say why it could not.
#[cfg(target_os = "linux")]
fn launch() -> Box<dyn std::error::Error> {
    use std::os::unix::process::CommandExt as _;

    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        return "usage: no-network PROGRAM ARGUMENT...".into();
    };
    if let Err(error) = filter::install() {
        return error;
    }
    let error = std::process::Command::new(&program).args(arguments).exec();
    format!("cannot run {}: {error}", program.display()).into()
}

#[cfg(not(target_os = "linux"))]
fn launch() -> Box<dyn std::error::Error> {
    "only Linux can forbid a program the network this way".into()
}

/// The filter for system calls.
#[cfg(target_os = "linux")]
mod filter {
    use std::error::Error;

    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
        TargetArch,
    };

    /// `AF_UNIX`: sockets that do not leave the machine.
    const LOCAL: u64 = 1;
    /// The number of `io_uring_setup(2)`, the same on every architecture.
    const IO_URING_SETUP: i64 = 425;

    /// Lays the filter on this process, for good and for whatever it becomes or starts.
    pub(crate) fn install() -> Result<(), Box<dyn Error>> {
        let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
        let socket = match architecture {
            TargetArch::x86_64 => 41,
            TargetArch::aarch64 | TargetArch::riscv64 => 198,
        };
        let elsewhere = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, LOCAL)?;
        let rules = [(socket, vec![SeccompRule::new(vec![elsewhere])?]), (IO_URING_SETUP, Vec::new())];
        let filter = SeccompFilter::new(
            rules.into_iter().collect(),
            SeccompAction::Allow,
            SeccompAction::KillProcess,
            architecture,
        )?;
        seccompiler::apply_filter(&BpfProgram::try_from(filter)?)?;
        Ok(())
    }
}
