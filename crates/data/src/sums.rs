//! Weighted sums of bytes, as Pillow computes them: whole numbers with some bits after the point, rounded to bytes at the end.
//!
//! A weight is split into an upper and a lower half of at most 16 bits, because the one instruction that every processor
//! has multiplies those, two neighbours at a time. Sums wrap around; the whole one, of both halves, does not.

use wide::bytemuck::cast;
use wide::{i16x8, i32x4, u8x16, u32x4};

/// Bytes whose sums are computed side by side.
pub(crate) const STRETCH: usize = 16;

/// The weights of two neighbours, with so many bits after the point: an even number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<const POINT: u32> {
    upper: i16x8,
    lower: i16x8,
}

impl<const POINT: u32> Pair<POINT> {
    /// The upper halves must fit into 16 bits. Where there is no second neighbour its weight is zero.
    pub(crate) fn new(first: i32, second: i32) -> Self {
        let half = |a: i32, b: i32| i16x8::from([a, b, a, b, a, b, a, b].map(|half| half as i16));
        let (lower, mask) = (POINT / 2, (1 << (POINT / 2)) - 1);
        Self { upper: half(first >> lower, second >> lower), lower: half(first & mask, second & mask) }
    }
}

/// The sums of [`STRETCH`] bytes that have the same weights, in fours.
#[derive(Clone, Copy)]
pub(crate) struct Sums<const POINT: u32> {
    upper: [i32x4; 4],
    lower: [i32x4; 4],
}

impl<const POINT: u32> Sums<POINT> {
    /// Half a level, so that cutting off rounds.
    #[inline]
    pub(crate) fn new() -> Self {
        Self { upper: [i32x4::splat(0); 4], lower: [i32x4::splat(1 << (POINT - 1)); 4] }
    }

    /// Adds two neighbours of each byte.
    #[inline]
    pub(crate) fn add(&mut self, weights: Pair<POINT>, first: [u8; STRETCH], second: [u8; STRETCH]) {
        let (first, second) = (u8x16::new(first), u8x16::new(second));
        let (low, high) = (u8x16::unpack_low(first, second), u8x16::unpack_high(first, second));
        let pairs = [
            i16x8::from_u8x16_low(low),
            i16x8::from_u8x16_high(low),
            i16x8::from_u8x16_low(high),
            i16x8::from_u8x16_high(high),
        ];
        for (i, pair) in pairs.into_iter().enumerate() {
            self.upper[i] += pair.dot(weights.upper);
            self.lower[i] += pair.dot(weights.lower);
        }
    }

    #[inline]
    fn whole(self, i: usize) -> i32x4 {
        (self.upper[i] << (POINT / 2)) + self.lower[i]
    }

    /// What the bytes become: the sums, cut off after the point and at both ends of a byte.
    #[inline]
    pub(crate) fn levels(self) -> [u8; STRETCH] {
        let whole = |i: usize| self.whole(i) >> POINT;
        let half = |i: usize| i16x8::from_i32x8_saturate(cast([whole(i), whole(i + 1)]));
        u8x16::narrow_i16x8(half(0), half(2)).to_array()
    }

    /// The same for weights of which none is negative and which together are at most 1: nothing leaves the range of a byte,
    /// and all 32 bits may be used.
    #[inline]
    pub(crate) fn bytes(self) -> [u8; STRETCH] {
        let whole = |i: usize| cast::<i32x4, u32x4>(self.whole(i)) >> POINT;
        let half = |i: usize| i16x8::from_i32x8_saturate(cast([whole(i), whole(i + 1)]));
        u8x16::narrow_i16x8(half(0), half(2)).to_array()
    }
}
