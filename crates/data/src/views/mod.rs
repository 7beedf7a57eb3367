//! Augmented views of images, as self-supervised training reads them (`REFERENCE.md` section 4).
//!
//! A [`Recipe`] says how views are made; a [`Draw`] (seed, epoch, image, view) decides everything random about one of them,
//! so that order, threads and restarts change nothing. The steps work on bytes with Pillow's and torchvision's arithmetic:
//! the same choices give the same bytes. A [`ViewLoader`] makes batches of views ahead of whoever takes them.

mod draw;
mod recipe;

pub use crate::augment::check::RecipeError;
pub use crate::augment::crop::{Crop, Window};
pub use crate::augment::jitter::{Adjustment, Jitter};
pub use crate::batches::Broken;
pub use draw::{Choices, Draw, order};
pub use recipe::{Blur, Pipeline, Recipe};

use crate::augment::normalise::normalise;
use crate::augment::{Planes, blur, colour, crop};
use crate::batches::{Augment, Batch, BatchLoader, BatchOptions, Key};
use crate::{Error, RgbImage};

/// Batches of views; each sample has all views of the recipe.
pub type ViewLoader = BatchLoader<Recipe>;

/// Samples, and all views of each: `values` is `[samples, views, 3, size, size]`.
pub type ViewBatch = Batch;

/// How batches of views are made.
pub type ViewLoaderOptions = BatchOptions;

/// Levels from this one on are inverted by solarising.
const SOLARISED: u8 = 128;

/// Makes one view: `[3, size, size]` normalised numbers. `draw.view` says by which half of the recipe.
pub fn view(image: &RgbImage, recipe: &Recipe, draw: Draw, out: &mut [f32]) -> Result<(), Error> {
    recipe.check()?;
    if out.len() != recipe.numbers() {
        return Err(Error::InputLength { size: recipe.size, numbers: out.len() });
    }
    let seen = [image.height(), image.width()];
    let choices = Choices::draw(recipe.pipeline(draw.view), recipe.size, seen, draw);
    let view = choices.before_solarising(image, [recipe.size; 2])?;
    let level = |level| if choices.solarise { solarised(level) } else { level };
    normalise(&view, &recipe.mean, &recipe.std, level, out);
    Ok(())
}

impl Augment for Recipe {
    fn check(&self) -> Result<(), RecipeError> {
        self.check()
    }

    fn inputs(&self) -> usize {
        self.views()
    }

    fn size(&self) -> usize {
        self.size
    }

    /// A repeated sample has the same views again: they are told apart by image and view alone.
    fn augment(&self, image: &RgbImage, _: [u32; 2], key: Key, input: usize, out: &mut [f32]) -> Result<(), Error> {
        let Key { seed, epoch, image: number, occurrence: _ } = key;
        view(image, self, Draw { seed, epoch, image: number, view: input as u64 }, out)
    }
}

impl Choices {
    /// The bytes of a view of this height and width, before they are normalised.
    pub fn apply(&self, image: &RgbImage, size: [usize; 2]) -> Result<RgbImage, Error> {
        let mut view = self.before_solarising(image, size)?;
        if self.solarise {
            view.stretches_mut().as_flattened_mut().iter_mut().for_each(|level| *level = solarised(*level));
        }
        view.image()
    }

    fn before_solarising(&self, image: &RgbImage, size: [usize; 2]) -> Result<Planes, Error> {
        let mut view = crop::cut(image, self.window, size, self.flip)?;
        for &adjustment in &self.adjustments {
            colour::adjust(&mut view, adjustment);
        }
        if self.grey {
            colour::grey(&mut view);
        }
        if let Some(sigma) = self.blur {
            blur::gaussian(&mut view, sigma);
        }
        Ok(view)
    }
}

fn solarised(level: u8) -> u8 {
    if level < SOLARISED { level } else { 255 - level }
}
