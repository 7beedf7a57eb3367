//! The layout: title, figures, one card a row, legend.

use super::describe::{Body, Drawing, Kind, Projection, Residual, Row, Skip, Unit};
use super::element::{At, Svg};
use super::figure::{
    BLOCK_H, BLOCK_W, SKIP_RISE, SMALL_H, SMALL_W, arrow_down, arrow_right, badge, block, line, panel, path, shape,
    shortcut, slab, stride_chip, write,
};
use super::style::SHEET;
use crate::arch::Shortcut;

/// Width of the page.
const PAGE_W: f64 = 960.0;
/// Free space around everything.
const MARGIN: f64 = 24.0;
/// Left edge of the slabs' column, and its centre.
const SLAB_X: f64 = 86.0;
/// Where the facts about a row begin.
const FACTS_X: f64 = 144.0;
/// Where the line through a row begins.
const ENTRY_X: f64 = 266.0;
/// Left edge of a row's first block.
const FIRST_X: f64 = 322.0;
/// Right end of the blocks.
const LAST_X: f64 = 918.0;
/// Space between cards.
const GAP: f64 = 18.0;
/// Least height of a card.
const CARD_H: f64 = 98.0;
/// Height of the image's card, which holds nothing but the slab.
const IMAGE_H: f64 = 84.0;
/// Space between the bottom of one line of blocks and the shortcuts of the next.
const LINE_GAP: f64 = 22.0;
/// Blocks that a stage may have before it is drawn in small ones.
const LARGE_BLOCKS: usize = 27;
/// Blocks of a line where the map shrinks between them.
const STRIDED_PER_LINE: usize = 6;
/// Side of the largest front of a slab.
const SLAB_FRONT: f64 = 56.0;
/// Depth of the deepest slab.
const SLAB_DEPTH: f64 = 30.0;
/// Width of the bar that shows a share.
const BAR_W: f64 = 48.0;
/// Characters of a line of the architecture's text.
const TEXT_COLUMNS: usize = 112;
/// Characters of the title; what is longer is cut.
const NAME_COLUMNS: usize = 56;

impl Drawing {
    /// The drawing as an SVG document.
    pub fn svg(&self) -> String {
        let text = wrap(&self.text, TEXT_COLUMNS);
        let figures_y = 84.0 + 18.0 * text.len() as f64;
        let rows_y = figures_y + 64.0 + GAP;
        let heights: Vec<f64> = self.rows.iter().map(card_height).collect();
        let legend_y = rows_y + heights.iter().map(|h| h + GAP).sum::<f64>();
        let legend = self.legend();
        let legend_h = 62.0 + 50.0 * legend.len().div_ceil(2) as f64;
        let height = legend_y + legend_h + MARGIN;

        let mut svg = Svg::default();
        let view = format!("0 0 {} {}", At(PAGE_W), At(height));
        svg.open(
            "svg",
            &[
                ("xmlns", &"http://www.w3.org/2000/svg"),
                ("viewBox", &view),
                ("width", &At(PAGE_W)),
                ("height", &At(height)),
                ("role", &"img"),
            ],
        );
        svg.text("title", &[], &format!("{}: {}", self.name, self.text));
        svg.style(SHEET);
        panel(&mut svg, "page", (0.0, 0.0), (PAGE_W, height), 0.0);
        self.heading(&mut svg, &text);
        self.figures(&mut svg, figures_y);
        let mut y = rows_y;
        for (index, (row, &h)) in self.rows.iter().zip(&heights).enumerate() {
            panel(&mut svg, "card", (MARGIN, y), (PAGE_W - 2.0 * MARGIN, h), 10.0);
            self.row(&mut svg, row, y, h);
            if index + 1 < self.rows.len() {
                line(&mut svg, (SLAB_X, y + h), (SLAB_X, y + h + GAP - 6.0));
                arrow_down(&mut svg, SLAB_X, y + h + GAP - 1.0);
            }
            y += h + GAP;
        }
        self.draw_legend(&mut svg, legend_y, legend_h, &legend);
        svg.finish()
    }

    fn heading(&self, svg: &mut Svg, text: &[String]) {
        write(svg, "name", MARGIN, 52.0, &cut(&self.name, NAME_COLUMNS));
        for (index, part) in text.iter().enumerate() {
            write(svg, "code", MARGIN, 78.0 + 18.0 * index as f64, part);
        }
    }

