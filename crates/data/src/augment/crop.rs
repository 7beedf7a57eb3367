//! Which part of an image a view shows, and the pixels of that part in the size of a view.

use bossnas_model::preprocess::Interpolation;
use bossnas_model::random::Stream;
use serde::{Deserialize, Serialize};

use super::check::Judge;
use super::planes::Planes;
use crate::resample::{self, Taps};
use crate::{Error, RgbImage};

/// How often a window is drawn until one fits into the image.
const TRIES: u32 = 10;

/// The widest and the narrowest window of a crop, as width by height.
const RATIOS: [f64; 2] = [0.01, 100.0];

/// Which part of an image a view shows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Crop {
    /// torchvision's `RandomResizedCrop`: a window of a random size and shape at a random place, resized (bicubic).
    Resized {
        /// The share of the image's area that the window has.
        scale: [f64; 2],
        /// Its width by its height; the logarithm is uniform.
        ratio: [f64; 2],
    },
    /// torchvision's `RandomCrop`: black is put around an image that has the size of a view, and a window of that size is
    /// taken at a random place.
    Padded {
        /// Pixels of black on each side.
        padding: usize,
    },
    /// All of it, resized (bicubic) without regard to its proportions.
    Whole,
}

impl Crop {
    /// The window that the published networks were searched and trained with.
    pub const PUBLISHED: Self = Self::Resized { scale: [0.08, 1.0], ratio: [3.0 / 4.0, 4.0 / 3.0] };

    pub(crate) fn check(&self, size: usize, judge: &mut Judge) {
        judge.within("crop", |judge| match *self {
            Self::Resized { scale, ratio } => {
                judge.shares("resized.scale", scale);
                judge.range("resized.ratio", ratio, RATIOS);
            }
            Self::Padded { padding } => {
                judge.demand(padding <= size, "padded.padding", padding, "at most the size of a view");
            }
            Self::Whole => {}
        });
    }
}

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
pub(crate) fn draw(crop: &Crop, size: usize, [height, width]: [u32; 2], stream: &mut Stream) -> Window {
    match *crop {
        Crop::Resized { scale, ratio } => resized([height, width], scale, ratio, stream),
        Crop::Padded { padding } => {
            // An image that has not the size of a view is refused when it is cut; what is drawn for it does not matter.
            let room = |side: u32| (side as usize + 2 * padding).saturating_sub(size) as u64 + 1;
            let [top, left] = [height, width].map(|side| stream.below(room(side)) as usize);
            Window::Padded { padding, top, left }
        }
        Crop::Whole => Window::whole([height, width]),
    }
}

