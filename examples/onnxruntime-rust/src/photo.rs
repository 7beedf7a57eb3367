//! From a photograph to the input of a network, as the network's file describes it.

use anyhow::{Context as _, ensure};
use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;
use image::imageops::crop_imm;
use serde::Deserialize;

/// What is under `bossnas.preprocessing`. Extents are height and width.
#[derive(Deserialize)]
pub struct Preprocessing {
    /// Of the network's input.
    pub size: [u32; 2],
    /// Of a box that the photograph is made to cover.
    resize: [u32; 2],
    interpolation: String,
    mean: [f32; 3],
    std: [f32; 3],
}

/// The evaluation transform: resize to cover the box, cut out the centre, scale to `[0, 1]`, normalise. The numbers of
/// `[3, height, width]`, red first.
pub fn prepare(path: &str, how: &Preprocessing) -> anyhow::Result<Vec<f32>> {
    ensure!(how.interpolation == "bicubic", "interpolation {} is not known here", how.interpolation);
    let photo = image::open(path).with_context(|| format!("cannot read {path}"))?.into_rgb8();
    let photo = resize(photo, how.resize)?;

    let [height, width] = how.size;
    let offset = |whole: u32, part: u32| (f64::from(whole - part) / 2.0).round_ties_even() as u32;
    let (left, top) = (offset(photo.width(), width), offset(photo.height(), height));
    let cropped = crop_imm(&photo, left, top, width, height).to_image();

    let mut input = Vec::with_capacity(cropped.as_raw().len());
    for channel in 0..3 {
        let (mean, std) = (how.mean[channel], how.std[channel]);
        input.extend(cropped.pixels().map(|pixel| (f32::from(pixel[channel]) / 255.0 - mean) / std));
    }
    Ok(input)
}

/// With its proportions, to the smallest size that covers the box.
fn resize(photo: RgbImage, [box_height, box_width]: [u32; 2]) -> anyhow::Result<RgbImage> {
    let (width, height) = photo.dimensions();
    let scaled = |side, to, from| (u64::from(side) * u64::from(to) / u64::from(from)) as u32;
    let (to_width, to_height) = if u64::from(box_height) * u64::from(width) >= u64::from(box_width) * u64::from(height)
    {
        (scaled(width, box_height, height), box_height)
    } else {
        (box_width, scaled(height, box_width, width))
    };
    let from = Image::from_vec_u8(width, height, photo.into_raw(), PixelType::U8x3)?;
    let mut to = Image::new(to_width, to_height, PixelType::U8x3);
    // What Pillow and torchvision call bicubic.
    let bicubic = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    Resizer::new().resize(&from, &mut to, &bicubic)?;
    RgbImage::from_raw(to_width, to_height, to.into_vec()).context("a resized image has all its pixels")
}
