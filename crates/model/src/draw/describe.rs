//! What a drawing shows, read off the graph.

use std::collections::HashMap;

use crate::arch::{Block, BlockActivation, BossNet, Shortcut, Stem};
use crate::cost::Cost;
use crate::graph::{Graph, Op};
use crate::shape::{self, ShapeError};

/// What a drawing shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Title.
    pub name: String,
    /// Canonical text of the architecture.
    pub text: String,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// The activation's name.
    pub activation: &'static str,
    /// Form of the shortcuts that change the map.
    pub shortcut: Shortcut,
    /// Counts of the whole network.
    pub totals: Option<Totals>,
    /// From the image to the logits.
    pub rows: Vec<Row>,
}

/// Counts of the whole network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Trained parameters.
    pub params: u64,
    /// Multiply-adds for one image.
    pub multiply_adds: u64,
}

/// One step of the network: the image, the stem, a stage, the head.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is called.
    pub title: String,
    /// Channels, height and width of what it puts out.
    pub map: [usize; 3],
    /// What the channels are.
    pub unit: Unit,
    /// How many times smaller its map is than the one it reads, in each direction.
    pub stride: usize,
    /// Its share of the network's multiply-adds.
    pub share: Option<f64>,
    /// What it is made of.
    pub body: Body,
}

/// What the channels of a map are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Red, green and blue.
    Colour,
    /// Channels of a feature map.
    Channel,
    /// What the network puts out, one a class, without height and width.
    Logit,
}

/// What a row is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Nothing: the image.
    Image,
    /// Single layers, each a title and a detail.
    Layers(Vec<[String; 2]>),
    /// Residual blocks.
    Blocks(Vec<Residual>),
}

/// A residual block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Residual {
    /// Its name in the network, `layer3.2`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its shortcut.
    pub skip: Skip,
}

/// The kinds of residual blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Convolutions.
    ResConv {
        /// Width of the convolutions.
        width: usize,
        /// Whether squeeze-and-excitation ends it.
        se: bool,
    },
    /// Self-attention.
    ResAtt {
        /// Heads.
        heads: usize,
        /// Channels of a head.
        head_width: usize,
    },
}

/// The kinds of shortcuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// The input as it is.
    Identity,
    /// Brought to another size or width.
    Projected,
}

impl Drawing {
    /// Describes `net` for an input of `size` (height, width).
    pub fn new(net: &BossNet, size: [usize; 2], name: &str, cost: Option<&Cost>) -> Result<Self, ShapeError> {
        let graph = net.graph();
        let facts = Facts::new(&graph, size)?;
        let share = |prefix: &str| cost.map(|cost| share(cost, |name| name.starts_with(prefix)));
        let image = [3, size[0], size[1]];
        let stem = facts.map("maxpool");
        let mut rows = vec![
            Row { title: "Image".into(), map: image, unit: Unit::Colour, stride: 1, share: None, body: Body::Image },
            Row {
                title: "Stem".into(),
                map: stem,
                unit: Unit::Channel,
                stride: 4,
                share: cost.map(share_of_stem),
                body: Body::Layers(stem_layers(net, &facts)),
            },
        ];
        for (index, blocks) in net.stages.iter().enumerate() {
            let layer = format!("layer{}", index + 1);
            let last = format!("{layer}.{}", blocks.len().saturating_sub(1));
            let (stride, body) = if blocks.is_empty() {
                let conv = ["Conv 3 × 3".to_owned(), "no blocks".to_owned()];
                (facts.stride(&format!("{layer}.0.0")), Body::Layers(vec![conv]))
            } else {
                let boxes: Vec<Residual> = blocks
                    .iter()
                    .enumerate()
                    .map(|(b, &block)| facts.describe(&format!("{layer}.{b}"), block))
                    .collect();
                (facts.stride(&format!("{layer}.0{}", position(blocks[0]))), Body::Blocks(boxes))
            };
            let title = format!("Stage {}", index + 1);
            rows.push(Row {
                title,
                map: facts.map(&last),
                unit: Unit::Channel,
                stride,
                share: share(&format!("{layer}.")),
                body,
            });
        }
        let [channels, ..] = rows.last().map_or(stem, |row| row.map);
        let pool = ["Global pool".to_owned(), "mean of the map".to_owned()];
        let linear = ["Linear".to_owned(), format!("{channels} to {}", net.classes)];
        rows.push(Row {
            title: "Head".into(),
            map: [net.classes, 1, 1],
            unit: Unit::Logit,
            stride: 1,
            share: share("logits"),
            body: Body::Layers(vec![pool, linear]),
        });
        Ok(Self {
            name: name.to_owned(),
            text: net.to_string(),
            input: size,
            activation: match net.activation {
                BlockActivation::Relu => "ReLU",
                BlockActivation::Silu => "SiLU",
            },
            shortcut: net.shortcut,
            totals: cost.map(|c| Totals { params: c.params, multiply_adds: c.multiply_adds() }),
            rows,
        })
    }

