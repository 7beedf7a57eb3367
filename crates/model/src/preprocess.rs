//! What must happen to a photograph before a network sees it, as plain data.
//!
//! The description travels in the metadata of an ONNX file; `bossnas-data` carries it out. The published networks were
//! evaluated with one recipe at several sizes ([`Preprocessing::published`]).

use crate::arch::{Architecture, SearchNet, SearchPath};

/// How pixels between pixels are found when an image is resized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interpolation {
    /// Pillow's bicubic: Catmull-Rom, with a window that widens when the image shrinks, so that nothing aliases.
    Bicubic,
}

impl Interpolation {
    /// The name in metadata, the same as in torchvision and timm.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bicubic => "bicubic",
        }
    }

    /// The inverse of [`Interpolation::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        (name == Self::Bicubic.name()).then_some(Self::Bicubic)
    }
}

/// From an RGB image of any size to the network's input: resize, crop the centre, scale to `[0, 1]`, normalise.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocessing {
    /// Height and width of the network's input, cropped from the centre of the resized image.
    pub size: [usize; 2],
    /// Height and width of a box: the image is resized, with its proportions, to the smallest that covers the box.
    /// For a square box that is torchvision's `Resize(side)`: the short side becomes `side`.
    pub resize: [usize; 2],
    /// How it is resized.
    pub interpolation: Interpolation,
    /// Subtracted from each channel (red, green, blue) of a pixel scaled to `[0, 1]`.
    pub mean: [f64; 3],
    /// Then each channel is divided by this.
    pub std: [f64; 3],
}

impl Preprocessing {
    /// Mean of ImageNet's red, green and blue.
    pub const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];
    /// Standard deviation of ImageNet's red, green and blue.
    pub const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];

    /// The published evaluation transform for an input of `size` (height, width): resize to `256 / 224` of it, crop the
    /// centre. For an input that is not square, which nobody published, the same ratio is kept on both axes.
    pub fn published(size: [usize; 2]) -> Self {
        Self {
            size,
            // The product is truncated as the published code does it (`int((256 / 224) * size)`): 256, 292 and 329 for
            // 224, 256 and 288.
            resize: size.map(|side| (256.0 / 224.0 * side as f64) as usize),
            interpolation: Interpolation::Bicubic,
            mean: Self::IMAGENET_MEAN,
            std: Self::IMAGENET_STD,
        }
    }

    /// What the searches of NATS-Bench's spaces were evaluated with: images of `size` (height, width) as they are,
    /// normalised with CIFAR's numbers (`REFERENCE.md` section 4). Larger images are resized to it.
    pub const fn cifar(size: [usize; 2]) -> Self {
        Self {
            size,
            resize: size,
            interpolation: Interpolation::Bicubic,
            mean: [0.4914, 0.4822, 0.4465],
            std: [0.2023, 0.1994, 0.201],
        }
    }

    /// The same for an input of another size: what is cropped away stays the same share.
    #[must_use]
    pub fn at(&self, size: [usize; 2]) -> Self {
        if size == self.size {
            return self.clone();
        }
        let published = Self::published(size);
        let resize = if self.resize == Self::published(self.size).resize {
            published.resize
        } else {
            std::array::from_fn(|axis| size[axis] * self.resize[axis] / self.size[axis].max(1))
        };
        Self { size, resize, ..self.clone() }
    }

    /// That of the data which networks of this kind are trained on.
    pub fn of(arch: &Architecture, size: [usize; 2]) -> Self {
        match arch {
            Architecture::Search(SearchNet { path: SearchPath::Nats(..), .. }) => Self::cifar(size),
            Architecture::Search(_) | Architecture::BossNet(_) => Self::published(size),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sizes_resize_to_256_292_and_329() {
        let resize = |side| Preprocessing::published([side, side]).resize;
        assert_eq!([resize(224), resize(256), resize(288)], [[256; 2], [292; 2], [329; 2]]);
    }

    #[test]
    fn an_input_that_is_not_square_keeps_the_ratio_on_both_axes() {
        assert_eq!(Preprocessing::published([224, 448]).resize, [256, 512]);
    }

    #[test]
    fn at_another_size_the_same_share_is_cropped_away() {
        let ours = Preprocessing { mean: [0.5; 3], ..Preprocessing::published([224; 2]) };
        assert_eq!(ours.at([288; 2]), Preprocessing { mean: [0.5; 3], ..Preprocessing::published([288; 2]) });
        assert_eq!(Preprocessing::cifar([32; 2]).at([64, 48]), Preprocessing::cifar([64, 48]));
        let cropped = Preprocessing { resize: [40; 2], ..Preprocessing::cifar([32; 2]) };
        assert_eq!(cropped.at([64; 2]).resize, [80; 2]);
        assert_eq!(cropped.at([32; 2]), cropped);
    }

    #[test]
    fn an_interpolation_is_found_by_its_name() {
        assert_eq!(Interpolation::from_name(Interpolation::Bicubic.name()), Some(Interpolation::Bicubic));
        assert_eq!(Interpolation::from_name("lanczos"), None);
    }
}
