//! What all plots share: size, colours, marks, type, the frame with its axes.
//!
//! `plotters` draws on a grid of whole numbers, so a point of the sheet is ten of its units; the document scales them back.

use std::io;

use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _};
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle};
use plotters_svg::SVGBackend;

use super::ruler::Ruler;
use super::{PlotError, text};

/// Width of every plot. Text of [`FONT`] points is legible when this is as wide as a phone.
pub(super) const WIDTH: f64 = 440.0;
/// Free space at the left and right edge.
pub(super) const MARGIN: f64 = 12.0;
/// Size of the text.
pub(super) const FONT: f64 = 14.0;
/// Size of what is less important.
pub(super) const SMALL: f64 = 13.0;
/// From one line of text to the next.
pub(super) const LINE: f64 = 19.0;
/// Height of the numbers below a horizontal axis.
const TICKS_H: f64 = 24.0;

/// How wide a page shows the plot, for a width of 1.
const SHOWN: f64 = 1.2;
const TITLE: f64 = 16.0;
const TITLE_LINES: usize = 3;
const UNIT: f64 = 10.0;
const FAMILY: &str = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif";

pub(super) const INK: RGBColor = RGBColor(0x1f, 0x29, 0x33);
pub(super) const QUIET: RGBColor = RGBColor(0x52, 0x60, 0x6d);
const GRID: RGBColor = RGBColor(0xe1, 0xe6, 0xeb);
const AXIS: RGBColor = RGBColor(0x9a, 0xa5, 0xb1);
const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// The colours of Okabe and Ito without the yellow, which white paper swallows.
const PALETTE: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x00, 0x00, 0x00),
];

/// The colour of the series of this index.
pub(super) fn color(index: usize) -> RGBColor {
    PALETTE[index % PALETTE.len()]
}

/// The shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Circle,
    Square,
    Triangle,
    Diamond,
    Down,
    Cross,
}

/// Their number has no factor in common with that of the colours: 42 series differ.
const MARKS: [Mark; 6] = [Mark::Circle, Mark::Square, Mark::Triangle, Mark::Diamond, Mark::Down, Mark::Cross];
/// Opacity of a filled area that other things are seen through.
pub(super) const AREA: f64 = 0.18;
/// How many series can be told apart.
pub(super) const KINDS: usize = MARKS.len() * PALETTE.len();

/// The mark of the series of this index.
pub(super) fn mark(index: usize) -> Mark {
    MARKS[index % MARKS.len()]
}

/// Which end of a text is at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A text's look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    pub(super) size: f64,
    pub(super) color: RGBColor,
    pub(super) bold: bool,
}

/// Ordinary text.
pub(super) const PLAIN: Type = Type { size: FONT, color: INK, bold: false };
/// Text that steps back.
pub(super) const ASIDE: Type = Type { size: SMALL, color: QUIET, bold: false };
const HEADING: Type = Type { size: TITLE, color: INK, bold: true };

/// What the library's drawing functions answer.
pub(super) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<io::Error>>;

/// A sheet of paper. Lengths are in points, from the upper left corner.
pub(super) struct Sheet<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Where the data are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Frame {
    /// The place of a measure of `ruler` from left to right.
    pub(super) fn x(&self, ruler: &Ruler, value: f64) -> f64 {
        self.left + (self.right - self.left) * share(ruler, value)
    }

    /// The place of a measure of `ruler` from the bottom up.
    pub(super) fn y(&self, ruler: &Ruler, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * share(ruler, value)
    }
}

fn share(ruler: &Ruler, value: f64) -> f64 {
    (ruler.place(value) - ruler.low) / (ruler.high - ruler.low)
}

/// The lines of a title and where what follows begins.
pub(super) fn heading(title: &str) -> (Vec<String>, f64) {
    let lines = text::wrap(&text::clean(title), TITLE * 1.12, WIDTH - 2.0 * MARGIN, TITLE_LINES);
    let below = 12.0 + 21.0 * lines.len() as f64;
    (lines, below + 6.0)
}

