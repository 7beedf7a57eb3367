//! torchvision's change of hue: through Pillow's mode `HSV` and back, eight bits each way.

use std::sync::LazyLock;

use wide::bytemuck::cast;
use wide::{f32x4, i16x8, i32x4, i32x8, u8x16, u16x8, u32x8};

use super::planes::{Planes, Stretch};

/// Turns all hues by this part of the circle.
pub(crate) fn turn(view: &mut Planes, part: f64) {
    // A whole number of the circle's steps, of which 255 are the part's unit; the bytes wrap around at 256.
    let steps = (part * 255.0) as i32 as u8;
    let hues: &Hues = &HUES;
    let [red, green, blue] = view.colours_mut();
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        [*r, *g, *b] = turned([*r, *g, *b], hues, steps);
    }
}

/// Pixels whose hues are moved on. Grey stays, but even by no step at all other colours change by some levels: eight bits
/// don't hold all hues.
#[inline]
fn turned(pixels: [Stretch; 3], hues: &Hues, steps: u8) -> [Stretch; 3] {
    let [r, g, b] = pixels.map(u8x16::new);
    let (value, least) = (r.max(g).max(b), r.min(g).min(b));
    let range = value - least;
    // The colour between the largest and the smallest: how far it is below the largest.
    let middle = (value - r) + (value - g) + (value - b) - range;
    let (max_r, max_g) = (r.simd_eq(value), g.simd_eq(value));
    let (min_r, min_g, min_b) = (r.simd_eq(least), g.simd_eq(least), b.simd_eq(least));
    let sector = |first: bool, max: usize| u8x16::splat((2 * max + usize::from(first)) as u8);
    let sector = max_r.bitselect(
        min_g.bitselect(sector(true, 0), sector(false, 0)),
        max_g.bitselect(
            min_b.bitselect(sector(true, 1), sector(false, 1)),
            min_r.bitselect(sector(true, 2), sector(false, 2)),
        ),
    );
    let [sectors, ranges, middles] = [sector, range, middle].map(u8x16::to_array);
    let hue = u8x16::new(std::array::from_fn(|i| hues.get(sectors[i], ranges[i], middles[i]))) + u8x16::splat(steps);
    colours(hue, saturation(range, value), value).map(u8x16::to_array)
}
/// The hue of every pixel that is not grey, by what it depends on: which colours are the largest and the smallest, how far
/// they are apart, and how far below the largest the third is.
struct Hues(Vec<[[u8; 256]; 256]>);

static HUES: LazyLock<Hues> = LazyLock::new(Hues::new);

impl Hues {
    fn new() -> Self {
        let below = |middle: u8, range: u8| f32::from(middle) / f32::from(range);
        let of = |sector: u8, range: usize, middle: usize| {
            let part = if middle <= range && range > 0 { below(middle as u8, range as u8) } else { 0.0 };
            hue(sector / 2, if sector % 2 == 1 { [part, 1.0] } else { [1.0, part] })
        };
        let table = |sector| std::array::from_fn(|range| std::array::from_fn(|middle| of(sector, range, middle)));
        Self((0..6).map(table).collect())
    }

    /// `sector` is twice the number of the largest colour, and one more if the smallest is that whose part is subtracted.
    #[inline]
    fn get(&self, sector: u8, range: u8, middle: u8) -> u8 {
        self.0[usize::from(sector)][usize::from(range)][usize::from(middle)]
    }
}

/// The hue in 255 steps, in Pillow's arithmetic: float32 numbers, and some sums of them in float64. `max` is the number of
/// the largest colour, the parts say how far below it the two others are, of the whole range: first the one before it on the
/// circle, which is added, then the one after it.
fn hue(max: u8, [added, subtracted]: [f32; 2]) -> u8 {
    let sixths = if max == 0 {
        added - subtracted
    } else {
        (f64::from(2 * max) + f64::from(added) - f64::from(subtracted)) as f32
    };
    // `fmod(x, 1)` of a number from 5/6 to 2.
    let circle = f64::from(sixths) / 6.0 + 1.0;
    let circle = if circle >= 1.0 { circle - 1.0 } else { circle };
    (f64::from(circle as f32) * 255.0) as u8
}

/// `255 * range / value`, cut off: what Pillow's float32 quotient gives for all of them (a test knows).
#[inline]
fn saturation(range: u8x16, value: u8x16) -> u8x16 {
    let scaled = [u16x8::from_u8x16_low(range), u16x8::from_u8x16_high(range)].map(|half| half * u16x8::splat(255));
    // Of black, whose range is zero too, any quotient will do.
    let value = value.max(u8x16::splat(1));
    let value = [u16x8::from_u8x16_low(value), u16x8::from_u8x16_high(value)];
    bytes([0, 1].map(|i| quotient(i32x8::from_u16x8(scaled[i]), floats(i32x8::from_u16x8(value[i])))))
}

