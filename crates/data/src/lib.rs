//! Photographs on their way into a network.
//!
//! Bytes of a JPEG or PNG file become an [`RgbImage`] ([`decode()`]), and the evaluation transform turns that into the
//! numbers a network reads ([`transform`]). What the transform does is described by
//! [`bossnas_model::preprocess::Preprocessing`]; this crate carries it out, pixel for pixel as Pillow and torchvision do.

pub mod archive;
mod decode;
mod error;
mod image;
mod resample;
pub mod transform;

pub use decode::{Limits, decode};
pub use error::Error;
pub use image::RgbImage;
