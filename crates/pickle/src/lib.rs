//! Python pickles, read as data.
//!
//! A pickle is a program for a small stack machine that can import and call anything. [`read`] runs that program over an
//! inert [`Tree`]: an import is a name in it, a call is a [`Call`] node with the arguments beside it, and nothing is ever
//! imported or called. Which names may occur at all is the caller's to say; a file that names another is refused, with
//! all such names in the error. Protocols 0 to 5 are understood.
//!
//! Nodes lie side by side in one vector and refer to each other by index, so sharing, cycles and nesting of any depth
//! cost neither stack nor time: nothing here is recursive, not even the destructor. [`Limits`] bound nodes, entries,
//! stack and memo, and no length that a file states is believed before it is compared with the bytes that are there.
//!
//! Format: `Lib/pickletools.py` of `CPython` documents every opcode.

mod cursor;
mod error;
mod machine;
mod opcode;
mod tree;

pub use error::{Forbidden, PickleError};
pub use machine::{Limits, Pickle, read};
pub use tree::{Call, Global, Id, Tree, Value, shown};
