//! What a drawing of a path through a supernet shows: every layer is a block, read off its graph.

use super::facts::Facts;
use super::{Body, DrawError, Drawing, Kind, Projection, Residual, Row, Skip, Unit, share};
use crate::arch::{SearchNet, Shortcut};
use crate::cost::Cost;
use crate::graph::{Graph, Op};
use crate::space::Space;

/// Describes the path, but for what all drawings have. Stages count from 0, as in the files of a search.
pub(super) fn drawing(net: &SearchNet, size: [usize; 2], cost: Option<&Cost>) -> Result<Drawing, DrawError> {
    let space = net.supernet()?;
    let graph = space.features(&net.path);
    let facts = Facts::new(&graph, size)?;
    let stages = net.path.stages();
    let first = stages.first().and_then(|ops| ops.first()).copied().unwrap_or(0);
    let stem = space.stem(first);
    let in_stages = |name: &str| name.starts_with("backbone._blocks.");
    let mut map = facts.map(output_of(&stem));
    let image = [3, size[0], size[1]];
    let mut rows = vec![
        Row { title: "Image".into(), map: image, unit: Unit::Colour, stride: 1, share: None, body: Body::Image },
        Row {
            title: "Stem".into(),
            map,
            unit: Unit::Channel,
            stride: stride(image, map),
            share: cost.map(|cost| share(cost, |name| !in_stages(name))),
            body: Body::Layers(stem_layers(&space, &stem, &facts)),
        },
    ];
    let mut before = None;
    for (stage, ops) in stages.iter().enumerate() {
        let mut blocks = Vec::new();
        for (layer, &op) in ops.iter().enumerate() {
            let part = space.layer(stage, layer, before, op);
            let is_last = stage + 1 == stages.len() && layer + 1 == ops.len();
            let name = output_of(&part);
            // The last value has the name of the output.
            let out = facts.map(if is_last { "features" } else { name });
            let (kind, skip) = (kind(&space, &part, map, out), skip(&part));
            blocks.push(Residual { name: name.to_owned(), stride: stride(map, out), map: out, kind, skip });
            (before, map) = (Some(op), out);
        }
        let prefix = format!("backbone._blocks.{stage}.");
        rows.push(Row {
            title: format!("Stage {stage}"),
            map,
            unit: Unit::Channel,
            stride: blocks.first().map_or(1, |block| block.stride),
            share: cost.map(|cost| share(cost, |name| name.starts_with(&prefix))),
            body: Body::Blocks(blocks),
        });
    }
    let (activation, projection) = match space {
        Space::Hytra(_) => ("ReLU", Projection::Form(Shortcut::Plain)),
        Space::Mbconv(_) => ("SiLU", Projection::Form(Shortcut::AvgPool)),
        Space::Nats(_) => ("ReLU", Projection::Widened),
    };
    let (name, text) = (String::new(), String::new());
    Ok(Drawing { name, text, input: size, activation, projection, totals: None, rows })
}

/// The name of what a graph puts out.
fn output_of(graph: &Graph) -> &str {
    graph.outputs().first().map_or("", |&output| graph.value_name(output))
}

/// How many times smaller a map has become.
fn stride([_, before, _]: [usize; 3], [_, after, _]: [usize; 3]) -> usize {
    (before + after / 2) / after.max(1)
}

fn stem_layers(space: &Space, stem: &Graph, facts: &Facts<'_>) -> Vec<[String; 2]> {
    let conv = stem.nodes().first().map_or("", |node| node.name.as_str());
    let kernel = if matches!(space, Space::Hytra(_)) { 7 } else { 3 };
    let half = if facts.stride(conv) > 1 { ", stride 2" } else { "" };
    let first = [format!("Conv {kernel} × {kernel}"), format!("{} wide{half}", facts.map(conv)[0])];
    let second = match space {
        Space::Hytra(_) => Some(["Max pool 3 × 3".to_owned(), "stride 2".to_owned()]),
        Space::Mbconv(_) => {
            Some(["Depth-wise block".to_owned(), format!("{} wide, with SE", facts.map(output_of(stem))[0])])
        }
        Space::Nats(_) => None,
    };
    std::iter::once(first).chain(second).collect()
}

/// What a layer is, from the map that it reads to the one that it puts out.
fn kind(space: &Space, layer: &Graph, [channels, ..]: [usize; 3], [width, ..]: [usize; 3]) -> Kind {
    let ops = || layer.nodes().iter().map(|node| &node.op);
    match space {
        Space::Hytra(_) => {
            let attention = ops().find_map(|op| match *op {
                Op::Attention { heads, head_width, .. } => Some(Kind::ResAtt { heads, head_width }),
                _ => None,
            });
            attention.unwrap_or(Kind::ResConv { width: width / 4, se: false })
        }
        Space::Mbconv(_) => {
            let depthwise = ops().find_map(|op| match *op {
                Op::Conv2d { weight, groups, .. } if groups > 1 => Some((layer.param(weight).shape[2], groups)),
                _ => None,
            });
            let (kernel, inside) = depthwise.unwrap_or((1, channels));
            Kind::Bottleneck { expansion: inside / channels.max(1), kernel }
        }
        Space::Nats(_) if ops().any(|op| matches!(op, Op::AvgPool { .. })) => Kind::Reduction { width },
        Space::Nats(_) => Kind::Cell { width },
    }
}

/// Whether a layer has a module for its shortcut.
fn skip(layer: &Graph) -> Skip {
    // HyTra's `downsamples` stand before the first block.
    let modules = [".downsample.", ".downsample_d.", ".shortcut.", ".shortcut_d.", ".factorizedreduce."];
    let projected = layer.nodes().iter().any(|node| modules.iter().any(|module| node.name.contains(module)));
    if projected { Skip::Projected } else { Skip::Identity }
}
