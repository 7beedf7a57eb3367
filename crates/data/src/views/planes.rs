//! A view on its way: bytes with the colours outside, so that a step goes over a colour without looking at the others.

use crate::{Error, RgbImage};

/// Bytes of an image, `[3, height, width]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planes {
    pub(super) height: usize,
    pub(super) width: usize,
    /// Red, green and blue, one after the other.
    bytes: Vec<u8>,
}

impl Planes {
    /// From `[height, width, 3]` bytes, of which there are enough. Each row is mirrored if `flip` says so.
    pub(super) fn from_pixels(pixels: &[u8], [height, width]: [usize; 2], flip: bool) -> Self {
        let plane = height * width;
        let mut bytes = vec![0; 3 * plane];
        let (red, rest) = bytes.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        let rows = red.chunks_exact_mut(width).zip(green.chunks_exact_mut(width)).zip(blue.chunks_exact_mut(width));
        for (((red, green), blue), pixels) in rows.zip(pixels.chunks_exact(width * 3)) {
            let pixels = pixels.as_chunks::<3>().0;
            let out = red.iter_mut().zip(green).zip(blue);
            let put = |(((r, g), b), pixel): (((&mut u8, &mut u8), &mut u8), &[u8; 3])| [*r, *g, *b] = *pixel;
            if flip { out.zip(pixels.iter().rev()).for_each(put) } else { out.zip(pixels).for_each(put) }
        }
        Self { height, width, bytes }
    }

    /// As an image, colours inside.
    pub(super) fn image(&self) -> Result<RgbImage, Error> {
        let [red, green, blue] = self.colours();
        let pixels = red.iter().zip(green).zip(blue).flat_map(|((&r, &g), &b)| [r, g, b]).collect();
        RgbImage::new(self.width as u32, self.height as u32, pixels)
    }

    /// All bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Red, green and blue.
    pub(super) fn colours(&self) -> [&[u8]; 3] {
        let plane = self.height * self.width;
        [0, 1, 2].map(|colour| &self.bytes[colour * plane..(colour + 1) * plane])
    }

    /// Red, green and blue.
    pub(super) fn colours_mut(&mut self) -> [&mut [u8]; 3] {
        let (red, rest) = self.bytes.split_at_mut(self.height * self.width);
        let (green, blue) = rest.split_at_mut(self.height * self.width);
        [red, green, blue]
    }

    /// Every pixel's grey, as Pillow's mode `L` has it (ITU-R 601-2 in 16 bits).
    pub(super) fn grey(&self) -> Vec<u8> {
        let [red, green, blue] = self.colours();
        let grey =
            |r: u8, g: u8, b: u8| (u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16;
        red.iter().zip(green).zip(blue).map(|((&r, &g), &b)| grey(r, g, b) as u8).collect()
    }
}
