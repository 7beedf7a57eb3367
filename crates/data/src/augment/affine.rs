//! Moving, shearing and turning: Pillow's `Image.transform` by an affine map with bicubic interpolation, and its `rotate`.
//!
//! All of it is computed in float64 and in Pillow's order, since levels are cut off after the point: what is rounded in another
//! way differs by a level. Most maps move along one axis only. Along the other they hit pixels exactly, where the
//! interpolation gives the pixel itself, so that every line moves in itself and four neighbours do instead of sixteen. There
//! four pixels of a line are computed side by side, else the colours of a pixel.

use wide::f64x4;

use super::planes::Planes;

/// Pixels that are repeated at both ends of a line, so that all neighbours are there.
const MARGIN: usize = 2;

/// Pixels of a line that are computed side by side.
const LANES: usize = 4;

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
}

/// Python's `round(value, 15)`: to the nearest decimal, which is found in decimals.
fn rounded(value: f64) -> f64 {
    // What was written as a number is one.
    format!("{value:.15}").parse().unwrap_or(value)
}

/// Moves all pixels. Where nothing comes from inside of the view, it is filled.
pub(crate) fn transform(view: &mut Planes, map: Affine, fill: [u8; 3]) {
    let (height, width) = (view.height, view.width);
    let mut made = Planes::filled([height, width], fill);
    if map.y == SAME_Y {
        let [along, across, offset] = map.x;
        let lines = Lines { count: height, apart: width, length: width, step: 1 };
        lines.transform(view, [along, across, offset], &mut made);
    } else if map.x == SAME_X {
        let [across, along, offset] = map.y;
        let lines = Lines { count: width, apart: 1, length: height, step: width };
        lines.transform(view, [along, across, offset], &mut made);
    } else {
        both_ways(view, map, &mut made);
    }
    *view = made;
}

/// A source on an axis: the first of the four neighbours, counted with the margin, and how far it is from the second one to the
/// third.
#[derive(Clone, Copy)]
struct Place {
    first: usize,
    part: f64,
}

impl Place {
    /// `None` outside of an axis of this length.
    #[inline]
    fn new(source: f64, length: f64) -> Option<Self> {
        if !(0.0..length).contains(&source) {
            return None;
        }
        let middle = source - 0.5;
        let before = if middle < 0.0 { -1 } else { middle as i32 };
        Some(Self { first: (before + MARGIN as i32 - 1) as usize, part: middle - f64::from(before) })
    }
}

/// The cubic through the middle two of four numbers whose slopes there are the differences of their neighbours.
#[inline]
fn cubic([v1, v2, v3, v4]: [f64x4; 4], part: f64x4) -> f64x4 {
    let p2 = v3 - v1;
    let p3 = (v1 - v2) * f64x4::splat(2.0) + v3 - v4;
    let p4 = v2 - v1 - v3 + v4;
    v2 + part * (p2 + part * (p3 + part * p4))
}

/// Cut off after the point and at both ends of a byte, as the cast does it.
#[inline]
fn levels(values: f64x4) -> [u8; LANES] {
    values.to_array().map(|value| value as u8)
}

/// Rows or columns of a view.
struct Lines {
    count: usize,
    /// From a line to the next one.
    apart: usize,
    /// Pixels of a line.
    length: usize,
    /// From a pixel of a line to the next one.
    step: usize,
}

