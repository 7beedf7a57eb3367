//! The small figures that a drawing is put together from.

use super::describe::{Kind, Residual, Skip};
use super::element::{At, Svg};

/// Width of a block.
pub(super) const BLOCK_W: f64 = 52.0;
/// Height of a block.
pub(super) const BLOCK_H: f64 = 58.0;
/// Width of a block of a long stage.
pub(super) const SMALL_W: f64 = 27.0;
/// Height of a block of a long stage.
pub(super) const SMALL_H: f64 = 30.0;
/// How far a shortcut rises above its block.
pub(super) const SKIP_RISE: f64 = 13.0;
/// How far before and after its block a shortcut leaves and joins.
const SKIP_REACH: f64 = 4.5;

/// A text at a point.
pub(super) fn write(svg: &mut Svg, class: &str, x: f64, y: f64, text: &str) {
    svg.text("text", &[("class", &class), ("x", &At(x)), ("y", &At(y))], text);
}

/// A straight line.
pub(super) fn line(svg: &mut Svg, from: (f64, f64), to: (f64, f64)) {
    path(svg, "line", &format!("M{} {}L{} {}", At(from.0), At(from.1), At(to.0), At(to.1)));
}

/// Any path.
pub(super) fn path(svg: &mut Svg, class: &str, d: &str) {
    svg.leaf("path", &[("class", &class), ("d", &d)]);
}

/// A rectangle with round corners.
pub(super) fn panel(svg: &mut Svg, class: &str, (x, y): (f64, f64), (w, h): (f64, f64), radius: f64) {
    let at = [At(x), At(y), At(w), At(h), At(radius)];
    let [x, y, w, h, r] = &at;
    svg.leaf("rect", &[("class", &class), ("x", x), ("y", y), ("width", w), ("height", h), ("rx", r)]);
}

/// An arrow head whose tip is at the point, looking right.
pub(super) fn arrow_right(svg: &mut Svg, x: f64, y: f64) {
    path(svg, "dot", &format!("M{} {}l-8 -4.5v9z", At(x), At(y)));
}

/// An arrow head whose tip is at the point, looking down.
pub(super) fn arrow_down(svg: &mut Svg, x: f64, y: f64) {
    path(svg, "dot", &format!("M{} {}l-4.5 -8h9z", At(x), At(y)));
}

/// How many times smaller a map becomes.
pub(super) fn stride_chip(svg: &mut Svg, x: f64, y: f64, stride: usize) {
    let (x_at, y_at) = (At(x), At(y));
    svg.leaf("circle", &[("class", &"chip"), ("cx", &x_at), ("cy", &y_at), ("r", &13)]);
    write(svg, "on-chip middle", x, y + 4.3, &format!("÷{stride}"));
}

/// A feature map as a slab: the front shows height and width, the depth the channels. Its centre is at (x, y).
pub(super) fn slab(svg: &mut Svg, (x, y): (f64, f64), [depth, h, w]: [f64; 3]) {
    let (dx, dy) = (depth * 0.85, depth * 0.5);
    let (left, top) = (x - f64::midpoint(w, dx), y - (h - dy) / 2.0);
    let (l, t, w, h, dx, dy) = (At(left), At(top), At(w), At(h), At(dx), At(dy));
    path(svg, "top", &format!("M{l} {t}l{dx} -{dy}h{w}l-{dx} {dy}z"));
    path(svg, "side", &format!("M{} {t}l{dx} -{dy}v{h}l-{dx} {dy}z", At(left + w.0)));
    path(svg, "front", &format!("M{l} {t}h{w}v{h}h-{w}z"));
}

/// A residual block with its shortcut; `left` is its left edge, `y` the height of the line that runs through it.
pub(super) fn block(svg: &mut Svg, block: &Residual, about: &str, left: f64, y: f64, small: bool) {
    let (w, h) = if small { (SMALL_W, SMALL_H) } else { (BLOCK_W, BLOCK_H) };
    svg.open("g", &[("data-block", &block.name)]);
    svg.text("title", &[], about);
    shortcut(svg, block.skip, (left, y), (w, h));
    shape(svg, block.kind, (left, y), (w, h));
    label(svg, block.kind, left + w / 2.0, y, small);
    svg.close();
}

