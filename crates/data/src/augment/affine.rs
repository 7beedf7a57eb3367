//! Moving, shearing and turning: Pillow's `Image.transform` by an affine map with bicubic interpolation, and its `rotate`.
//!
//! All of it is computed in float64 and in Pillow's order, since levels are cut off after the point: what is rounded in another
//! way differs by a level. Most maps move along one axis only. Along the other they hit pixels exactly, where the
//! interpolation gives the pixel itself, so that four neighbours do instead of sixteen.

use super::planes::Planes;

/// Pixels of a row whose sources are looked for side by side.
const CHUNK: usize = 8;

/// Where the middle of a pixel comes from: `x` from `a x + b y + c`, and `y` from `d x + e y + f`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Affine {
    x: [f64; 3],
    y: [f64; 3],
}

const SAME_X: [f64; 3] = [1.0, 0.0, 0.0];
const SAME_Y: [f64; 3] = [0.0, 1.0, 0.0];

impl Affine {
    /// Rows move by a part of their height in the view.
    pub(crate) const fn shear_x(by: f64) -> Self {
        Self { x: [1.0, by, 0.0], y: SAME_Y }
    }

    /// Columns move by a part of their place in the view.
    pub(crate) const fn shear_y(by: f64) -> Self {
        Self { x: SAME_X, y: [by, 1.0, 0.0] }
    }

    /// All moves to the left by so many pixels.
    pub(crate) const fn translate_x(by: f64) -> Self {
        Self { x: [1.0, 0.0, by], y: SAME_Y }
    }

    /// All moves upwards by so many pixels.
    pub(crate) const fn translate_y(by: f64) -> Self {
        Self { x: SAME_X, y: [0.0, 1.0, by] }
    }

    /// A view of this height and width turns around its middle, against the clock, by so many degrees.
    pub(crate) fn rotate(degrees: f64, size: [usize; 2]) -> Self {
        let angle = -degrees.rem_euclid(360.0).to_radians();
        let (sin, cos) = (rounded(angle.sin()), rounded(angle.cos()));
        let [y, x] = size.map(|side| side as f64 / 2.0);
        let turned = |a: f64, b: f64| a * -x + b * -y + 0.0;
        Self { x: [cos, sin, turned(cos, sin) + x], y: [-sin, cos, turned(-sin, cos) + y] }
    }

    /// Where the middle of a pixel comes from, in float64 and in Pillow's order.
    #[inline]
    fn source([a, b, c]: [f64; 3], x: f64, y: f64) -> f64 {
        a * x + b * y + c
    }
}

/// Python's `round(value, 15)`: to the nearest decimal, which is found in decimals.
fn rounded(value: f64) -> f64 {
    // What was written as a number is one.
    format!("{value:.15}").parse().unwrap_or(value)
}

/// Moves all pixels. Where nothing comes from inside of the view, it is filled.
pub(crate) fn transform(view: &mut Planes, map: Affine, fill: [u8; 3]) {
    let mut made = Planes::filled([view.height, view.width], fill);
    if map.y == SAME_Y {
        along_rows(view, map.x, &mut made);
    } else if map.x == SAME_X {
        along_columns(view, map.y, &mut made);
    } else {
        both_ways(view, map, &mut made);
    }
    *view = made;
}

/// A source on an axis: the first of the four neighbours, and how far it is from the second one to the third.
#[derive(Clone, Copy)]
struct Place {
    first: isize,
    part: f64,
}

impl Place {
    /// `None` outside of a view of this side.
    #[inline]
    fn new(source: f64, side: f64) -> Option<Self> {
        if !(0.0..side).contains(&source) {
            return None;
        }
        let middle = source - 0.5;
        let whole = middle.floor();
        Some(Self { first: whole as isize - 1, part: middle - whole })
    }

