//! What the reports of all runs have in common: curves over the steps, tables, words for times and numbers.

mod curve;
mod facts;
mod files;
mod training;

pub(crate) use curve::{Curve, is_drawable, pieces};
pub(crate) use facts::{date, duration, worked};
pub(crate) use files::{MAX_TEXT, seed, text};
pub(crate) use training::{Broken, broken, losses, rates, speed, speed_table};