impl Lines {
    /// Moves every line in itself. A pixel comes from `along * its place in the line + across * the place of the line + offset`.
    fn transform(&self, view: &Planes, [along, across, offset]: [f64; 3], made: &mut Planes) {
        let length = self.length as f64;
        let counted = f64x4::new([0.5, 1.5, 2.5, 3.5]);
        let mut wide = [(); 3].map(|()| vec![0.0; self.length + 2 * MARGIN]);
        let (from, mut to) = (view.levels(), made.levels_mut());
        for (line, number) in (0..self.count).zip(0_u32..) {
            for (from, wide) in from.iter().zip(&mut wide) {
                self.widen(&from[line * self.apart..], wide);
            }
            let shift = f64x4::splat(across * (f64::from(number) + 0.5));
            for (at, place) in (0..self.length).zip(0_u32..).step_by(LANES) {
                let middles = f64x4::splat(f64::from(place)) + counted;
                let sources = f64x4::splat(along) * middles + shift + f64x4::splat(offset);
                let places = sources.to_array().map(|source| Place::new(source, length));
                let out = line * self.apart + at * self.step;
                if let Some((first, parts)) = in_a_row(places).filter(|_| at + LANES <= self.length) {
                    for (wide, to) in wide.iter().zip(&mut to) {
                        let lanes = |k: usize| {
                            let lanes = &wide[first + k..first + k + LANES];
                            f64x4::new([lanes[0], lanes[1], lanes[2], lanes[3]])
                        };
                        let made = levels(cubic([lanes(0), lanes(1), lanes(2), lanes(3)], parts));
                        for (lane, level) in made.into_iter().enumerate() {
                            to[out + lane * self.step] = level;
                        }
                    }
                    continue;
                }
                // At the ends, and where a source is rounded into the next pixel: one by one.
                let inside = places.into_iter().take(self.length - at).enumerate();
                for (lane, place) in inside.filter_map(|(lane, place)| Some((lane, place?))) {
                    for (wide, to) in wide.iter().zip(&mut to) {
                        let four = [0, 1, 2, 3].map(|k| f64x4::splat(wide[place.first + k]));
                        let [level, ..] = levels(cubic(four, f64x4::splat(place.part)));
                        to[out + lane * self.step] = level;
                    }
                }
            }
        }
    }

    /// The levels of a line, with those at both ends repeated.
    fn widen(&self, from: &[u8], wide: &mut [f64]) {
        let (first, rest) = wide.split_at_mut(MARGIN);
        let (middle, last) = rest.split_at_mut(self.length);
        let levels = from.iter().step_by(self.step);
        middle.iter_mut().zip(levels).for_each(|(wide, &level)| *wide = f64::from(level));
        first.fill(middle[0]);
        last.fill(middle[self.length - 1]);
    }
}

/// The first neighbour of the first place, where those of the others follow one by one, and the parts of all.
#[inline]
fn in_a_row(places: [Option<Place>; LANES]) -> Option<(usize, f64x4)> {
    let [Some(a), Some(b), Some(c), Some(d)] = places else { return None };
    let follow = [b.first, c.first, d.first] == [a.first + 1, a.first + 2, a.first + 3];
    follow.then(|| (a.first, f64x4::new([a.part, b.part, c.part, d.part])))
}

/// Any other map: of each pixel the colours side by side.
fn both_ways(view: &Planes, map: Affine, made: &mut Planes) {
    let (height, width) = (view.height, view.width);
    let stride = width + 2 * MARGIN;
    let mut wide = vec![f64x4::ZERO; stride * (height + 2 * MARGIN)];
    let from = view.levels();
    for (place, row) in wide.chunks_exact_mut(stride).enumerate() {
        let y = place.saturating_sub(MARGIN).min(height - 1);
        for (place, pixel) in row.iter_mut().enumerate() {
            let at = y * width + place.saturating_sub(MARGIN).min(width - 1);
            *pixel = f64x4::new([from[0][at], from[1][at], from[2][at], 0].map(f64::from));
        }
    }
    let [red, green, blue] = made.levels_mut().map(|plane| plane.chunks_exact_mut(width));
    for (((red, green), blue), y) in red.zip(green).zip(blue).zip(0_u32..) {
        let pixels = red.iter_mut().zip(green).zip(blue);
        for (((red, green), blue), x) in pixels.zip(0_u32..) {
            let (x, y) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
            let source = |[a, b, c]: [f64; 3]| a * x + b * y + c;
            let Some(across) = Place::new(source(map.x), width as f64) else { continue };
            let Some(down) = Place::new(source(map.y), height as f64) else { continue };
            let part = f64x4::splat(across.part);
            let row = |number: usize| {
                let four = &wide[(down.first + number) * stride + across.first..][..4];
                cubic([four[0], four[1], four[2], four[3]], part)
            };
            let made = cubic([row(0), row(1), row(2), row(3)], f64x4::splat(down.part));
            [*red, *green, *blue, _] = levels(made);
        }
    }
}
