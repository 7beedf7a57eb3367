//! Block-wise self-supervised search with ensemble bootstrapping (`REFERENCE.md` section 4).
//!
//! ```text
//! Space (model) --parts--> Siamese: online and target tensors, one Module for each part
//!                             |
//!    images [n, views, 3, h, w], paths                          siamese/step
//!       target: projections, averaged --> two targets     (no gradient)
//!       online: each path in turn --> losses, backward at once
//!       every few batches: LARS, then the target follows
//!                             |
//!    images of rating         v                                 rate
//!       tree over the paths --> scores, order
//! ```
//!
//! Which of the published rules hold is [`Rules`]: each point in which they differ from what is right is a switch. [`run`] is a search
//! as people run it, and [`journal`] what they look at.

mod draw;
pub mod journal;
pub mod rate;
mod rules;
pub mod run;
pub mod siamese;
mod world;

pub use draw::draw_paths;
pub use rules::{BnRecalibration, ChannelsFixTarget, LarsExclude, Prefix, RatingTarget, Rules};
pub use world::World;
