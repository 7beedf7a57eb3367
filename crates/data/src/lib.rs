//! Photographs on their way into a network.
//!
//! Bytes of a JPEG or PNG file become an [`RgbImage`] ([`decode()`]), and the evaluation transform turns that into the
//! numbers a network reads ([`transform`]). What the transform does is described by
//! [`bossnas_model::preprocess::Preprocessing`]; this crate carries it out, byte for byte as Pillow and torchvision do.
//!
//! A [`dataset::DataSet`] is a list of labelled images, and a [`loader::Loader`] prepares them on all cores ahead of
//! whoever takes them; [`classes`] says what their labels mean to a network. For the search [`views`] makes augmented views
//! of them, for supervised training [`training`] makes augmented inputs, both in batches ([`batches`]). [`archive`] unpacks
//! what data sets come in.

pub mod archive;
mod augment;
pub mod batches;
pub mod classes;
pub mod dataset;
mod decode;
mod encode;
mod error;
mod image;
pub mod loader;
mod orientation;
mod resample;
mod streams;
mod sums;
pub mod training;
pub mod transform;
pub mod views;

pub use decode::{DecodeOptions, JpegDecoder, Limits, decode, decode_with, jpeg_decoder};
pub use encode::encode_png;
pub use error::Error;
pub use image::RgbImage;
pub use orientation::Orientation;
