//! How libtorch's threads wait for each other.

/// What decides it, of the OpenMP runtime that libtorch brings along.
#[cfg(unix)]
const VARIABLES: [&str; 2] = ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"];

/// Some microseconds of it.
#[cfg(unix)]
const SPINS: &str = "20000";

/// Lets threads that wait give their processor away soon, instead of after milliseconds. With another program on the same
/// processors, and be it the loader of this one, small networks are ten times as fast.
///
/// The runtime reads its variables before a program's first line, so this starts the program anew, as itself. Where
/// somebody has chosen, or it cannot be done, everything stays as it is.
pub(crate) fn wait_briefly() {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;

        if VARIABLES.iter().any(|variable| std::env::var_os(variable).is_some()) {
            return;
        }
        if let Ok(program) = std::env::current_exe() {
            let mut arguments = std::env::args_os();
            let name = arguments.next().unwrap_or_else(|| program.clone().into());
            let _it_failed =
                std::process::Command::new(program).arg0(name).args(arguments).env(VARIABLES[0], SPINS).exec();
        }
    }
}
