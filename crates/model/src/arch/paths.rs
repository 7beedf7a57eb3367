//! Text of paths through the supernets: `hytra:5433/3230/0010/0000`, `mbconv:11/0110/0111/1100/0110`,
//! `nats-c10:74/64/5` (read also as NATS-Bench writes it: `nats-c10:64:56:56:40:48`). Options may follow: `+base=16`, the base
//! width of the supernet, where it is not 64; for HyTra `+attention=transposed`, where attention is as the published search
//! computes it.

use std::fmt;
use std::str::FromStr;

use super::stages::{self, Digit, Layers, Layout};
use super::text::{Cursor, ParseError, quote};
use super::{Architecture, MAX_BASE, NatsData, SearchNet, SearchPath};
use crate::graph::Orientation;
use crate::space::{DEFAULT_BASE, Space, hytra};

/// What a path through `space` looks like.
fn layout(space: Space) -> Layout {
    let item = if matches!(space, Space::Nats(_)) { "a width index" } else { "an operation" };
    Layout { layers: Layers::Exactly(space.stage_layers()), highest: space.operations() - 1, item }
}

/// Step between the widths of the NATS-Bench size space.
const NATS_WIDTH_STEP: usize = 8;

impl NatsData {
    /// Layers of each of the three stages.
    pub const fn layers(self) -> [usize; 3] {
        match self {
            Self::Cifar10 => [2, 2, 1],
            Self::Cifar100 => [2, 1, 2],
        }
    }
}

/// Reads what follows the name of a space, up to the end.
pub(super) fn net(cursor: &mut Cursor<'_>, space: Space) -> Result<SearchNet, ParseError> {
    let path = match space {
        Space::Hytra(_) => hytra(cursor, space)?,
        Space::Mbconv(_) => mbconv(cursor, space)?,
        Space::Nats(nats) => SearchPath::Nats(nats.data(), widths(cursor, space)?),
    };
    let mut net = SearchNet::from(path);
    let mut seen = Vec::new();
    while cursor.eat('+') {
        option(cursor, space, &mut net, &mut seen)?;
    }
    cursor.end(match space {
        Space::Hytra(_) => "an option (`+base=`, `+attention=`) or the end: a HyTra path has four stages",
        Space::Mbconv(_) => "`+base=` or the end: an MBConv path has five stages",
        Space::Nats(_) => "`+base=` or the end: a NATS path has five layers",
    })?;
    Ok(net)
}

/// Reads one option into `net`, after its `+`; `seen` are those that were read before.
fn option(
    cursor: &mut Cursor<'_>,
    space: Space,
    net: &mut SearchNet,
    seen: &mut Vec<String>,
) -> Result<(), ParseError> {
    let at = cursor.at();
    let name = cursor.word();
    if seen.contains(&name) {
        return Err(cursor.error_at(at, format!("{} after another one", quote(&name)), "every option once"));
    }
    match (name.as_str(), space) {
        ("base", _) => net.base = base(cursor, space)?,
        ("attention", Space::Hytra(_)) => net.attention = attention(cursor)?,
        _ => {
            let expected = match space {
                Space::Hytra(_) => "an option: base= or attention=",
                Space::Mbconv(_) | Space::Nats(_) => "the option base=",
            };
            let found = if name.is_empty() { None } else { Some(quote(&name)) };
            return Err(found.map_or_else(|| cursor.error(expected), |found| cursor.error_at(at, found, expected)));
        }
    }
    seen.push(name);
    Ok(())
}

/// Reads which way round attention is, from the `=` on.
fn attention(cursor: &mut Cursor<'_>) -> Result<Orientation, ParseError> {
    const EXPECTED: &str = "`=standard` or `=transposed`";
    if !cursor.eat('=') {
        return Err(cursor.error(EXPECTED));
    }
    let at = cursor.at();
    let name = cursor.word();
    Orientation::from_name(&name).ok_or_else(|| cursor.error_at(at, quote(&name), "`standard` or `transposed`"))
}

/// Reads a base width, from the `=` on.
fn base(cursor: &mut Cursor<'_>, space: Space) -> Result<usize, ParseError> {
    let step = space.base_step();
    if !cursor.eat('=') {
        return Err(cursor.error(format!("`=` and a base width from {step} to {MAX_BASE}")));
    }
    let at = cursor.at();
    let base = cursor.number(step, MAX_BASE, "a base width")?;
    let multiple = || format!("a multiple of {step} from {step} to {MAX_BASE}");
    space.with_base(base).map_err(|_| cursor.error_at(at, quote(&base.to_string()), multiple()))?;
    Ok(base)
}

