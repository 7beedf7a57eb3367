//! What turns the map of a stage into vectors that are compared: necks and heads (`REFERENCE.md` section 4).

use crate::graph::{Op, Role};
use crate::layers::{Layers, Map};

/// Width of a projection and of a prediction: 256 at the published base width.
pub(super) const fn width(base: usize) -> usize {
    4 * base
}

/// Channels that necks read where maps of several widths come to one: 2048 at the published base width.
pub(super) const fn fixed_channels(base: usize) -> usize {
    32 * base
}

/// The neck of a stage, from a map.
pub(super) fn neck(layers: &mut Layers, stage: usize, map: Map, base: usize) -> Map {
    let name = format!("necks.{stage}");
    let pooled = layers.op(&format!("{name}.avgpool"), Op::GlobalAvgPool, map);
    let flat = layers.op(&format!("{name}.flatten"), Op::Flatten, pooled);
    two_layers(layers, &name, flat, base)
}

/// The predictor of a stage, from a projection.
pub(super) fn head(layers: &mut Layers, stage: usize, projection: Map, base: usize) -> Map {
    let name = format!("heads.{stage}.predictor");
    let flat = layers.op(&format!("{name}.flatten"), Op::Flatten, projection);
    two_layers(layers, &name, flat, base)
}

/// Two linear layers with a batch norm and ReLU between them.
fn two_layers(layers: &mut Layers, name: &str, input: Map, base: usize) -> Map {
    let part = |part: &str| format!("{name}.{part}");
    let map = layers.linear(&part("fc0"), &part("fc0"), input, 64 * base);
    let map = layers.norm(&part("bn0"), map, Role::NormWeight);
    let map = layers.relu(&part("relu"), map);
    layers.linear(name, &part("fc1"), map, width(base))
}