/// The way around a block of size (w, h).
pub(super) fn shortcut(svg: &mut Svg, skip: Skip, (left, y): (f64, f64), (w, h): (f64, f64)) {
    let (from, to) = (left - SKIP_REACH, left + w + SKIP_REACH);
    let rise = h / 2.0 + SKIP_RISE;
    let (up, across) = (At(rise - 6.0), At(to - from - 12.0));
    let d = format!("M{} {}v-{up}q0 -6 6 -6h{across}q6 0 6 6v{up}", At(from), At(y));
    path(svg, "skip", &d);
    svg.leaf("circle", &[("class", &"dot"), ("cx", &At(to)), ("cy", &At(y)), ("r", &2.6)]);
    if skip == Skip::Projected {
        path(svg, "mark", &format!("M{} {}l5 5l-5 5l-5 -5z", At(left + w / 2.0), At(y - rise - 5.0)));
    }
}

/// The outline of a block: a hexagon for ResAtt, a rectangle for all others.
pub(super) fn shape(svg: &mut Svg, kind: Kind, (left, y): (f64, f64), (w, h): (f64, f64)) {
    match kind {
        Kind::ResConv { .. } | Kind::Bottleneck { .. } | Kind::Cell { .. } | Kind::Reduction { .. } => {
            panel(svg, "conv", (left, y - h / 2.0), (w, h), w / 13.0);
        }
        Kind::ResAtt { .. } => {
            let cut = w / 6.5;
            let (cut_at, half, flat) = (At(cut), At(h / 2.0), At(w - 2.0 * cut));
            let d =
                format!("M{} {}l{cut_at} -{half}h{flat}l{cut_at} {half}l-{cut_at} {half}h-{flat}z", At(left), At(y));
            path(svg, "att", &d);
        }
    }
}

fn label(svg: &mut Svg, kind: Kind, x: f64, y: f64, small: bool) {
    let (letter, word, class) = match kind {
        Kind::ResConv { .. } => ("C", "Conv", "on-conv middle"),
        Kind::ResAtt { .. } => ("A", "Att", "on-att middle"),
        Kind::Bottleneck { .. } => ("M", "MB", "on-conv middle"),
        Kind::Cell { .. } => ("C", "Cell", "on-conv middle"),
        Kind::Reduction { .. } => ("R", "Reduce", "on-conv middle"),
    };
    let strong = format!("strong {class}");
    if small {
        return write(svg, &strong, x, y + 4.5, letter);
    }
    let small_type = format!("small {class}");
    match kind {
        Kind::ResConv { width, se } => {
            let first = if se { y - 11.0 } else { y - 3.0 };
            write(svg, &strong, x, first, word);
            write(svg, &small_type, x, first + 16.0, &width.to_string());
            if se {
                badge(svg, x, y + 19.0);
            }
        }
        Kind::ResAtt { heads, .. } => {
            write(svg, &strong, x, y - 4.0, word);
            let heads = format!("{heads} head{}", if heads == 1 { "" } else { "s" });
            write(svg, &format!("tiny {class}"), x, y + 10.5, &heads);
        }
        Kind::Bottleneck { expansion, kernel } => {
            write(svg, &strong, x, y - 3.0, &format!("{word}{expansion}"));
            write(svg, &small_type, x, y + 13.0, &format!("{kernel} × {kernel}"));
        }
        Kind::Cell { width } | Kind::Reduction { width } => {
            write(svg, &strong, x, y - 3.0, word);
            write(svg, &small_type, x, y + 13.0, &width.to_string());
        }
    }
}

/// The mark of squeeze-and-excitation, centred at the point.
pub(super) fn badge(svg: &mut Svg, x: f64, y: f64) {
    panel(svg, "badge", (x - 14.0, y - 8.0), (28.0, 15.0), 7.5);
    write(svg, "on-conv small middle", x, y + 3.9, "SE");
}
