//! Augmented views of images, as self-supervised training reads them (`REFERENCE.md` section 4).
//!
//! A [`Recipe`] says how views are made; a [`Draw`] (seed, epoch, image, view) decides everything random about one of them,
//! so that order, threads and restarts change nothing. The steps work on bytes with Pillow's and torchvision's arithmetic:
//! the same choices give the same bytes. A [`ViewLoader`] makes batches of views ahead of whoever takes them.

mod blur;
mod colour;
mod crop;
mod draw;
mod hue;
mod loader;
mod planes;
mod recipe;

pub use crop::Window;
pub use draw::{Adjustment, Choices, Draw, order};
pub use loader::{Broken, ViewBatch, ViewLoader, ViewLoaderOptions};
pub use recipe::{Blur, Crop, Jitter, Pipeline, Recipe, RecipeError};

use crate::{Error, RgbImage};
use planes::Planes;

/// Levels from this one on are inverted by solarising.
const SOLARISED: u8 = 128;

/// Makes one view: `[3, size, size]` normalised numbers. `draw.view` says by which half of the recipe.
pub fn view(image: &RgbImage, recipe: &Recipe, draw: Draw, out: &mut [f32]) -> Result<(), Error> {
    recipe.check()?;
    if out.len() != recipe.numbers() {
        return Err(Error::ViewLength { size: recipe.size, numbers: out.len() });
    }
    let seen = [image.height(), image.width()];
    let choices = Choices::draw(recipe.pipeline(draw.view), recipe.size, seen, draw);
    let view = choices.before_solarising(image, [recipe.size; 2])?;
    normalise(&view, recipe, choices.solarise, out);
    Ok(())
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

/// Scales bytes to `[0, 1]` and normalises them, in float32 and in the order of torchvision's `ToTensor` and `Normalize`.
fn normalise(view: &Planes, recipe: &Recipe, solarise: bool, out: &mut [f32]) {
    let plane = view.height * view.width;
    for (channel, (levels, out)) in view.levels().into_iter().zip(out.chunks_mut(plane)).enumerate() {
        let (mean, std) = (recipe.mean[channel] as f32, recipe.std[channel] as f32);
        let table: [f32; 256] = std::array::from_fn(|level| {
            let level = if solarise { solarised(level as u8) } else { level as u8 };
            (f32::from(level) / 255.0 - mean) / std
        });
        for (&level, out) in levels.iter().zip(out) {
            *out = table[usize::from(level)];
        }
    }
}