/// The colours of hues, saturations and values. Pillow computes in floats; rounded to levels, that is everywhere the exact
/// quotient (a test goes through all 16,777,216).
#[inline]
fn colours(hue: u8x16, saturation: u8x16, value: u8x16) -> [u8x16; 3] {
    let halves = |all: u8x16| [u16x8::from_u8x16_low(all), u16x8::from_u8x16_high(all)];
    let (hues, saturations, values) = (halves(hue), halves(saturation), halves(value));
    let whole = u16x8::splat(255);
    let (mut sectors, mut lows, mut middles) = ([i16x8::splat(0); 2], [i16x8::splat(0); 2], [i16x8::splat(0); 2]);
    for i in 0..2 {
        let sixths = hues[i] * u16x8::splat(6);
        // Divided by 255, which is exact for all that 16 bits hold but the last.
        let sector = (sixths + u16x8::splat(1) + (sixths >> 8_u32)) >> 8_u32;
        let part = sixths - sector * whole;
        // In every other sector the third colour falls, in those between it rises.
        let odd = sector & u16x8::splat(1);
        let part = part ^ ((odd - u16x8::splat(1)) & whole);
        let colourful = values[i] * saturations[i];
        // Divided by 255 and rounded.
        let half = colourful + u16x8::splat(128);
        let low = values[i] - ((half + (half >> 8_u32)) >> 8_u32);
        // Divided by 255 x 255 and rounded. There are no ties.
        let less = cast::<u32x8, i32x8>(colourful.widening_mul(part)) + i32x8::splat(255 * 255 / 2);
        let less = i16x8::from_i32x8_saturate(quotient(less, [f32x4::splat(255.0 * 255.0); 2]));
        sectors[i] = cast(sector);
        lows[i] = cast(low);
        middles[i] = cast::<u16x8, i16x8>(values[i]) - less;
    }
    let [sector, low, middle] = [sectors, lows, middles].map(|[a, b]| u8x16::narrow_i16x8(a, b));
    let is = |number: u8| sector.simd_eq(u8x16::splat(number));
    // The last hue is red again, like the first.
    let [red, yellow, green, cyan, blue, magenta] = [is(0) | is(6), is(1), is(2), is(3), is(4), is(5)];
    let colour = |high: u8x16, third: u8x16| high.bitselect(value, third.bitselect(middle, low));
    [colour(red | magenta, yellow | blue), colour(yellow | green, red | cyan), colour(cyan | blue, green | magenta)]
}

#[inline]
fn floats(whole: i32x8) -> [f32x4; 2] {
    cast::<i32x8, [i32x4; 2]>(whole).map(f32x4::from_i32x4)
}

/// Whole quotients of numbers below `2^24`. float32 holds those exactly, and rounds no quotient up to a whole number where the
/// divisor is below `2^16` and the quotient below `2^8`.
#[inline]
fn quotient(dividend: i32x8, divisor: [f32x4; 2]) -> i32x8 {
    let dividend = floats(dividend);
    cast([0, 1].map(|i| (dividend[i] / divisor[i]).fast_trunc_int()))
}

#[inline]
fn bytes(halves: [i32x8; 2]) -> u8x16 {
    let [low, high] = halves.map(i16x8::from_i32x8_saturate);
    u8x16::narrow_i16x8(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pillow's `rgb2hsv`, in its own types.
    fn to_hsv([r, g, b]: [u8; 3]) -> [u8; 3] {
        let (max, min) = (r.max(g).max(b), r.min(g).min(b));
        if max == min {
            return [0, 0, max];
        }
        let range = f32::from(max - min);
        let [rc, gc, bc] = [r, g, b].map(|level| f32::from(max - level) / range);
        let sixths = if r == max {
            bc - gc
        } else if g == max {
            (2.0 + f64::from(rc) - f64::from(bc)) as f32
        } else {
            (4.0 + f64::from(gc) - f64::from(rc)) as f32
        };
        let hue = ((f64::from(sixths) / 6.0 + 1.0) % 1.0) as f32;
        let byte = |part: f32| (f64::from(part) * 255.0) as i32 as u8;
        [byte(hue), byte(range / f32::from(max)), max]
    }

    /// Pillow's `hsv2rgb`, in its own types.
    fn to_rgb([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
        if saturation == 0 {
            return [value; 3];
        }
        let sixths = f64::from(hue) * 6.0 / 255.0;
        let sector = sixths.floor();
        let part = (sixths - sector) as f32;
        let saturation = (f64::from(saturation) / 255.0) as f32;
        let level = |share: f64| (f64::from(value) * share).round().clamp(0.0, 255.0) as u8;
        let p = level(1.0 - f64::from(saturation));
        let q = level(1.0 - f64::from(saturation * part));
        let t = level(1.0 - f64::from(saturation) * (1.0 - f64::from(part)));
        match sector as u32 % 6 {
            0 => [value, t, p],
            1 => [q, value, p],
            2 => [p, value, t],
            3 => [p, q, value],
            4 => [t, p, value],
            _ => [value, p, q],
        }
    }

    /// All numbers of three bytes, in stretches.
    fn all() -> impl Iterator<Item = [Stretch; 3]> {
        let lanes = |last: u8| std::array::from_fn(|i| last + i as u8);
        let last = move |a, b| (0..=255).step_by(16).map(move |last| [[a; 16], [b; 16], lanes(last)]);
        (0..=255).flat_map(move |a| (0..=255).flat_map(move |b| last(a, b)))
    }

    fn single([a, b, c]: [Stretch; 3]) -> [[u8; 3]; 16] {
        std::array::from_fn(|i| [a[i], b[i], c[i]])
    }

    #[test]
    fn whole_numbers_give_every_colour_that_floats_give() {
        for hsv in all() {
            let [hue, saturation, value] = hsv.map(u8x16::new);
            let ours = colours(hue, saturation, value).map(u8x16::to_array);
            assert_eq!(single(ours), single(hsv).map(to_rgb), "{hsv:?}");
        }
    }

    #[test]
    fn every_colour_is_turned_as_pillow_turns_it() {
        for steps in [0, 77] {
            for rgb in all() {
                let turn = |pixel| {
                    let [hue, saturation, value] = to_hsv(pixel);
                    to_rgb([hue.wrapping_add(steps), saturation, value])
                };
                assert_eq!(single(turned(rgb, &HUES, steps)), single(rgb).map(turn), "{rgb:?}, {steps}");
            }
        }
    }
}
