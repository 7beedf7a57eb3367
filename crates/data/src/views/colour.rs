//! Changes of brightness, contrast and saturation: Pillow's `ImageEnhance`, which torchvision's `ColorJitter` uses.
//!
//! All three move a level away from a base or towards it: black, the mean grey of the view, the grey of the pixel.

use wide::bytemuck::cast;
use wide::{f32x4, i16x8, i32x4, u8x16};

use super::draw::Adjustment;
use super::hue;
use super::planes::Planes;

/// Levels that are moved side by side.
const STRETCH: usize = 16;

/// Carries out one change.
pub(super) fn adjust(view: &mut Planes, adjustment: Adjustment) {
    match adjustment {
        Adjustment::Brightness(factor) => blend(view.bytes_mut(), |_| [0; STRETCH], factor),
        Adjustment::Contrast(factor) => {
            let grey = view.grey();
            let sum: u64 = grey.iter().map(|&level| u64::from(level)).sum();
            let mean = (sum as f64 / grey.len() as f64 + 0.5) as u8;
            blend(view.bytes_mut(), |_| [mean; STRETCH], factor);
        }
        Adjustment::Saturation(factor) => {
            let mut grey = view.grey();
            grey.resize(grey.len().next_multiple_of(STRETCH), 0);
            let grey = grey.as_chunks::<STRETCH>().0;
            view.colours_mut().into_iter().for_each(|plane| blend(plane, |at| grey[at], factor));
        }
        Adjustment::Hue(part) => hue::turn(view, part),
    }
}

/// Drops the colours.
pub(super) fn grey(view: &mut Planes) {
    let grey = view.grey();
    view.colours_mut().into_iter().for_each(|plane| plane.copy_from_slice(&grey));
}

/// Each level becomes `base + factor * (level - base)` in float32, cut off after the point and at both ends of a byte.
#[inline]
fn blend(levels: &mut [u8], base: impl Fn(usize) -> [u8; STRETCH], factor: f64) {
    let factor = f32x4::splat(factor as f32);
    let (whole, rest) = levels.as_chunks_mut::<STRETCH>();
    let last = whole.len();
    for (at, levels) in whole.iter_mut().enumerate() {
        *levels = blended(*levels, base(at), factor);
    }
    if !rest.is_empty() {
        let mut levels = [0; STRETCH];
        levels[..rest.len()].copy_from_slice(rest);
        rest.copy_from_slice(&blended(levels, base(last), factor)[..rest.len()]);
    }
}

#[inline]
fn blended(levels: [u8; STRETCH], base: [u8; STRETCH], factor: f32x4) -> [u8; STRETCH] {
    let (levels, base) = (u8x16::new(levels), u8x16::new(base));
    let moved = |levels: i16x8, base: i16x8| {
        let [far, base] = [levels - base, base].map(fours);
        let half = |i: usize| (base[i] + factor * far[i]).fast_trunc_int();
        i16x8::from_i32x8_saturate(cast([half(0), half(1)]))
    };
    let low = moved(i16x8::from_u8x16_low(levels), i16x8::from_u8x16_low(base));
    let high = moved(i16x8::from_u8x16_high(levels), i16x8::from_u8x16_high(base));
    u8x16::narrow_i16x8(low, high).to_array()
}

#[inline]
fn fours(whole: i16x8) -> [f32x4; 2] {
    let wide: [i32x4; 2] = cast(wide::i32x8::from_i16x8(whole));
    wide.map(f32x4::from_i32x4)
}
