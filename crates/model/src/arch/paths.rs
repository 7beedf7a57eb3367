//! Text of paths through the supernets: `hytra:5433/3230/0010/0000`, `mbconv:11/0110/0111/1100/0110`,
//! `nats-c10:74/64/5` (read also as NATS-Bench writes it: `nats-c10:64:56:56:40:48`).

use std::fmt;
use std::str::FromStr;

use super::stages::{self, Digit, Layers, Layout};
use super::text::{Cursor, ParseError, quote};
use super::{Architecture, NatsData, SearchPath};
use crate::space::hytra;

const HYTRA: Layout =
    Layout { layers: Layers::Exactly(&[hytra::LAYERS; hytra::STAGES]), highest: hytra::OPS - 1, item: "an operation" };
const MBCONV: Layout = Layout { layers: Layers::Exactly(&[2, 4, 4, 4, 4]), highest: 3, item: "an operation" };
const NATS_C10: Layout = Layout { layers: Layers::Exactly(&[2, 2, 1]), highest: 7, item: "a width index" };
const NATS_C100: Layout = Layout { layers: Layers::Exactly(&[2, 1, 2]), highest: 7, item: "a width index" };

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

/// Reads what follows `hytra:`.
pub(super) fn hytra(cursor: &mut Cursor<'_>) -> Result<SearchPath, ParseError> {
    let digits = stages::read(cursor, &HYTRA)?;
    cursor.end("the end: a HyTra path has four stages")?;
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

/// Reads what follows `mbconv:`.
pub(super) fn mbconv(cursor: &mut Cursor<'_>) -> Result<SearchPath, ParseError> {
    let mut stages = stages::read(cursor, &MBCONV)?.into_iter();
    cursor.end("the end: an MBConv path has five stages")?;
    let path = std::array::from_fn(|_| stages.next().unwrap_or_default().iter().map(|d| d.value).collect());
    Ok(SearchPath::Mbconv(path))
}

/// Reads what follows `nats-c10:` or `nats-c100:`.
pub(super) fn nats(cursor: &mut Cursor<'_>, data: NatsData) -> Result<SearchPath, ParseError> {
    let mut path = [0; 5];
    if cursor.rest().contains(&':') {
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
    } else {
        let layout = match data {
            NatsData::Cifar10 => NATS_C10,
            NatsData::Cifar100 => NATS_C100,
        };
        for (index, digit) in path.iter_mut().zip(stages::read(cursor, &layout)?.iter().flatten()) {
            *index = digit.value;
        }
    }
    cursor.end("the end: a NATS path has five layers")?;
    Ok(SearchPath::Nats(data, path))
}

impl SearchPath {
    /// Name of the space, which is what the text form starts with.
    pub const fn space(&self) -> &'static str {
        match self {
            Self::Hytra(_) => "hytra",
            Self::Mbconv(_) => "mbconv",
            Self::Nats(NatsData::Cifar10, _) => "nats-c10",
            Self::Nats(NatsData::Cifar100, _) => "nats-c100",
        }
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

impl FromStr for SearchPath {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.parse()? {
            Architecture::Search(path) => Ok(path),
            Architecture::BossNet(_) => {
                Err(Cursor::new(text)?
                    .error("a path through a supernet: `hytra:`, `mbconv:`, `nats-c10:` or `nats-c100:`"))
            }
        }
    }
}