    /// All residual blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = &Residual> {
        self.rows.iter().flat_map(|row| match &row.body {
            Body::Blocks(blocks) => blocks.as_slice(),
            Body::Image | Body::Layers(_) => &[],
        })
    }
}

/// The depth-wise convolution of a block, which carries its stride.
const fn position(block: Block) -> &'static str {
    match block {
        Block::ResConv => ".peg.conv",
        Block::ResAtt => ".proj.1.conv",
    }
}

/// The part of a ResConv or ResAtt whose presence tells that the shortcut is projected.
const fn projection(block: Block) -> &'static str {
    match block {
        Block::ResConv => ".downsample.",
        Block::ResAtt => ".shortcut.",
    }
}

fn stem_layers(net: &BossNet, facts: &Facts<'_>) -> Vec<[String; 2]> {
    let convs: &[&str] = match net.stem {
        Stem::Plain => &["conv1"],
        Stem::Deep { .. } | Stem::DeepTiered { .. } => &["conv1.0", "conv1.3", "conv1.6"],
    };
    let kernel = if net.stem == Stem::Plain { 7 } else { 3 };
    let conv = |name: &&str| {
        let stride = if facts.stride(name) > 1 { ", stride 2" } else { "" };
        [format!("Conv {kernel} × {kernel}"), format!("{} wide{stride}", facts.map(name)[0])]
    };
    let mut layers: Vec<[String; 2]> = convs.iter().map(conv).collect();
    layers.push(["Max pool 3 × 3".to_owned(), "stride 2".to_owned()]);
    layers
}

fn share(cost: &Cost, belongs: impl Fn(&str) -> bool) -> f64 {
    let part: u64 = cost.nodes.iter().filter(|node| belongs(&node.name)).map(|node| node.multiply_adds).sum();
    part as f64 / cost.multiply_adds().max(1) as f64
}

fn share_of_stem(cost: &Cost) -> f64 {
    share(cost, |name| name == "conv1" || name.starts_with("conv1."))
}

/// The nodes and shapes of a graph, by name.
struct Facts<'a> {
    graph: &'a Graph,
    nodes: HashMap<&'a str, usize>,
    shapes: Vec<Vec<usize>>,
}

impl<'a> Facts<'a> {
    fn new(graph: &'a Graph, [height, width]: [usize; 2]) -> Result<Self, ShapeError> {
        let inputs: Vec<[usize; 4]> = graph.inputs().iter().map(|i| [1, i.channels, height, width]).collect();
        let nodes = graph.nodes().iter().enumerate().map(|(index, node)| (node.name.as_str(), index)).collect();
        Ok(Self { graph, nodes, shapes: shape::infer(graph, &inputs)? })
    }

    fn op(&self, node: &str) -> Option<&Op> {
        Some(&self.graph.nodes()[*self.nodes.get(node)?].op)
    }

    /// Channels, height and width of a value; zeros if there is none of that name.
    fn map(&self, node: &str) -> [usize; 3] {
        let shape = self.nodes.get(node).map(|&index| &self.shapes[self.graph.value_of(index).index()]);
        match shape.map(Vec::as_slice) {
            Some(&[_, c, h, w]) => [c, h, w],
            _ => [0; 3],
        }
    }

    fn stride(&self, node: &str) -> usize {
        match self.op(node) {
            Some(&Op::Conv2d { stride, .. }) => stride,
            _ => 1,
        }
    }

    fn describe(&self, name: &str, block: Block) -> Residual {
        let part = |part: &str| format!("{name}{part}");
        let kind = match block {
            Block::ResConv => {
                let se = self.op(&part(".se")).is_some();
                Kind::ResConv { width: self.map(&part(".conv2"))[0], se }
            }
            Block::ResAtt => match self.op(&part(".net.1")) {
                Some(&Op::Attention { heads, head_width, .. }) => Kind::ResAtt { heads, head_width },
                _ => Kind::ResAtt { heads: 0, head_width: 0 },
            },
        };
        // A projection of stride 1 has no pool: its first module is number 1.
        let projected =
            ["0", "1"].iter().any(|index| self.op(&part(&format!("{}{index}", projection(block)))).is_some());
        Residual { name: name.to_owned(), kind, skip: if projected { Skip::Projected } else { Skip::Identity } }
    }
}