/// An SVG document of this height, with its title on it, and what `paint` draws.
pub(super) fn document(title: &str, height: f64, paint: impl FnOnce(&Sheet) -> Drawn) -> Result<String, PlotError> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (units(WIDTH) as u32, units(height) as u32)).into_drawing_area();
    let sheet = Sheet { area };
    let refused =
        |error: DrawingAreaErrorKind<io::Error>| PlotError::Draw { title: title.to_owned(), reason: error.to_string() };
    let (lines, _) = heading(title);
    sheet.area.fill(&PAPER).map_err(refused)?;
    for (index, line) in lines.iter().enumerate() {
        sheet.text(line, (MARGIN, 26.0 + 21.0 * index as f64), Anchor::Start, HEADING).map_err(refused)?;
    }
    paint(&sheet).map_err(refused)?;
    sheet.area.present().map_err(refused)?;
    drop(sheet);
    Ok(dressed(&svg, title, height))
}

/// The document with its size on a page, a title for those who cannot see it, and round corners of lines: the library's root
/// element knows none of these.
fn dressed(svg: &str, title: &str, height: f64) -> String {
    let body = svg.find(">\n").map_or(svg, |end| &svg[end + 2..]);
    let title = text::clean(title).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\">\n<title>{title}</title>\n{body}",
        (WIDTH * SHOWN).round(),
        (height * SHOWN).round(),
        units(WIDTH),
        units(height),
    )
}

impl Sheet<'_> {
    /// A frame with a line and a number at each tick. There is no vertical axis without `y`.
    pub(super) fn frame(&self, frame: &Frame, x: &Ruler, y: Option<&Ruler>) -> Drawn {
        let bare = Ruler::bare();
        let numbered = y.is_some();
        let y = y.unwrap_or(&bare);
        // The library draws on whole areas: numbers are in the margins that are left beside the frame.
        let mut chart = ChartBuilder::on(&self.area)
            .margin_left(0)
            .margin_top(units(frame.top))
            .margin_right(units(WIDTH - frame.right))
            .margin_bottom(0)
            .set_label_area_size(plotters::chart::LabelAreaPosition::Left, units(frame.left))
            .set_label_area_size(
                plotters::chart::LabelAreaPosition::Bottom,
                units(f64::from(self.area.dim_in_pixel().1) / UNIT - frame.bottom),
            )
            .build_cartesian_2d(x.clone(), y.clone())?;
        let mut mesh = chart.configure_mesh();
        mesh.bold_line_style(line(GRID, 1.0))
            .light_line_style(plotters::style::TRANSPARENT)
            .axis_style(line(AXIS, 1.2))
            .label_style(style(ASIDE))
            .set_all_tick_mark_size(units(4.0));
        if !numbered {
            mesh.disable_y_axis();
        }
        mesh.draw()
    }

    /// A line of text whose baseline is at `at`.
    pub(super) fn text(&self, text: &str, at: (f64, f64), anchor: Anchor, look: Type) -> Drawn {
        let side = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // The library moves a text below its place by the height of capitals.
        let top = at.1 - 0.76 * look.size;
        self.area.draw_text(text, &style(look).pos(Pos::new(side, VPos::Top)), point((at.0, top)))
    }

    /// A mark of this radius.
    pub(super) fn mark(&self, mark: Mark, (x, y): (f64, f64), radius: f64, color: RGBColor, opacity: f64) -> Drawn {
        let style = color.mix(opacity).filled();
        let polygon = |corners: &[(f64, f64)]| {
            let corners = corners.iter().map(|(dx, dy)| point((x + dx * radius, y + dy * radius)));
            self.area.draw(&Polygon::new(corners.collect::<Vec<_>>(), style))
        };
        match mark {
            Mark::Circle => self.area.draw(&Circle::new(point((x, y)), units(radius), style)),
            Mark::Square => polygon(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
            Mark::Triangle => polygon(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]),
            Mark::Diamond => polygon(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
            Mark::Down => polygon(&[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)]),
            Mark::Cross => {
                let stroke = color.mix(opacity).stroke_width(units(radius * 0.6) as u32);
                for side in [-1.0, 1.0] {
                    let ends = [(x - radius, y - side * radius), (x + radius, y + side * radius)];
                    self.area.draw(&PathElement::new(ends.map(point), stroke))?;
                }
                Ok(())
            }
        }
    }

    /// A line through these points.
    pub(super) fn line(&self, points: &[(f64, f64)], color: RGBColor, thickness: f64) -> Drawn {
        let points: Vec<_> = points.iter().map(|&at| point(at)).collect();
        self.area.draw(&PathElement::new(points, line(color, thickness)))
    }

    /// A filled area with these corners.
    pub(super) fn filled(&self, corners: &[(f64, f64)], color: RGBColor) -> Drawn {
        let corners: Vec<_> = corners.iter().map(|&at| point(at)).collect();
        self.area.draw(&Polygon::new(corners, color.mix(AREA).filled()))
    }

    /// A filled rectangle between two corners.
    pub(super) fn rectangle(&self, from: (f64, f64), to: (f64, f64), color: RGBColor, opacity: f64) -> Drawn {
        self.area.draw(&Rectangle::new([point(from), point(to)], color.mix(opacity).filled()))
    }

    /// Text at both ends of a line across the frame.
    pub(super) fn ends(&self, left: &str, right: &str, frame: &Frame, y: f64) -> Drawn {
        let (top, bottom) = (y - 12.0, y + 4.0);
        self.patch((frame.left, top), (frame.left + text::width(left, FONT), bottom))?;
        self.patch((frame.right - text::width(right, SMALL) - 4.0, top), (frame.right, bottom))?;
        self.text(left, (frame.left, y), Anchor::Start, PLAIN)?;
        self.text(right, (frame.right, y), Anchor::End, ASIDE)
    }

    /// A patch of paper, for text above other things.
    pub(super) fn patch(&self, from: (f64, f64), to: (f64, f64)) -> Drawn {
        self.rectangle(from, to, PAPER, 0.8)
    }
}

