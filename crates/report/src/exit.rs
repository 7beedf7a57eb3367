//! What a program's end means.

/// The exit codes of `bossnas-zoo`.
///
/// ```
/// use bossnas_report::Exit;
/// assert_eq!(Exit::ALL.map(Exit::code), [0, 1, 2, 3, 4, 5, 6]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// 0: everything that was asked for is done.
    Done,
    /// 1: something failed, or a file was refused.
    Failed,
    /// 2: wrong usage: unknown options or names, a malformed architecture.
    Usage,
    /// 3: a check said no: outputs that differ, a result worse than its baseline.
    CheckFailed,
    /// 4: the requested runtime or execution provider is not available.
    Unavailable,
    /// 5: the network failed, or what came is not what it should be.
    Network,
    /// 6: stopped on request, with the state saved.
    Stopped,
}

impl Exit {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::Done, Self::Failed, Self::Usage, Self::CheckFailed, Self::Unavailable, Self::Network, Self::Stopped];

    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::CheckFailed => 3,
            Self::Unavailable => 4,
            Self::Network => 5,
            Self::Stopped => 6,
        }
    }

    /// What it means, for manuals.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed, or a file was refused",
            Self::Usage => "wrong usage: an unknown option or name, a malformed architecture",
            Self::CheckFailed => "a check said no: outputs that differ, a result worse than its baseline",
            Self::Unavailable => "the requested runtime or execution provider is not available",
            Self::Network => "the network failed, or what came is not what it should be",
            Self::Stopped => "stopped on request, with the state saved",
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