    /// The numbers of the whole network.
    fn figures(&self, svg: &mut Svg, y: f64) {
        let [h, w] = self.input;
        let mut tiles = vec![
            (format!("{h} × {w}"), "input, height × width".to_owned()),
            (plural(self.blocks().count(), "block"), self.kinds()),
        ];
        if let Some(totals) = self.totals {
            tiles.push((short(totals.params), "parameters".to_owned()));
            tiles.push((short(totals.multiply_adds), "multiply-adds an image".to_owned()));
        }
        let width = (PAGE_W - 2.0 * MARGIN - 12.0 * (tiles.len() - 1) as f64) / tiles.len() as f64;
        for (index, (number, what)) in tiles.iter().enumerate() {
            let x = MARGIN + index as f64 * (width + 12.0);
            panel(svg, "card", (x, y), (width, 64.0), 10.0);
            write(svg, "number", x + 16.0, y + 30.0, number);
            write(svg, "small quiet", x + 16.0, y + 50.0, what);
        }
    }

    /// How many blocks there are of each kind.
    fn kinds(&self) -> String {
        let count = |name: &str| self.blocks().filter(|block| block.kind.name() == name).count();
        let families = [&["ResConv", "ResAtt"][..], &["MBConv"], &["cell", "reduction"]];
        // The other kind of a family is worth a word where there is none of it.
        let family = families.into_iter().find(|names| names.iter().any(|name| count(name) > 0)).unwrap_or(families[0]);
        let spelled = |name: &&str| match *name {
            "cell" | "reduction" => plural(count(name), name),
            name => format!("{} {name}", count(name)),
        };
        family.iter().map(spelled).collect::<Vec<_>>().join(", ")
    }

    fn row(&self, svg: &mut Svg, row: &Row, y: f64, height: f64) {
        let middle = y + (height / 2.0).min(CARD_H / 2.0);
        slab(svg, (SLAB_X, middle), self.slab_size(row.map));
        let [c, h, w] = row.map;
        let facts = match row.unit {
            Unit::Colour => vec![format!("{h} × {w}"), plural(c, "colour")],
            Unit::Channel => vec![format!("{h} × {w}"), plural(c, "channel")],
            Unit::Logit => vec![plural(c, "logit")],
        };
        let lines = 1 + facts.len() + usize::from(row.share.is_some());
        let top = middle + 5.0 - 9.5 * (lines - 1) as f64;
        write(svg, "title", FACTS_X, top, &row.title);
        let mut next = top;
        for fact in &facts {
            next += 19.0;
            write(svg, "", FACTS_X, next, fact);
        }
        if let Some(share) = row.share {
            next += 13.0;
            panel(svg, "track", (FACTS_X, next - 4.0), (BAR_W, 6.0), 3.0);
            panel(svg, "fill", (FACTS_X, next - 4.0), ((BAR_W * share).max(3.0), 6.0), 3.0);
            write(svg, "small quiet", FACTS_X + BAR_W + 7.0, next + 3.0, &percent(share));
        }
        match &row.body {
            Body::Image => self.key(svg, middle),
            Body::Layers(layers) => layer_row(svg, row, layers, middle),
            Body::Blocks(blocks) => block_rows(svg, row, blocks, y),
        }
    }

    /// Depth, height and width of the slab: they grow with the square roots, so that 7 x 7 can still be seen beside
    /// 224 x 224, and are the same share of the largest in every row.
    fn slab_size(&self, [c, h, w]: [usize; 3]) -> [f64; 3] {
        let root = |n: usize| (n as f64).sqrt();
        let largest = root(self.input[0].max(self.input[1]).max(1));
        let deepest = self.rows.iter().map(|row| root(row.map[0])).fold(1.0, f64::max);
        let side = |n: usize| (SLAB_FRONT * root(n) / largest).max(3.0);
        [(SLAB_DEPTH * root(c) / deepest).max(1.5), side(h), side(w)]
    }

