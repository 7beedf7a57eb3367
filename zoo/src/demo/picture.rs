//! Digits as characters for a terminal, and as a drawing for a page.

use std::fmt::Write as _;

use bossnas_data::RgbImage;

/// Lines of a digit as characters.
pub const LINES: usize = 8;

/// From paper to ink, the darkest last. Two characters stand for a pixel, which makes it about as wide as high.
const INK: [char; 8] = [' ', '.', ':', '-', '=', '+', '*', '#'];

/// Pixels of the drawing for each of the image.
const SCALE: u32 = 12;
/// Room between two digits of the drawing.
const GAP: u32 = 24;
/// Height of the line of text below each.
const TEXT: u32 = 28;

/// The image as lines of characters, two for each pixel.
pub fn lines(image: &RgbImage) -> Vec<String> {
    let character = |pixel: &[u8]| INK[usize::from(pixel[0]) * INK.len() / 256];
    let row = |row: &[u8]| row.chunks_exact(3).flat_map(|pixel| [character(pixel); 2]).collect();
    image.pixels().chunks_exact(image.width() as usize * 3).map(row).collect()
}

/// Images beside each other as an SVG document, black on white, each with a line of text below: in red where something is wrong.
pub(super) fn svg(digits: &[(RgbImage, String, bool)]) -> String {
    let side = |pixels: u32| pixels * SCALE;
    let width: u32 = digits.iter().map(|(image, ..)| side(image.width()) + GAP).sum::<u32>().saturating_sub(GAP);
    let height = digits.iter().map(|(image, ..)| side(image.height())).max().unwrap_or_default();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{total}\" viewBox=\"0 0 {width} {total}\">\n\
         <rect width=\"{width}\" height=\"{total}\" fill=\"#ffffff\"/>\n",
        total = height + TEXT
    );
    let mut left = 0;
    for (image, text, right) in digits {
        for (index, pixel) in image.pixels().chunks_exact(3).enumerate() {
            let (column, row) = (index as u32 % image.width(), index as u32 / image.width());
            let grey = 255 - pixel[0];
            // Writing to a string cannot fail.
            let _ = writeln!(
                svg,
                "<rect x=\"{}\" y=\"{}\" width=\"{SCALE}\" height=\"{SCALE}\" fill=\"#{grey:02x}{grey:02x}{grey:02x}\"/>",
                left + side(column),
                side(row)
            );
        }
        let colour = if *right { "#202020" } else { "#b00020" };
        let middle = left + side(image.width()) / 2;
        let _ = writeln!(
            svg,
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" font-family=\"sans-serif\" font-size=\"12\" \
             fill=\"{colour}\">{text}</text>",
            height + 18
        );
        left += side(image.width()) + GAP;
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_becomes_characters_and_paper_blanks() {
        let image = RgbImage::new(3, 2, [0, 255, 128, 255, 0, 31].into_iter().flat_map(|x| [x; 3]).collect()).unwrap();
        assert_eq!(lines(&image), ["  ##==", "##    "]);
    }

    #[test]
    fn a_drawing_has_a_square_for_each_pixel_and_a_text_for_each_digit() {
        let image = RgbImage::new(2, 2, vec![255; 12]).unwrap();
        let svg = svg(&[(image.clone(), "says 1".to_owned(), true), (image, "says 2".to_owned(), false)]);
        assert_eq!(svg.matches("fill=\"#000000\"").count(), 8);
        assert_eq!(svg.matches("<text").count(), 2);
        assert!(svg.starts_with("<svg") && svg.contains("width=\"72\"") && svg.trim_end().ends_with("</svg>"), "{svg}");
    }
}
