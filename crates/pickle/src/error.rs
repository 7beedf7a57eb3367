//! Every way in which a pickle can be wrong.

use std::fmt;

use crate::tree::Global;

/// Why a pickle was refused. Positions count bytes from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// It imports names that the caller does not allow.
    #[error("{0}")]
    Forbidden(Forbidden),
    /// It ends in the middle of an instruction, or without the one that ends it.
    #[error("the pickle ends at byte {at} where {wanted} more are needed")]
    Truncated {
        /// Where the missing bytes should begin.
        at: usize,
        /// How many are missing at least.
        wanted: u64,
    },
    /// A byte that is no instruction.
    #[error("byte {at} of the pickle is no instruction (0x{opcode:02x})")]
    UnknownOpcode {
        /// Its position.
        at: usize,
        /// The byte.
        opcode: u8,
    },
    /// An instruction that no checkpoint or array needs: extension codes, out-of-band buffers.
    #[error("byte {at} of the pickle: {what} are not supported")]
    Unsupported {
        /// Its position.
        at: usize,
        /// What it would need.
        what: &'static str,
    },
    /// It takes more from the stack than is there.
    #[error("byte {at} of the pickle takes a value from an empty stack")]
    Underflow {
        /// Position of the instruction.
        at: usize,
    },
    /// It goes back to a mark that was never set.
    #[error("byte {at} of the pickle goes back to a mark that was not set")]
    NoMark {
        /// Position of the instruction.
        at: usize,
    },
    /// It recalls a value that was never stored.
    #[error("byte {at} of the pickle recalls value {key}, which was not stored")]
    NotStored {
        /// Position of the instruction.
        at: usize,
        /// Number of the value.
        key: u64,
    },
    /// An instruction meets values it cannot work on, or its argument is malformed.
    #[error("byte {at} of the pickle: {what}")]
    Malformed {
        /// Position of the instruction.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// It needs more than the caller's [`Limits`](crate::Limits) grant.
    #[error("the pickle has more than {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much is granted.
        limit: usize,
    },
}

/// The imports that made a pickle be refused, each once, in the order in which they occur.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// The names, [`Forbidden::MOST`] at most.
    pub globals: Vec<Global>,
    /// Whether there were more.
    pub more: bool,
}

impl Forbidden {
    /// So many names are kept.
    pub const MOST: usize = 64;
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        f.write_str("it imports ")?;
        for (i, global) in self.globals.iter().take(SHOWN).enumerate() {
            write!(f, "{}`{global}`", if i == 0 { "" } else { ", " })?;
        }
        if self.more || self.globals.len() > SHOWN {
            f.write_str(" and more")?;
        }
        f.write_str(", which no file of this kind needs")
    }
}