    fn legend(&self) -> Vec<Entry> {
        let has = |test: fn(&Residual) -> bool| self.blocks().any(test);
        let mut entries = Vec::new();
        if has(|b| matches!(b.kind, Kind::ResConv { .. })) {
            entries.push(Entry::Conv);
        }
        if has(|b| matches!(b.kind, Kind::ResAtt { .. })) {
            entries.push(Entry::Att);
        }
        if has(|b| matches!(b.kind, Kind::Bottleneck { .. })) {
            entries.push(Entry::Bottleneck);
        }
        if has(|b| matches!(b.kind, Kind::Cell { .. })) {
            entries.push(Entry::Cell);
        }
        if has(|b| matches!(b.kind, Kind::Reduction { .. })) {
            entries.push(Entry::Reduction);
        }
        if has(|b| b.skip == Skip::Identity) {
            entries.push(Entry::Identity);
        }
        if has(|b| b.skip == Skip::Projected) {
            entries.push(Entry::Projected);
        }
        if has(|b| matches!(b.kind, Kind::ResConv { se: true, .. })) {
            entries.push(Entry::SqueezeExcite);
        }
        entries.push(Entry::Stride);
        entries
    }

    fn draw_legend(&self, svg: &mut Svg, y: f64, height: f64, entries: &[Entry]) {
        panel(svg, "card", (MARGIN, y), (PAGE_W - 2.0 * MARGIN, height), 10.0);
        for (index, entry) in entries.iter().enumerate() {
            let x = MARGIN + 20.0 + if index % 2 == 0 { 0.0 } else { 448.0 };
            let top = y + 40.0 + 50.0 * (index / 2) as f64;
            entry.draw(svg, x + 22.0, top);
            let [title, detail] = entry.words(self.projection);
            write(svg, "strong", x + 62.0, top - 3.0, title);
            write(svg, "small quiet", x + 62.0, top + 14.0, detail);
        }
        let note = format!("The activation is {}. Batch norms and activations are not drawn.", self.activation);
        write(svg, "small quiet", MARGIN + 20.0, y + height - 18.0, &note);
    }

    /// How to read the left side of the rows, beside the image, where there is room.
    fn key(&self, svg: &mut Svg, y: f64) {
        let mut lines = vec![
            "A slab is what its row puts out: height and width in front, channels in depth.",
            "All lengths follow the square roots of these numbers.",
        ];
        if self.totals.is_some() {
            lines.push("The bar is the row's share of all multiply-adds.");
        }
        let top = y + 4.0 - 8.5 * (lines.len() - 1) as f64;
        for (index, text) in lines.iter().enumerate() {
            write(svg, "small quiet", FIRST_X - 10.0, top + 17.0 * index as f64, text);
        }
    }
}

/// How many blocks fit a line of a stage, how wide a block and its space are, how high a line is.
struct Grid {
    small: bool,
    per_line: usize,
    pitch: f64,
    size: (f64, f64),
    line: f64,
}

impl Grid {
    fn of(blocks: &[Residual]) -> Self {
        let small = blocks.len() > LARGE_BLOCKS;
        let (size, per_line) = if small { ((SMALL_W, SMALL_H), 14) } else { ((BLOCK_W, BLOCK_H), 9) };
        // A stride between two blocks needs room for its sign.
        let per_line = if strides_within(blocks) { STRIDED_PER_LINE } else { per_line };
        let pitch = (LAST_X - FIRST_X + 12.0) / per_line as f64;
        Self { small, per_line, pitch, size, line: size.1 + SKIP_RISE + LINE_GAP }
    }

    fn height(&self, blocks: usize) -> f64 {
        let lines = blocks.div_ceil(self.per_line) as f64;
        (lines * self.line + 10.0).max(CARD_H)
    }

    /// The line through the blocks of line `index`.
    fn y(&self, top: f64, index: usize, lines: usize) -> f64 {
        // One line stands in the middle of its card, a little lower than the facts to leave room for the shortcuts.
        if lines == 1 {
            return top + f64::midpoint(CARD_H, SKIP_RISE) - 1.0;
        }
        top + 14.0 + SKIP_RISE + self.size.1 / 2.0 + index as f64 * self.line
    }
}

/// Whether the map shrinks behind the first block.
fn strides_within(blocks: &[Residual]) -> bool {
    blocks.iter().skip(1).any(|block| block.stride > 1)
}

fn card_height(row: &Row) -> f64 {
    match &row.body {
        Body::Image => IMAGE_H,
        Body::Layers(_) => CARD_H,
        Body::Blocks(blocks) => Grid::of(blocks).height(blocks.len()),
    }
}

fn entry(svg: &mut Svg, y: f64, stride: usize, first: f64) {
    line(svg, (ENTRY_X, y), (first - 4.0, y));
    if stride > 1 {
        stride_chip(svg, ENTRY_X + 13.0, y, stride);
    }
}