fn style(look: Type) -> TextStyle<'static> {
    let weight = if look.bold { FontStyle::Bold } else { FontStyle::Normal };
    // The library divides sizes by this before it writes them.
    let font = FontDesc::new(FontFamily::Name(FAMILY), look.size * UNIT * 1.24, weight);
    TextStyle { color: look.color.to_backend_color(), ..TextStyle::from(font) }
}

fn line(color: RGBColor, thickness: f64) -> ShapeStyle {
    color.stroke_width(units(thickness) as u32)
}

fn units(points: f64) -> i32 {
    (points * UNIT).round() as i32
}

fn point((x, y): (f64, f64)) -> (i32, i32) {
    (units(x), units(y))
}

/// Height of an axis below a frame: its numbers and the lines of its label.
pub(super) fn axis_height(label: &[String]) -> f64 {
    TICKS_H + LINE * label.len() as f64
}

/// The label of an axis in lines.
pub(super) fn axis_label(label: &str) -> Vec<String> {
    text::wrap(&text::clean(label), SMALL, WIDTH - 2.0 * MARGIN, 2)
}

impl Sheet<'_> {
    /// The label of a horizontal axis, below its numbers.
    pub(super) fn x_label(&self, frame: &Frame, label: &[String]) -> Drawn {
        for (index, text) in label.iter().enumerate() {
            let at = (frame.left.midpoint(frame.right), frame.bottom + TICKS_H + 14.0 + LINE * index as f64);
            let half = text::width(text, SMALL) / 2.0;
            let x = at.0.clamp(MARGIN + half, (WIDTH - MARGIN - half).max(MARGIN + half));
            self.text(text, (x, at.1), Anchor::Middle, ASIDE)?;
        }
        Ok(())
    }
}
