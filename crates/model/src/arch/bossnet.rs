//! Text of the BossNet family: `bossnet:1/1/11101/000100000+silu+se`.
//!
//! Blocks of the four stages (`1` is ResConv, `0` is ResAtt, `-` an empty stage), then options in any order:
//!
//! | option | meaning | without it |
//! |---|---|---|
//! | `+relu`, `+silu` | activation | ReLU |
//! | `+se` | squeeze-and-excitation in the ResConv blocks | none |
//! | `+s1` | stride 1 in the last stage | stride 2 |
//! | `+plain` | shortcuts without average pooling | with |
//! | `+stem=deep:W`, `+stem=deep_tiered:W` | three 3x3 convolutions as the stem | one 7x7 convolution |
//! | `+base=B` | stem, first stage and attention head are B wide | 64 |
//! | `+classes=N` | width of the output | 1000 |
//!
//! Printing keeps the order of this table and leaves out what is the default, except the activation.

use std::fmt;
use std::str::FromStr;

use super::stages::{self, Layers, Layout};
use super::text::{Cursor, ParseError, quote};
use super::{Architecture, Block, BlockActivation, BossNet, LastStride, Shortcut, Stem};
use crate::space::DEFAULT_BASE;

/// Most blocks of a stage. The published networks have up to 9, a HyTra path up to 16.
pub const MAX_BLOCKS: usize = 64;
/// Largest base width.
pub const MAX_BASE: usize = 512;
/// Largest number of classes.
pub const MAX_CLASSES: usize = 100_000;
/// Smallest and largest width of a deep stem; `deep_tiered` divides it by four.
pub const STEM_WIDTHS: (usize, usize) = (4, 512);

const LAYOUT: Layout = Layout { layers: Layers::UpTo(MAX_BLOCKS), highest: 1, item: "a block" };
const OPTIONS: &str = "an option: relu, silu, se, s1, plain, stem=, base= or classes=";

const DEFAULT_CLASSES: usize = 1000;

impl BossNet {
    /// A network of these blocks with every option at its default: ReLU, no squeeze-and-excitation, last stride 2,
    /// average-pooled shortcuts, the 7x7 stem, base width 64, 1000 classes.
    pub fn new(stages: [Vec<Block>; 4]) -> Self {
        Self {
            stages,
            activation: BlockActivation::Relu,
            se: false,
            last_stride: LastStride::Two,
            shortcut: Shortcut::AvgPool,
            stem: Stem::Plain,
            base: DEFAULT_BASE,
            classes: DEFAULT_CLASSES,
        }
    }

    /// BossNet-T0 without squeeze-and-excitation: `bossnet:1/1/11101/000100000+relu`.
    pub fn t0_no_se() -> Self {
        use Block::{ResAtt as A, ResConv as C};
        Self::new([vec![C], vec![C], vec![C, C, C, A, C], vec![A, A, A, C, A, A, A, A, A]])
    }

    /// BossNet-T0: `bossnet:1/1/11101/000100000+silu+se`.
    pub fn t0() -> Self {
        Self { activation: BlockActivation::Silu, se: true, ..Self::t0_no_se() }
    }

    /// BossNet-T1: `bossnet:1/1/11101/000100000+silu+se+s1`.
    pub fn t1() -> Self {
        Self { last_stride: LastStride::One, ..Self::t0() }
    }

    /// The blocks as upstream writes them, one list a stage: 0 is ResAtt, 1 is ResConv.
    pub fn encoding(&self) -> [Vec<u8>; 4] {
        self.stages.each_ref().map(|stage| stage.iter().map(|block| block.digit()).collect())
    }
}

impl Block {
    /// `ResAtt` or `ResConv`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResAtt => "ResAtt",
            Self::ResConv => "ResConv",
        }
    }

    /// 0 for ResAtt, 1 for ResConv.
    pub const fn digit(self) -> u8 {
        match self {
            Self::ResAtt => 0,
            Self::ResConv => 1,
        }
    }
}

/// Reads stages and options, up to the end.
pub(super) fn bossnet(cursor: &mut Cursor<'_>) -> Result<BossNet, ParseError> {
    let mut digits = stages::read(cursor, &LAYOUT)?.into_iter();
    let block = |d: &stages::Digit| if d.value == 0 { Block::ResAtt } else { Block::ResConv };
    let mut net = BossNet::new(std::array::from_fn(|_| digits.next().unwrap_or_default().iter().map(block).collect()));
    let mut seen = Vec::new();
    while cursor.eat('+') {
        option(cursor, &mut net, &mut seen)?;
    }
    let after =
        if seen.is_empty() { "a block, `+` and an option, or the end" } else { "`+` and an option, or the end" };
    cursor.end(after)?;
    Ok(net)
}