fn layer_row(svg: &mut Svg, row: &Row, layers: &[[String; 2]], y: f64) {
    const WIDTH: f64 = 126.0;
    const PITCH: f64 = WIDTH + 26.0;
    entry(svg, y, row.stride, FIRST_X);
    // An empty stage is one convolution of stride 2: the dashes say that something one might expect is not there.
    let class = if layers.len() == 1 && row.stride > 1 { "layer hollow" } else { "layer" };
    for (index, [title, detail]) in layers.iter().enumerate() {
        let x = FIRST_X - 10.0 + index as f64 * PITCH;
        if index > 0 {
            line(svg, (x - 26.0, y), (x - 6.0, y));
        }
        arrow_right(svg, x - 1.0, y);
        panel(svg, class, (x, y - 26.0), (WIDTH, 52.0), 8.0);
        write(svg, "strong middle", x + WIDTH / 2.0, y - 3.0, title);
        write(svg, "small quiet middle", x + WIDTH / 2.0, y + 14.0, detail);
    }
}

fn block_rows(svg: &mut Svg, row: &Row, blocks: &[Residual], top: f64) {
    let grid = Grid::of(blocks);
    let lines = blocks.len().div_ceil(grid.per_line);
    let step = grid.pitch;
    for (index, part) in blocks.chunks(grid.per_line).enumerate() {
        let y = grid.y(top, index, lines);
        let last = FIRST_X + (part.len() - 1) as f64 * step + grid.size.0;
        if index == 0 {
            entry(svg, y, row.stride, FIRST_X);
        }
        line(svg, (if index == 0 { FIRST_X - 14.0 } else { FIRST_X - 20.0 }, y), (last + 5.0, y));
        arrow_right(svg, FIRST_X - 7.0, y);
        for (position, residual) in part.iter().enumerate() {
            let left = FIRST_X + position as f64 * step;
            if residual.stride > 1 && (index, position) != (0, 0) {
                stride_chip(svg, left - (step - grid.size.0) / 2.0, y, residual.stride);
            }
            block(svg, residual, &about(residual), left, y, grid.small);
        }
        if index + 1 < lines {
            turn(svg, (last + 5.0, y), grid.y(top, index + 1, lines), grid.size.1);
        }
    }
}

/// The line from the end of one line of blocks to the beginning of the next.
fn turn(svg: &mut Svg, (x, y): (f64, f64), next: f64, block_height: f64) {
    let between = next - block_height / 2.0 - SKIP_RISE - 8.0;
    let (right, left) = (x + 6.0, FIRST_X - 26.0);
    let d = format!(
        "M{} {}q6 0 6 6V{}q0 6 -6 6H{}q-6 0 -6 6V{}q0 6 6 6h4",
        At(right - 6.0),
        At(y),
        At(between - 6.0),
        At(left + 6.0),
        At(next - 6.0),
    );
    path(svg, "line", &d);
}

/// What a reader is told who rests on a block.
fn about(residual: &Residual) -> String {
    let &Residual { stride, map: [c, h, w], .. } = residual;
    let kind = match residual.kind {
        Kind::ResConv { width, se: false } => format!("ResConv, {width} wide"),
        Kind::ResConv { width, se: true } => format!("ResConv, {width} wide, with squeeze-and-excitation"),
        Kind::ResAtt { heads, head_width } => format!("ResAtt, {} of {head_width} channels", plural(heads, "head")),
        Kind::Bottleneck { expansion, kernel } => {
            format!("MBConv, {expansion} times as wide inside, {kernel} × {kernel}")
        }
        Kind::Cell { width } => format!("cell, {width} wide"),
        Kind::Reduction { width } => format!("reduction, {width} wide"),
    };
    let skip = match residual.skip {
        Skip::Identity => "identity shortcut",
        Skip::Projected => "projected shortcut",
    };
    format!("{}: {kind}, stride {stride}, {skip}, puts out {c} channels of {h} × {w}", residual.name)
}

/// The entries of the legend.
#[derive(Clone, Copy)]
enum Entry {
    Conv,
    Att,
    Bottleneck,
    Cell,
    Reduction,
    Identity,
    Projected,
    SqueezeExcite,
    Stride,
}

