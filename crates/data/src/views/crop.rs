//! Which part of an image a view shows, and the pixels of that part in the size of a view.

use bossnas_model::preprocess::Interpolation;
use bossnas_model::random::Stream;

use super::planes::Planes;
use super::recipe::Crop;
use crate::resample::{self, Taps};
use crate::{Error, RgbImage};

/// How often a window is drawn until one fits into the image.
const TRIES: u32 = 10;

/// A part of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// A part that is resized to the size of a view.
    Resized {
        /// Rows above it.
        top: u32,
        /// Columns to its left.
        left: u32,
        /// Its rows.
        height: u32,
        /// Its columns.
        width: u32,
    },
    /// A part of the size of a view, of the image with `padding` pixels of black around it.
    Padded {
        /// Rows of black on each side, as many as columns.
        padding: usize,
        /// Rows above it in the padded image.
        top: usize,
        /// Columns to its left in the padded image.
        left: usize,
    },
}

/// Draws a window of an image of this height and width.
pub(super) fn draw(crop: &Crop, size: usize, [height, width]: [u32; 2], stream: &mut Stream) -> Window {
    match *crop {
        Crop::Resized { scale, ratio } => resized([height, width], scale, ratio, stream),
        Crop::Padded { padding } => {
            // An image that has not the size of a view is refused when it is cut; what is drawn for it does not matter.
            let room = |side: u32| (side as usize + 2 * padding).saturating_sub(size) as u64 + 1;
            let [top, left] = [height, width].map(|side| stream.below(room(side)) as usize);
            Window::Padded { padding, top, left }
        }
    }
}

/// torchvision's `RandomResizedCrop.get_params`: ten tries, and then as much of the centre as the ratios allow.
fn resized([height, width]: [u32; 2], scale: [f64; 2], ratio: [f64; 2], stream: &mut Stream) -> Window {
    let [h, w] = [height, width].map(f64::from);
    for _ in 0..TRIES {
        let area = h * w * stream.between(scale);
        let ratio = stream.between(ratio.map(f64::ln)).exp();
        let wanted = [(area / ratio).sqrt(), (area * ratio).sqrt()].map(f64::round_ties_even);
        if (1.0..=h).contains(&wanted[0]) && (1.0..=w).contains(&wanted[1]) {
            let [tall, wide] = wanted.map(|side| side as u32);
            let mut place = |room: u32| stream.below(u64::from(room) + 1) as u32;
            let (top, left) = (place(height - tall), place(width - wide));
            return Window::Resized { top, left, height: tall, width: wide };
        }
    }
    let [tall, wide] = if w / h < ratio[0] {
        [(w / ratio[0]).round_ties_even(), w]
    } else if w / h > ratio[1] {
        [h, (h * ratio[1]).round_ties_even()]
    } else {
        [h, w]
    };
    let [tall, wide] = [tall.clamp(1.0, h) as u32, wide.clamp(1.0, w) as u32];
    Window::Resized { top: (height - tall) / 2, left: (width - wide) / 2, height: tall, width: wide }
}

/// The pixels of a window, in a view of this height and width, mirrored or not.
pub(super) fn cut(image: &RgbImage, window: Window, size: [usize; 2], flip: bool) -> Result<Planes, Error> {
    match window {
        Window::Resized { top, left, height, width } => {
            let fits =
                |at: u32, part: u32, whole: u32| part > 0 && at.checked_add(part).is_some_and(|end| end <= whole);
            if !fits(top, height, image.height()) || !fits(left, width, image.width()) {
                return Err(Error::Window { width: image.width(), height: image.height() });
            }
            let axis = |from: u32, to: usize, start: u32| {
                Taps::new(Interpolation::Bicubic, from, to as u64, 0, to).shifted(start as usize)
            };
            let (vertical, horizontal) = (axis(height, size[0], top), axis(width, size[1], left));
            // The first step resizes only the rows that the second one reads.
            let read = vertical.reach();
            let row = image.width() as usize * 3;
            let rows = resample::rows(&image.pixels()[read.start * row..read.end * row], row, &horizontal);
            let pixels = resample::columns(&rows, size[1] * 3, read.start, &vertical);
            Ok(Planes::from_pixels(&pixels, size, flip))
        }
        Window::Padded { padding, top, left } => {
            let [height, width] = [image.height(), image.width()].map(|side| side as usize);
            if [height, width] != size {
                return Err(Error::ViewSize { width: image.width(), height: image.height(), size });
            }
            if top.max(left) > 2 * padding {
                return Err(Error::Window { width: image.width(), height: image.height() });
            }
            let mut pixels = vec![0; image.pixels().len()];
            // Where the image and the window meet, from the image's first pixel and from the window's.
            let meet = |at: usize, side: usize| {
                let (seen, shown) = (at.saturating_sub(padding), padding.saturating_sub(at));
                (seen, shown, side.saturating_sub(seen.max(shown)))
            };
            let ((seen_y, shown_y, rows), (seen_x, shown_x, columns)) = (meet(top, height), meet(left, width));
            for y in 0..rows {
                let (from, to) = (((seen_y + y) * width + seen_x) * 3, ((shown_y + y) * width + shown_x) * 3);
                pixels[to..to + columns * 3].copy_from_slice(&image.pixels()[from..from + columns * 3]);
            }
            Ok(Planes::from_pixels(&pixels, size, flip))
        }
    }
}
