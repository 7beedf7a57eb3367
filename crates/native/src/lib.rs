//! Native libraries: which there are, which files they come in, and where they lie once `cargo xtask setup` installed them.
//!
//! `native.toml`, compiled in, is the [`Lock`]: for each [`Part`] the wheels that bring its libraries, by digest. The
//! [`Store`] is a folder of the user's with a folder for each installed part. Nothing here is fetched, opened or loaded.

mod contents;
mod lock;
mod part;
mod store;

pub use contents::{Contents, ContentsError, File, is_inside, is_licence, is_shared_library};
pub use lock::{Lock, LockError, LockedPart, Package, Wheel, platform};
pub use part::Part;
pub use store::{Installed, Store};
