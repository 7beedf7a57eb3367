//! What a drawing of a BossNet shows.

use super::facts::Facts;
use super::{Body, Drawing, Kind, Projection, Residual, Row, Skip, Unit, share};
use crate::arch::{Block, BlockActivation, BossNet, Stem};
use crate::cost::Cost;
use crate::graph::Op;
use crate::shape::ShapeError;

/// Describes `net`, but for what all drawings have.
pub(super) fn drawing(net: &BossNet, size: [usize; 2], cost: Option<&Cost>) -> Result<Drawing, ShapeError> {
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
            let boxes: Vec<Residual> =
                blocks.iter().enumerate().map(|(b, &block)| residual(&facts, &format!("{layer}.{b}"), block)).collect();
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
    Ok(Drawing {
        name: String::new(),
        text: String::new(),
        input: size,
        activation: match net.activation {
            BlockActivation::Relu => "ReLU",
            BlockActivation::Silu => "SiLU",
        },
        projection: Projection::Form(net.shortcut),
        totals: None,
        rows,
    })
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

fn share_of_stem(cost: &Cost) -> f64 {
    share(cost, |name| name == "conv1" || name.starts_with("conv1."))
}

/// A block of the network.
fn residual(facts: &Facts<'_>, name: &str, block: Block) -> Residual {
    let part = |part: &str| format!("{name}{part}");
    let kind = match block {
        Block::ResConv => {
            let se = facts.op(&part(".se")).is_some();
            Kind::ResConv { width: facts.map(&part(".conv2"))[0], se }
        }
        Block::ResAtt => match facts.op(&part(".net.1")) {
            Some(&Op::Attention { heads, head_width, .. }) => Kind::ResAtt { heads, head_width },
            _ => Kind::ResAtt { heads: 0, head_width: 0 },
        },
    };
    // A projection of stride 1 has no pool: its first module is number 1.
    let projected = ["0", "1"].iter().any(|index| facts.op(&part(&format!("{}{index}", projection(block)))).is_some());
    Residual {
        name: name.to_owned(),
        stride: facts.stride(&part(position(block))),
        map: facts.map(name),
        kind,
        skip: if projected { Skip::Projected } else { Skip::Identity },
    }
}
