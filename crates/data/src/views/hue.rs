//! torchvision's change of hue: through Pillow's mode `HSV` and back, eight bits each way.

use super::planes::Planes;

/// Turns all hues by this part of the circle.
pub(super) fn turn(view: &mut Planes, part: f64) {
    // A whole number of the circle's 256 steps, of which 255 are the part's unit; it wraps around.
    let steps = (part * 255.0) as i32 as u8;
    let [red, green, blue] = view.colours_mut();
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        [*r, *g, *b] = turned([*r, *g, *b], steps);
    }
}

/// A pixel whose hue is moved on. Grey stays, but even by no step at all other colours change by some levels: eight bits
/// don't hold all hues.
#[inline]
fn turned(pixel: [u8; 3], steps: u8) -> [u8; 3] {
    let [r, g, b] = pixel;
    let (value, least) = (r.max(g).max(b), r.min(g).min(b));
    if value == least {
        return pixel;
    }
    let range = f32::from(value - least);
    let saturation = (f64::from(range / f32::from(value)) * 255.0) as u32;
    let hue = hue(pixel, value, range).wrapping_add(steps);
    colour(hue, saturation, u32::from(value))
}

/// The hue in 255 steps, in Pillow's arithmetic: float32 numbers, some sums of them in float64.
#[inline]
fn hue([r, g, b]: [u8; 3], value: u8, range: f32) -> u8 {
    let below = |level: u8| f32::from(value - level) / range;
    let sixths = if r == value {
        below(b) - below(g)
    } else if g == value {
        (2.0 + f64::from(below(r)) - f64::from(below(b))) as f32
    } else {
        (4.0 + f64::from(below(g)) - f64::from(below(r))) as f32
    };
    // `fmod(x, 1)` of a number from 5/6 to 2.
    let circle = f64::from(sixths) / 6.0 + 1.0;
    let circle = if circle >= 1.0 { circle - 1.0 } else { circle };
    (f64::from(circle as f32) * 255.0) as u8
}

/// The colour of a hue, a saturation and a value. Pillow computes in floats; rounded to levels, that is everywhere the exact
/// quotient (a test goes through all 16,777,216).
#[inline]
fn colour(hue: u8, saturation: u32, value: u32) -> [u8; 3] {
    let sixths = u32::from(hue) * 6;
    let (sector, part) = (sixths / 255 % 6, sixths % 255);
    let level = |less: u32| ((value * (255 * 255 - less) + 255 * 255 / 2) / (255 * 255)) as u8;
    let (v, p) = (value as u8, level(saturation * 255));
    let falling = || level(saturation * part);
    let rising = || level(saturation * (255 - part));
    match sector {
        0 => [v, rising(), p],
        1 => [falling(), v, p],
        2 => [p, v, rising()],
        3 => [p, falling(), v],
        4 => [rising(), p, v],
        _ => [v, p, falling()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pillow's `hsv2rgb`, in its own types.
    fn in_floats(hue: u8, saturation: u8, value: u8) -> [u8; 3] {
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

    #[test]
    fn whole_numbers_give_every_colour_that_floats_give() {
        for hue in 0..=255 {
            for saturation in 0..=255 {
                for value in 0..=255 {
                    let ours = colour(hue, saturation, value);
                    assert_eq!(ours, in_floats(hue, saturation as u8, value as u8), "{hue} {saturation} {value}");
                }
            }
        }
    }

    #[test]
    fn the_hues_of_pure_colours_are_where_pillow_has_them() {
        let colours = [[255, 0, 0], [255, 255, 0], [0, 255, 0], [0, 255, 255], [0, 0, 255], [255, 0, 255]];
        // `Image.new("RGB", (1, 1), colour).convert("HSV")`.
        assert_eq!(colours.map(|colour| hue(colour, 255, 255.0)), [0, 42, 85, 127, 170, 212]);
    }

    #[test]
    fn grey_has_no_hue() {
        for (level, steps) in [(0, 9), (77, 200), (255, 1)] {
            assert_eq!(turned([level; 3], steps), [level; 3]);
        }
    }
}