impl Entry {
    fn words(self, form: Projection) -> [&'static str; 2] {
        match self {
            Self::Conv => {
                ["ResConv, with its width", "Conv 1 × 1, depth-wise 3 × 3, 3 × 3, then 1 × 1 to 4 × the width"]
            }
            Self::Att => {
                ["ResAtt, with its number of heads", "Conv 1 × 1, depth-wise 3 × 3, self-attention, then conv 1 × 1"]
            }
            Self::Bottleneck => {
                ["MBConv, with expansion and kernel", "Conv 1 × 1, depth-wise conv, squeeze-and-excitation, conv 1 × 1"]
            }
            Self::Cell => ["Cell, with its width", "Five convs 3 × 3 and a shortcut between four nodes"],
            Self::Reduction => ["Reduction, with its width", "Conv 3 × 3 of stride 2, conv 3 × 3"],
            Self::Identity => ["Identity shortcut", "The input is added as it is"],
            Self::Projected => match form {
                Projection::Form(Shortcut::AvgPool) => {
                    ["Projected shortcut", "Mean of 2 × 2 where the map is halved, conv 1 × 1, no activation"]
                }
                Projection::Form(Shortcut::Plain) => {
                    ["Projected shortcut", "Conv 3 × 3 of stride 2 (1 × 1 where the map stays), activation"]
                }
                Projection::Widened => {
                    ["Projected shortcut", "Mean of 2 × 2 where the map is halved, conv 1 × 1 to the width"]
                }
            },
            Self::SqueezeExcite => ["Squeeze-and-excitation", "Scales each channel by what the whole map holds"],
            Self::Stride => ["Stride", "Height and width are divided by this and rounded up"],
        }
    }

    /// Draws the figure around (x, y), 44 wide and 34 high.
    fn draw(self, svg: &mut Svg, x: f64, y: f64) {
        let small = |w: f64| ((x - w / 2.0, y), (w, 24.0));
        match self {
            Self::Conv => {
                let (at, size) = small(36.0);
                shape(svg, Kind::ResConv { width: 0, se: false }, at, size);
                write(svg, "strong on-conv middle", x, y + 4.6, "C");
            }
            Self::Att => {
                let (at, size) = small(36.0);
                shape(svg, Kind::ResAtt { heads: 0, head_width: 0 }, at, size);
                write(svg, "strong on-att middle", x, y + 4.6, "A");
            }
            Self::Bottleneck | Self::Cell | Self::Reduction => {
                let (kind, letter) = match self {
                    Self::Bottleneck => (Kind::Bottleneck { expansion: 0, kernel: 0 }, "MB"),
                    Self::Cell => (Kind::Cell { width: 0 }, "C"),
                    _ => (Kind::Reduction { width: 0 }, "R"),
                };
                let (at, size) = small(36.0);
                shape(svg, kind, at, size);
                write(svg, "strong on-conv middle", x, y + 4.6, letter);
            }
            Self::Identity | Self::Projected => {
                let skip = if matches!(self, Self::Identity) { Skip::Identity } else { Skip::Projected };
                line(svg, (x - 22.0, y + 11.0), (x + 22.0, y + 11.0));
                shortcut(svg, skip, (x - 12.0, y + 11.0), (24.0, 6.0));
            }
            Self::SqueezeExcite => {
                panel(svg, "conv", (x - 18.0, y - 12.0), (36.0, 24.0), 3.0);
                badge(svg, x, y);
            }
            Self::Stride => stride_chip(svg, x, y, 2),
        }
    }
}

/// Three figures and a unit: 38.4 M.
fn short(n: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")];
    let Some((unit, name)) = UNITS.iter().find(|(unit, _)| n >= *unit) else { return n.to_string() };
    let value = n as f64 / *unit as f64;
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {name}")
}

fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent < 0.95 { "under 1 %".to_owned() } else { format!("{percent:.0} %") }
}

fn plural(n: usize, word: &str) -> String {
    format!("{n} {word}{}", if n == 1 { "" } else { "s" })
}

/// The text in lines of `columns` characters, broken after a `/` or before a `+` where there is one.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > columns {
        let breaks = (columns / 2..columns).rev().find(|&at| rest[at] == '+' || rest[at - 1] == '/');
        let tail = rest.split_off(breaks.unwrap_or(columns));
        lines.push(rest.into_iter().collect());
        rest = tail;
    }
    lines.push(rest.into_iter().collect());
    lines
}

/// The first `columns` characters, with a sign that there were more.
fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns - 1).chain(['…']).collect()
}
