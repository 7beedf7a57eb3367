//! Changes of brightness, contrast and saturation: Pillow's `ImageEnhance`, which torchvision's `ColorJitter` uses.
//!
//! All three move a level away from a base or towards it: black, the mean grey of the view, the grey of the pixel.

use wide::bytemuck::cast;
use wide::{f32x4, i16x8, i32x4, i32x8, u8x16};

use super::hue;
use super::jitter::Adjustment;
use super::planes::{Planes, Stretch};

/// Carries out one change.
pub(crate) fn adjust(view: &mut Planes, adjustment: Adjustment) {
    match adjustment {
        Adjustment::Brightness(factor) => blend(view.stretches_mut(), std::iter::repeat([0; _]), factor),
        Adjustment::Contrast(factor) => {
            let pixels = view.height * view.width;
            let sum: u64 = view.grey().as_flattened()[..pixels].iter().map(|&level| u64::from(level)).sum();
            let mean = (sum as f64 / pixels as f64 + 0.5) as u8;
            blend(view.stretches_mut(), std::iter::repeat([mean; _]), factor);
        }
        Adjustment::Saturation(factor) => {
            let grey = view.grey();
            view.colours_mut().into_iter().for_each(|plane| blend(plane, grey.iter().copied(), factor));
        }
        Adjustment::Hue(part) => hue::turn(view, part),
    }
}

/// Drops the colours.
pub(crate) fn grey(view: &mut Planes) {
    let grey = view.grey();
    view.colours_mut().into_iter().for_each(|plane| plane.copy_from_slice(&grey));
}

/// Each level becomes `base + factor * (level - base)` in float32, cut off after the point and at both ends of a byte.
#[inline]
pub(crate) fn blend(levels: &mut [Stretch], bases: impl Iterator<Item = Stretch>, factor: f64) {
    let factor = f32x4::splat(factor as f32);
    for (levels, base) in levels.iter_mut().zip(bases) {
        let (all, base) = (u8x16::new(*levels), u8x16::new(base));
        let low = moved(i16x8::from_u8x16_low(all), i16x8::from_u8x16_low(base), factor);
        let high = moved(i16x8::from_u8x16_high(all), i16x8::from_u8x16_high(base), factor);
        *levels = u8x16::narrow_i16x8(low, high).to_array();
    }
}

#[inline]
fn moved(levels: i16x8, base: i16x8, factor: f32x4) -> i16x8 {
    let fours = |whole: i16x8| cast::<i32x8, [i32x4; 2]>(i32x8::from_i16x8(whole)).map(f32x4::from_i32x4);
    let (far, base) = (fours(levels - base), fours(base));
    let half = |i: usize| (base[i] + factor * far[i]).fast_trunc_int();
    i16x8::from_i32x8_saturate(cast([half(0), half(1)]))
}
