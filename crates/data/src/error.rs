//! Everything that can go wrong between a file's bytes and a network's input.

use crate::augment::check::RecipeError;

/// Why an image could not be decoded or transformed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes begin neither like a JPEG nor like a PNG file.
    #[error("neither a JPEG nor a PNG file")]
    UnknownFormat,
    /// The file says that it holds an image larger than the caller allows. Nothing of its size was allocated.
    #[error("the image is {width} x {height} pixels, the limit is {max_side} on a side and {max_pixels} in all")]
    TooLarge {
        /// Pixels in a row.
        width: u32,
        /// Number of rows.
        height: u32,
        /// Most pixels in a row or column.
        max_side: u32,
        /// Most pixels in all.
        max_pixels: u64,
    },
    /// An image without pixels.
    #[error("the image is {width} x {height} pixels: nothing to see")]
    Empty {
        /// Pixels in a row.
        width: u32,
        /// Number of rows.
        height: u32,
    },
    /// The number of bytes is not 3 x width x height.
    #[error("{bytes} bytes are not {width} x {height} RGB pixels")]
    WrongLength {
        /// Pixels in a row.
        width: u32,
        /// Number of rows.
        height: u32,
        /// Bytes that were given.
        bytes: usize,
    },
    /// The file is damaged or uses something that the decoder does not know.
    #[error("can't decode the image: {0}")]
    Decode(#[source] ::image::ImageError),
    /// The image cannot be written.
    #[error("can't encode the image: {0}")]
    Encode(#[source] ::image::ImageError),
    /// libjpeg refuses the file.
    #[error("can't decode the JPEG file: {reason}")]
    Jpeg {
        /// What it says.
        reason: String,
    },
    /// The file ends before the last row of the image.
    #[error("the JPEG file is truncated")]
    Truncated,
    /// A progressive file with so many scans that decoding it would take very long.
    #[error("the image is {width} x {height} pixels in {scans} scans, the limit for this size is {limit} scans")]
    Scans {
        /// Pixels in a row.
        width: u32,
        /// Number of rows.
        height: u32,
        /// Passes over the image.
        scans: u64,
        /// Most passes over an image of this size.
        limit: u64,
    },
    /// The description asks for an input without pixels, or for a crop larger than what it resizes to.
    #[error("can't crop {size:?} (height, width) from an image resized to cover {resize:?}")]
    Geometry {
        /// The crop.
        size: [usize; 2],
        /// The box that is covered.
        resize: [usize; 2],
    },
    /// A part of an image that is not all inside of it.
    #[error("the window of a view is not inside of the image, which is {width} x {height} pixels")]
    Window {
        /// Pixels in a row of the image.
        width: u32,
        /// Number of its rows.
        height: u32,
    },
    /// A view that is cut out without resizing, of an image that has not its size.
    #[error(
        "the image is {width} x {height} pixels, and padded views of {size:?} (height, width) need one of their size"
    )]
    ViewSize {
        /// Pixels in a row.
        width: u32,
        /// Number of rows.
        height: u32,
        /// Height and width of a view.
        size: [usize; 2],
    },
    /// There is room for more or fewer numbers than an input has.
    #[error("there is room for {numbers} numbers, and an input is 3 x {size} x {size}")]
    InputLength {
        /// Side of an input.
        size: usize,
        /// Numbers that there is room for.
        numbers: usize,
    },
    /// A batch to mix that is not the one which was drawn for.
    #[error("{numbers} numbers of shape {shape:?} are not the batch of {drawn} images that was drawn for")]
    MixedShape {
        /// The shape that was named.
        shape: [usize; 4],
        /// Numbers that there are.
        numbers: usize,
        /// Images that were drawn for.
        drawn: usize,
    },
    /// A recipe that cannot be.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
}
