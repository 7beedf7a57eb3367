//! An image on its way: bytes with the colours outside, so that a step goes over a colour without looking at the others.

use crate::sums::STRETCH;
use crate::{Error, RgbImage};

/// So many bytes of a colour, one after the other.
pub(crate) type Stretch = [u8; STRETCH];

/// Bytes of an image, `[3, height, width]`. Each colour takes a whole number of stretches; what is after its last pixel means
/// nothing.
#[derive(Debug, Clone)]
pub(crate) struct Planes {
    pub(crate) height: usize,
    pub(crate) width: usize,
    stretches: Vec<Stretch>,
}

impl Planes {
    /// From `[height, width, 3]` bytes, of which there are enough. Each row is mirrored if `flip` says so.
    pub(crate) fn from_pixels(pixels: &[u8], [height, width]: [usize; 2], flip: bool) -> Self {
        let stretches = vec![[0; STRETCH]; 3 * (height * width).div_ceil(STRETCH)];
        let mut planes = Self { height, width, stretches };
        let [red, green, blue] = planes.colours_mut().map(|plane| plane.as_flattened_mut().chunks_exact_mut(width));
        for (((red, green), blue), pixels) in red.zip(green).zip(blue).zip(pixels.chunks_exact(width * 3)) {
            let pixels = pixels.as_chunks::<3>().0;
            let out = red.iter_mut().zip(green).zip(blue);
            let put = |(((r, g), b), pixel): (((&mut u8, &mut u8), &mut u8), &[u8; 3])| [*r, *g, *b] = *pixel;
            if flip { out.zip(pixels.iter().rev()).for_each(put) } else { out.zip(pixels).for_each(put) }
        }
        planes
    }

    /// All pixels of one colour.
    pub(crate) fn filled([height, width]: [usize; 2], colour: [u8; 3]) -> Self {
        let stretches = (height * width).div_ceil(STRETCH);
        let stretches = colour.into_iter().flat_map(|level| std::iter::repeat_n([level; STRETCH], stretches)).collect();
        Self { height, width, stretches }
    }

    /// As an image, colours inside.
    pub(crate) fn image(&self) -> Result<RgbImage, Error> {
        let [red, green, blue] = self.levels();
        let pixels = red.iter().zip(green).zip(blue).flat_map(|((&r, &g), &b)| [r, g, b]).collect();
        RgbImage::new(self.width as u32, self.height as u32, pixels)
    }

    fn plane(&self) -> usize {
        self.stretches.len() / 3
    }

    /// Red, green and blue, `[height, width]` each.
    pub(crate) fn levels(&self) -> [&[u8]; 3] {
        self.colours().map(|colour| &colour.as_flattened()[..self.height * self.width])
    }

    /// Red, green and blue, `[height, width]` each.
    pub(crate) fn levels_mut(&mut self) -> [&mut [u8]; 3] {
        let pixels = self.height * self.width;
        self.colours_mut().map(|colour| &mut colour.as_flattened_mut()[..pixels])
    }

    fn colours(&self) -> [&[Stretch]; 3] {
        let (red, rest) = self.stretches.split_at(self.plane());
        let (green, blue) = rest.split_at(self.plane());
        [red, green, blue]
    }

    /// All of red, green and blue, in stretches.
    pub(crate) fn colours_mut(&mut self) -> [&mut [Stretch]; 3] {
        let plane = self.plane();
        let (red, rest) = self.stretches.split_at_mut(plane);
        let (green, blue) = rest.split_at_mut(plane);
        [red, green, blue]
    }

    /// All bytes, in stretches.
    pub(crate) fn stretches_mut(&mut self) -> &mut [Stretch] {
        &mut self.stretches
    }

    /// Every pixel's grey, as Pillow's mode `L` has it (ITU-R 601-2 in 16 bits), in stretches.
    pub(crate) fn grey(&self) -> Vec<Stretch> {
        let [red, green, blue] = self.colours();
        let grey =
            |r: u8, g: u8, b: u8| (u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000) >> 16;
        let stretch =
            |((r, g), b): ((&Stretch, &Stretch), &Stretch)| std::array::from_fn(|i| grey(r[i], g[i], b[i]) as u8);
        red.iter().zip(green).zip(blue).map(stretch).collect()
    }
}
