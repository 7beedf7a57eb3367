//! Sizes of inputs: `--size N|HxW`.

use std::fmt;
use std::str::FromStr;

use bossnas_model::arch::Architecture;
use bossnas_model::space::Space;

/// Largest height or width.
const MAX_SIDE: usize = 4096;

/// Height and width of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Size {
    /// Where nobody says.
    pub(crate) const DEFAULT: Self = Self::square(224);

    /// The size that networks of this kind are made for.
    pub(crate) fn of(arch: &Architecture) -> Self {
        match arch {
            Architecture::BossNet(_) => Self::DEFAULT,
            Architecture::Search(net) => Self::square(Space::of(&net.path).image_size()),
        }
    }

    pub(crate) const fn square(side: usize) -> Self {
        Self { height: side, width: side }
    }
}

impl From<Size> for [usize; 2] {
    fn from(size: Size) -> Self {
        [size.height, size.width]
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let side = if digits { text.parse().ok() } else { None };
            side.filter(|side| (1..=MAX_SIDE).contains(side))
                .ok_or_else(|| format!("expected a side or HEIGHTxWIDTH, each from 1 to {MAX_SIDE}"))
        };
        match text.split_once(['x', 'X']) {
            Some((height, width)) => Ok(Self { height: side(height)?, width: side(width)? }),
            None => side(text).map(Self::square),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_side_or_height_and_width() {
        assert_eq!("224".parse(), Ok(Size::square(224)));
        assert_eq!("193x161".parse(), Ok(Size { height: 193, width: 161 }));
        for bad in ["", "0", "-1", "+1", "4097", "1x", "x1", "1x2x3", "224.0", "99999999999999999999"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }
}
