//! Bytes to the numbers that a network reads: scaled to `[0, 1]` and normalised, in float32 and in the order of torchvision's
//! `ToTensor` and `Normalize`.

use super::planes::Planes;

/// Fills `out`, `[3, height, width]`. `level` is done to each byte before.
pub(crate) fn normalise(view: &Planes, mean: &[f64; 3], std: &[f64; 3], level: impl Fn(u8) -> u8, out: &mut [f32]) {
    let plane = view.height * view.width;
    for (channel, (levels, out)) in view.levels().into_iter().zip(out.chunks_mut(plane)).enumerate() {
        let (mean, std) = (mean[channel] as f32, std[channel] as f32);
        // Dividing is as fast as looking up, since it is done for several levels at once.
        for (&byte, out) in levels.iter().zip(out) {
            *out = (f32::from(level(byte)) / 255.0 - mean) / std;
        }
    }
}
