//! What can be done to the pixels of an image: the steps that views and training inputs are made of.
//!
//! A step takes bytes with the colours outside ([`Planes`]) and what was drawn for it, and computes as Pillow does, so that
//! the same draws give the same bytes. What is drawn, and in which order steps follow, is the business of
//! [`views`](crate::views) and [`training`](crate::training).

pub(crate) mod affine;
pub(crate) mod blur;
pub(crate) mod check;
pub(crate) mod colour;
pub(crate) mod crop;
mod hue;
pub(crate) mod jitter;
pub(crate) mod levels;
pub(crate) mod normalise;
pub(crate) mod planes;
pub(crate) mod sharpen;

pub(crate) use planes::Planes;
