//! Ratings of searched architectures beside their accuracies.
//!
//! A search rates the paths of each stage; the rating of a whole architecture is the sum over its stages, and lower is
//! better, since a rating is a loss (`REFERENCE.md` section 4). [`Ratings::read`] reads the published rank files and our own
//! JSON, [`Accuracies::read`] what the architectures reached after training, [`pair()`] brings both together in the order of
//! the accuracies. How far they agree is for [`bossnas_report::statistics::correlation`] to say.
//!
//! All files are foreign: a size is looked at before a file is read, YAML is read event by event and nothing in it is ever
//! constructed.

mod accuracy;
mod csv;
mod error;
mod json;
mod pairing;
mod ratings;
mod source;
mod space;
mod yaml;

pub use accuracy::Accuracies;
pub use bossnas_model::space::Space;
pub use error::{Problem, RankError};
pub use pairing::{Missing, Pair, Pairing, Sum, pair};
pub use ratings::{Ratings, Stage};
pub use source::{MAX_BYTES, MAX_ENTRIES};

pub(crate) use json::StageScores;
pub(crate) use source::Source;
pub(crate) use space::path_of;

/// A number and what it belongs to: a path through one stage, or an architecture, as a file writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The text, as it stands there.
    pub key: String,
    /// A finite number.
    pub value: f64,
}
