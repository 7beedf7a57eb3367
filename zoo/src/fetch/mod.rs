//! From a name in the registry to a file in the cache. The only part of the program that opens connections.
//!
//! ```text
//! sources in order -> request (resumed where possible) -> partial file -> digest -> is it what it must be?
//!                                                            -> state dicts as safetensors -> record -> blob
//! ```
//!
//! A file gets into the store only when all its bytes are on the disk and their digest is the expected one. Where none is
//! published, the first that came from the registry's own address becomes the expected one, provided that it can be read as
//! what it should be. A download that ends early leaves its bytes, and the next one, of whichever process, goes on from there.

mod client;
mod convert;
mod data_set;
mod download;
mod error;
mod fault;
mod fetcher;
mod follow;
mod intake;
mod partial;
mod response;
mod source;
mod space;
mod terms;
mod transfer;

pub use self::client::{ClientError, client};
pub use self::convert::{ConvertError, convert};
pub use self::data_set::DataSetError;
pub use self::error::FetchError;
pub use self::fault::Fault;
pub use self::fetcher::Fetcher;
pub use self::partial::bytes_there;
pub use self::source::{Place, Source, sources};
pub use self::space::{NoSpace, free};
pub use self::terms::{Content, Options, Outcome, Transfer, Watch};