/// Reads one option into `net`; `seen` are the properties that are already set.
fn option(cursor: &mut Cursor<'_>, net: &mut BossNet, seen: &mut Vec<&'static str>) -> Result<(), ParseError> {
    let at = cursor.at();
    let name = cursor.word();
    let property = match name.as_str() {
        "relu" | "silu" => "activation",
        "se" => "se",
        "s1" => "s1",
        "plain" => "plain",
        "stem" => "stem",
        "base" => "base",
        "classes" => "classes",
        "" => return Err(cursor.error(OPTIONS)),
        _ => return Err(cursor.error_at(at, quote(&name), OPTIONS)),
    };
    if seen.contains(&property) {
        let what = if property == "activation" { "one activation" } else { "every option once" };
        return Err(cursor.error_at(at, format!("{} after another one", quote(&name)), what));
    }
    seen.push(property);
    match property {
        "activation" if name == "silu" => net.activation = BlockActivation::Silu,
        "activation" => net.activation = BlockActivation::Relu,
        "se" => net.se = true,
        "s1" => net.last_stride = LastStride::One,
        "plain" => net.shortcut = Shortcut::Plain,
        "stem" => net.stem = stem(cursor)?,
        "base" => net.base = value(cursor, 1, MAX_BASE, "a base width")?,
        _ => net.classes = value(cursor, 1, MAX_CLASSES, "a number of classes")?,
    }
    Ok(())
}

fn value(cursor: &mut Cursor<'_>, low: usize, high: usize, what: &str) -> Result<usize, ParseError> {
    if !cursor.eat('=') {
        return Err(cursor.error(format!("`=` and {what} from {low} to {high}")));
    }
    cursor.number(low, high, what)
}

fn stem(cursor: &mut Cursor<'_>) -> Result<Stem, ParseError> {
    if !cursor.eat('=') {
        return Err(cursor.error("`=deep:WIDTH` or `=deep_tiered:WIDTH`"));
    }
    let at = cursor.at();
    let kind = cursor.word();
    if !matches!(kind.as_str(), "deep" | "deep_tiered") {
        let expected = "`deep:WIDTH` or `deep_tiered:WIDTH`";
        return Err(if kind.is_empty() { cursor.error(expected) } else { cursor.error_at(at, quote(&kind), expected) });
    }
    let (low, high) = STEM_WIDTHS;
    if !cursor.eat(':') {
        return Err(cursor.error(format!("`:` and a stem width from {low} to {high}")));
    }
    let width = cursor.number(low, high, "a stem width")?;
    Ok(if kind == "deep" { Stem::Deep { width } } else { Stem::DeepTiered { width } })
}

impl fmt::Display for BossNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, stage) in self.encoding().iter().enumerate() {
            f.write_str(if index > 0 { "/" } else { "bossnet:" })?;
            if stage.is_empty() {
                f.write_str("-")?;
            }
            stage.iter().try_for_each(|digit| write!(f, "{digit}"))?;
        }
        f.write_str(match self.activation {
            BlockActivation::Relu => "+relu",
            BlockActivation::Silu => "+silu",
        })?;
        f.write_str(if self.se { "+se" } else { "" })?;
        f.write_str(match self.last_stride {
            LastStride::One => "+s1",
            LastStride::Two => "",
        })?;
        f.write_str(match self.shortcut {
            Shortcut::AvgPool => "",
            Shortcut::Plain => "+plain",
        })?;
        match self.stem {
            Stem::Plain => {}
            Stem::Deep { width } => write!(f, "+stem=deep:{width}")?,
            Stem::DeepTiered { width } => write!(f, "+stem=deep_tiered:{width}")?,
        }
        if self.base != DEFAULT_BASE {
            write!(f, "+base={}", self.base)?;
        }
        if self.classes != DEFAULT_CLASSES {
            write!(f, "+classes={}", self.classes)?;
        }
        Ok(())
    }
}

impl FromStr for BossNet {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.parse()? {
            Architecture::BossNet(net) => Ok(net),
            Architecture::Search(_) => Err(Cursor::new(text)?.error("`bossnet:`")),
        }
    }
}
