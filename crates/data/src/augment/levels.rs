//! Steps that look at a level and nothing around it: those of Pillow's `ImageOps` that RandAugment uses.

use super::planes::Planes;

/// Levels of a byte.
const LEVELS: usize = 256;

/// Levels below this one are brightened by [`solarise_add`].
const DARK: u8 = 128;

/// Stretches the levels of each colour over the whole range: `ImageOps.autocontrast` without cutting anything off.
pub(crate) fn auto_contrast(view: &mut Planes) {
    each_colour(view, |counts| {
        let lowest = counts.iter().position(|&count| count > 0)?;
        let highest = counts.iter().rposition(|&count| count > 0)?;
        if highest <= lowest {
            return None;
        }
        let scale = 255.0 / (highest - lowest) as f64;
        let offset = -(lowest as f64) * scale;
        // The cast cuts off after the point and at both ends of a byte.
        Some(std::array::from_fn(|level| (level as f64 * scale + offset) as u8))
    });
}

/// Spreads the levels of each colour so that all are about as frequent: `ImageOps.equalize`.
pub(crate) fn equalise(view: &mut Planes) {
    each_colour(view, |counts| {
        let highest = counts.iter().rposition(|&count| count > 0)?;
        if counts[..highest].iter().all(|&count| count == 0) {
            return None;
        }
        let below: u64 = counts[..highest].iter().sum();
        let step = below / 255;
        if step == 0 {
            return None;
        }
        let mut sum = step / 2;
        let mut level = |count: &u64| {
            let level = (sum / step).min(255) as u8;
            sum += count;
            level
        };
        Some(std::array::from_fn(|at| level(&counts[at])))
    });
}

/// Turns each level around.
pub(crate) fn invert(view: &mut Planes) {
    each_level(view, |level| !level);
}

/// Keeps the upper bits of each level. No bit leaves black, as in Pillow before it refused that.
pub(crate) fn posterise(view: &mut Planes, bits: u8) {
    let mask = if bits >= 8 { u8::MAX } else { !(u8::MAX >> bits) };
    each_level(view, |level| level & mask);
}

/// Turns levels around from a threshold on; 256 leaves all as they are.
pub(crate) fn solarise(view: &mut Planes, threshold: u16) {
    if let Ok(threshold) = u8::try_from(threshold) {
        each_level(view, |level| if level < threshold { level } else { !level });
    }
}

/// Brightens the dark half of the levels.
pub(crate) fn solarise_add(view: &mut Planes, add: u8) {
    each_level(view, |level| if level < DARK { level.saturating_add(add) } else { level });
}

/// Changes all levels alike.
#[inline]
fn each_level(view: &mut Planes, change: impl Fn(u8) -> u8) {
    for level in view.stretches_mut().as_flattened_mut() {
        *level = change(*level);
    }
}

/// Changes the levels of each colour by a table that is made of how often they occur; `None` leaves them.
fn each_colour(view: &mut Planes, table: impl Fn(&[u64; LEVELS]) -> Option<[u8; LEVELS]>) {
    for plane in view.levels_mut() {
        if let Some(table) = table(&counts(plane)) {
            for level in plane {
                *level = table[usize::from(*level)];
            }
        }
    }
}

/// How often each level occurs.
fn counts(levels: &[u8]) -> [u64; LEVELS] {
    // Neighbours are often equal, and adding twice in a row to the same number is slow: four take turns.
    let mut counts = [[0_u32; LEVELS]; 4];
    let (fours, rest) = levels.as_chunks::<4>();
    for four in fours {
        for (counts, &level) in counts.iter_mut().zip(four) {
            counts[usize::from(level)] += 1;
        }
    }
    for &level in rest {
        counts[0][usize::from(level)] += 1;
    }
    std::array::from_fn(|level| counts.iter().map(|counts| u64::from(counts[level])).sum())
}