    /// The four neighbours; beyond the border a view goes on as it ends.
    #[inline]
    fn neighbours(self, side: usize) -> [usize; 4] {
        [0, 1, 2, 3].map(|k| (self.first + k).clamp(0, side as isize - 1) as usize)
    }
}

/// The cubic through the middle two of four numbers whose slopes there are the differences of their neighbours.
#[inline]
fn cubic([v1, v2, v3, v4]: [f64; 4], part: f64) -> f64 {
    let p2 = -v1 + v3;
    let p3 = 2.0 * (v1 - v2) + v3 - v4;
    let p4 = -v1 + v2 - v3 + v4;
    v2 + part * (p2 + part * (p3 + part * p4))
}

/// Cut off after the point and at both ends of a byte, as the cast does it.
#[inline]
fn level(value: f64) -> u8 {
    value as u8
}

/// Every row moves in itself.
fn along_rows(view: &Planes, map: [f64; 3], made: &mut Planes) {
    let (height, width) = (view.height, view.width);
    // A row with two more pixels at its beginning and at its end, so that all neighbours are there.
    let mut row = vec![0.0; width + 4];
    let (from, to) = (view.levels(), made.levels_mut());
    for (from, to) in from.into_iter().zip(to) {
        let rows = from.chunks_exact(width).zip(to.chunks_exact_mut(width));
        for ((from, to), y) in rows.zip(0..height) {
            let y = y as f64 + 0.5;
            row[..2].fill(f64::from(from[0]));
            row[2..width + 2].iter_mut().zip(from).for_each(|(wide, &level)| *wide = f64::from(level));
            row[width + 2..].fill(f64::from(from[width - 1]));
            for (chunk, to) in to.chunks_mut(CHUNK).enumerate() {
                let place = |i: usize| {
                    let x = (chunk * CHUNK + i) as f64 + 0.5;
                    Place::new(Affine::source(map, x, y), width as f64)
                };
                for (i, to) in to.iter_mut().enumerate() {
                    if let Some(place) = place(i) {
                        let at = (place.first + 2) as usize;
                        *to = level(cubic([row[at], row[at + 1], row[at + 2], row[at + 3]], place.part));
                    }
                }
            }
        }
    }
}

/// Every column moves in itself.
fn along_columns(view: &Planes, map: [f64; 3], made: &mut Planes) {
    let (height, width) = (view.height, view.width);
    let places = |y: usize| {
        let place = move |x: usize| Place::new(Affine::source(map, x as f64 + 0.5, y as f64 + 0.5), height as f64);
        (0..width).map(place)
    };
    let from = view.levels();
    let to = made.levels_mut();
    for (from, to) in from.into_iter().zip(to) {
        for (y, to) in to.chunks_exact_mut(width).enumerate() {
            for ((x, to), place) in to.iter_mut().enumerate().zip(places(y)) {
                if let Some(place) = place {
                    let values = place.neighbours(height).map(|y| f64::from(from[y * width + x]));
                    *to = level(cubic(values, place.part));
                }
            }
        }
    }
}

/// Any other map.
fn both_ways(view: &Planes, map: Affine, made: &mut Planes) {
    let (height, width) = (view.height, view.width);
    let from = view.levels();
    let mut to = made.levels_mut();
    for y in 0..height {
        for x in 0..width {
            let (middle_x, middle_y) = (x as f64 + 0.5, y as f64 + 0.5);
            let across = Place::new(Affine::source(map.x, middle_x, middle_y), width as f64);
            let down = Place::new(Affine::source(map.y, middle_x, middle_y), height as f64);
            let (Some(across), Some(down)) = (across, down) else { continue };
            let (columns, rows) = (across.neighbours(width), down.neighbours(height));
            for (from, to) in from.iter().zip(&mut to) {
                let row = |y: usize| cubic(columns.map(|x| f64::from(from[y * width + x])), across.part);
                to[y * width + x] = level(cubic(rows.map(row), down.part));
            }
        }
    }
}