impl Window {
    /// All of an image of this height and width.
    pub(crate) const fn whole([height, width]: [u32; 2]) -> Self {
        Self::Resized { top: 0, left: 0, height, width }
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
pub(crate) fn cut(image: &RgbImage, window: Window, size: [usize; 2], flip: bool) -> Result<Planes, Error> {
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

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: ([f64; 2], [f64; 2]) = ([0.08, 1.0], [3.0 / 4.0, 4.0 / 3.0]);

    fn windows(image: [u32; 2], (scale, ratio): ([f64; 2], [f64; 2])) -> Vec<[u32; 4]> {
        let window = |key| match resized(image, scale, ratio, &mut Stream::of(key, &[])) {
            Window::Resized { top, left, height, width } => [top, left, height, width],
            Window::Padded { .. } => unreachable!("it is resized"),
        };
        (0..20_000).map(window).collect()
    }

    /// Insists that uniform numbers from 0 to 1 are that: mean and spread, to six standard deviations.
    #[track_caller]
    fn uniform(numbers: &[f64]) {
        assert!(numbers.iter().all(|number| (-0.01..1.01).contains(number)));
        let count = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        assert!((mean - 0.5).abs() < 6.0 * (1.0 / 12.0 / count).sqrt(), "mean {mean}");
        let variance = numbers.iter().map(|number| (number - 0.5).powi(2)).sum::<f64>() / count;
        assert!((variance - 1.0 / 12.0).abs() < 6.0 * (1.0 / 180.0 / count).sqrt(), "variance {variance}");
    }

    #[test]
    fn area_ratio_and_place_are_uniform() {
        // Each fits at the first try. The sides are so large that rounding them moves no mean.
        let (scale, ratio) = ([0.08, 0.25], PUBLISHED.1);
        let windows = windows([3000, 4000], (scale, ratio));
        let of = |number: &dyn Fn([f64; 4]) -> f64| {
            windows.iter().map(|window| number(window.map(f64::from))).collect::<Vec<f64>>()
        };
        uniform(&of(&|[_, _, h, w]| (h * w / 12e6 - scale[0]) / (scale[1] - scale[0])));
        uniform(&of(&|[_, _, h, w]| ((w / h).ln() - ratio[0].ln()) / (ratio[1].ln() - ratio[0].ln())));
        uniform(&of(&|[top, _, h, _]| top / (3000.0 - h)));
        uniform(&of(&|[_, left, _, w]| left / (4000.0 - w)));
    }

    #[test]
    fn a_window_that_does_not_fit_is_drawn_again() {
        // As tall as wide, from a quarter of the area to all of it: those of more than 300 x 300 don't fit, so that the
        // area is uniform up to three quarters. Ten times in a row that is missed once in a million.
        let areas: Vec<f64> =
            windows([300, 400], ([0.25, 1.0], [1.0, 1.0])).iter().map(|[_, _, h, w]| f64::from(h * w) / 12e4).collect();
        let parts: Vec<f64> = areas.iter().map(|area| (area - 0.25) / 0.5).collect();
        uniform(&parts);
    }

    #[test]
    fn what_never_fits_becomes_as_much_of_the_centre_as_the_ratios_allow() {
        assert!(windows([10, 1000], PUBLISHED).iter().all(|window| *window == [0, 493, 10, 13]));
        assert!(windows([1000, 10], PUBLISHED).iter().all(|window| *window == [493, 0, 13, 10]));
        assert!(windows([300, 400], ([1.0, 1.0], [1.0, 1.0])).iter().all(|window| *window == [0, 50, 300, 300]));
        assert!(windows([1, 1], PUBLISHED).iter().all(|window| *window == [0, 0, 1, 1]));
        // Of the image's own ratio, which is the largest that is allowed, all of it.
        let whole = windows([300, 400], ([1.0, 1.0], PUBLISHED.1));
        assert!(whole.iter().filter(|window| **window == [0, 0, 300, 400]).count() > 19_000);
    }

    #[test]
    fn a_padded_window_may_begin_anywhere() {
        let mut seen = [[0; 9]; 9];
        for key in 0..20_000 {
            let crop = Crop::Padded { padding: 4 };
            match draw(&crop, 32, [32, 32], &mut Stream::of(key, &[])) {
                Window::Padded { padding: 4, top, left } => seen[top][left] += 1,
                other => unreachable!("{other:?}"),
            }
        }
        // 247 on average; six standard deviations.
        assert!(seen.as_flattened().iter().all(|count| (153..341).contains(count)), "{seen:?}");
    }

    #[test]
    fn a_window_outside_of_the_image_is_refused() {
        let image = RgbImage::new(4, 3, vec![7; 36]).unwrap();
        let resized = |top, left, height, width| Window::Resized { top, left, height, width };
        let outside = [
            resized(0, 0, 4, 4),
            resized(1, 0, 3, 4),
            resized(0, 1, 3, 4),
            resized(0, 0, 0, 4),
            resized(u32::MAX, 0, 1, 1),
            Window::Padded { padding: 1, top: 3, left: 0 },
        ];
        for window in outside {
            assert!(matches!(cut(&image, window, [3, 4], false), Err(Error::Window { .. })), "{window:?}");
        }
        let padded = Window::Padded { padding: 1, top: 0, left: 0 };
        assert!(matches!(cut(&image, padded, [4, 4], false), Err(Error::ViewSize { .. })));
        // More padding than the view has pixels: nothing of the image is left.
        let far = cut(&image, Window::Padded { padding: 9, top: 0, left: 18 }, [3, 4], false).unwrap();
        assert!(far.levels().concat().iter().all(|&level| level == 0));
    }
}