fn hytra(cursor: &mut Cursor<'_>, space: Space) -> Result<SearchPath, ParseError> {
    let digits = stages::read(cursor, &layout(space))?;
    let mut path = [[0; hytra::LAYERS]; hytra::STAGES];
    let mut depth = hytra::FIRST_DEPTH;
    for (number, (stage, digits)) in path.iter_mut().zip(&digits).enumerate() {
        let mut before = None;
        for (op, digit) in stage.iter_mut().zip(digits) {
            if !hytra::allows(depth, before, digit.value) {
                return Err(not_allowed(cursor, depth, before, *digit, number));
            }
            *op = digit.value;
            before = Some(digit.value);
        }
        depth = before.map_or(depth, hytra::next_depth);
    }
    Ok(SearchPath::Hytra(path))
}

fn not_allowed(cursor: &Cursor<'_>, depth: usize, before: Option<u8>, digit: Digit, stage: usize) -> ParseError {
    let describe = |op| {
        let side = hytra::side(hytra::scale(op));
        format!("`{op}` (a {side} x {side} map)")
    };
    let allowed: Vec<String> = hytra::allowed_ops(depth, before).iter().map(|op| format!("`{op}`")).collect();
    let place = match before {
        Some(before) => format!("after {}", describe(before)),
        None => format!("first in stage {}", stage + 1),
    };
    cursor.error_at(digit.at, describe(digit.value), format!("one of {} {place}", allowed.join(", ")))
}

fn mbconv(cursor: &mut Cursor<'_>, space: Space) -> Result<SearchPath, ParseError> {
    let mut stages = stages::read(cursor, &layout(space))?.into_iter();
    let path = std::array::from_fn(|_| stages.next().unwrap_or_default().iter().map(|d| d.value).collect());
    Ok(SearchPath::Mbconv(path))
}

/// NATS-Bench's five width indices, or the widths as it writes them.
fn widths(cursor: &mut Cursor<'_>, space: Space) -> Result<[u8; 5], ParseError> {
    let mut path = [0; 5];
    if !cursor.rest().contains(&':') {
        for (index, digit) in path.iter_mut().zip(stages::read(cursor, &layout(space))?.iter().flatten()) {
            *index = digit.value;
        }
        return Ok(path);
    }
    for (layer, index) in path.iter_mut().enumerate() {
        if layer > 0 && !cursor.eat(':') {
            return Err(cursor.error(format!("`:` and width {} of 5", layer + 1)));
        }
        let at = cursor.at();
        let width = cursor.number(NATS_WIDTH_STEP, 8 * NATS_WIDTH_STEP, "a width")?;
        if width % NATS_WIDTH_STEP != 0 {
            return Err(cursor.error_at(at, quote(&width.to_string()), "a multiple of 8 from 8 to 64"));
        }
        *index = (width / NATS_WIDTH_STEP - 1) as u8;
    }
    Ok(path)
}

impl SearchPath {
    /// Name of the space, which is what the text form starts with.
    pub const fn space(&self) -> &'static str {
        Space::of(self).name()
    }

    /// The chosen operations, one list a stage.
    pub fn stages(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Hytra(stages) => stages.iter().map(|stage| stage.to_vec()).collect(),
            Self::Mbconv(stages) => stages.to_vec(),
            Self::Nats(data, path) => {
                let [first, second, _] = data.layers();
                let (head, tail) = path.split_at(first);
                let (middle, last) = tail.split_at(second);
                vec![head.to_vec(), middle.to_vec(), last.to_vec()]
            }
        }
    }
}

impl fmt::Display for SearchPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.space())?;
        for (index, stage) in self.stages().iter().enumerate() {
            f.write_str(if index > 0 { "/" } else { "" })?;
            stage.iter().try_for_each(|op| write!(f, "{op}"))?;
        }
        Ok(())
    }
}

impl From<SearchPath> for SearchNet {
    fn from(path: SearchPath) -> Self {
        Self { path, base: DEFAULT_BASE, attention: Orientation::Standard }
    }
}

impl fmt::Display for SearchNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)?;
        if self.base != DEFAULT_BASE {
            write!(f, "+base={}", self.base)?;
        }
        match self.attention {
            Orientation::Standard => Ok(()),
            Orientation::Transposed => write!(f, "+attention={}", self.attention.name()),
        }
    }
}

impl FromStr for SearchNet {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.parse()? {
            Architecture::Search(net) => Ok(net),
            Architecture::BossNet(_) => {
                Err(Cursor::new(text)?
                    .error("a path through a supernet: `hytra:`, `mbconv:`, `nats-c10:` or `nats-c100:`"))
            }
        }
    }
}

impl FromStr for SearchPath {
    type Err = ParseError;

    /// Reads a path that stands for all widths: it has no option.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let SearchNet { path, .. } = text.parse()?;
        match text.chars().position(|c| c == '+') {
            None => Ok(path),
            Some(at) => Err(Cursor::new(text)?.error_at(at, "`+`", "the end: a path alone has no options")),
        }
    }
}
