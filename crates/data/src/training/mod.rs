//! Images as supervised training reads them (`REFERENCE.md` section 5): DeiT's recipe as published, and a mild one for small
//! pictures.
//!
//! A [`Recipe`] says how an input is made of an image; a [`Key`] (seed, epoch, image, occurrence) decides everything random
//! about it, so that order, threads and restarts change nothing. The steps work on bytes with Pillow's, torchvision's and
//! timm's arithmetic: the same [`Choices`] give the same bytes. A [`TrainingLoader`] makes batches of inputs ahead of whoever
//! takes them, [`Mix`] mixes the images of a batch, and [`repeated`] deals samples out as repeated augmentation does.

mod draw;
mod erasing;
mod mix;
mod rand_augment;
mod random;
mod recipe;
mod sampler;

pub use crate::augment::check::RecipeError;
pub use crate::augment::crop::{Crop, Window};
pub use crate::augment::jitter::{Adjustment, Jitter};
pub use crate::batches::{Broken, Key};
pub use crate::views::order;
pub use draw::Choices;
pub use erasing::{Erased, Erasing, ErasingMode, Rectangle};
pub use mix::{Blend, Mix, MixMode, Mixed, Share};
pub use rand_augment::{Operation, OperationKind, RandAugment};
pub use recipe::Recipe;
pub use sampler::{RepeatRule, repeated};

use crate::augment::normalise::normalise;
use crate::batches::{Augment, Batch, BatchLoader, BatchOptions};
use crate::decode::{Top, decode_top};
use crate::{DecodeOptions, Error, RgbImage};

/// Batches of inputs, one of each sample.
pub type TrainingLoader = BatchLoader<Recipe>;

/// Samples, and an input of each: `values` is `[samples, 3, size, size]`.
pub type TrainingBatch = Batch;

/// How batches of inputs are made.
pub type TrainingLoaderOptions = BatchOptions;

/// Makes one input of a file's bytes, of which no more is decoded than is seen.
pub fn input_from(
    bytes: &[u8],
    decode: DecodeOptions,
    recipe: &Recipe,
    key: Key,
    out: &mut [f32],
) -> Result<(), Error> {
    check(recipe, out)?;
    let Top { image, size } = decode_top(bytes, decode, |size| recipe.rows(size, key))?;
    input_of(&image, size, recipe, key, out)
}

fn check(recipe: &Recipe, out: &[f32]) -> Result<(), Error> {
    recipe.check()?;
    if out.len() != recipe.numbers() {
        return Err(Error::InputLength { size: recipe.size, numbers: out.len() });
    }
    Ok(())
}

/// Makes one input: `[3, size, size]` normalised numbers.
pub fn input(image: &RgbImage, recipe: &Recipe, key: Key, out: &mut [f32]) -> Result<(), Error> {
    check(recipe, out)?;
    input_of(image, [image.height(), image.width()], recipe, key, out)
}

/// [`input()`] of an image of this height and width, of which at least the rows that are seen are there.
fn input_of(image: &RgbImage, size: [u32; 2], recipe: &Recipe, key: Key, out: &mut [f32]) -> Result<(), Error> {
    let choices = Choices::draw(recipe, size, key);
    let made = choices.before_erasing(image, [recipe.size; 2])?;
    normalise(&made, &recipe.mean, &recipe.std, |level| level, out);
    if let Some(erased) = &choices.erased {
        erased.apply(out, [recipe.size; 2]);
    }
    Ok(())
}

impl Augment for Recipe {
    fn check(&self) -> Result<(), RecipeError> {
        self.check()
    }

    fn inputs(&self) -> usize {
        1
    }

    fn size(&self) -> usize {
        self.size
    }

    fn rows(&self, size: [u32; 2], key: Key) -> u32 {
        match Choices::draw(self, size, key).window {
            Window::Resized { top, height, .. } => top.saturating_add(height),
            Window::Padded { .. } => size[0],
        }
    }

    fn augment(&self, image: &RgbImage, size: [u32; 2], key: Key, _: usize, out: &mut [f32]) -> Result<(), Error> {
        input_of(image, size, self, key, out)
    }
}
