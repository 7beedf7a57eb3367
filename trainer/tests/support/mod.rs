//! What the tests of the search share: cases of the fixtures as spaces, paths and tensors.

#![allow(dead_code, clippy::unwrap_used, reason = "shared by several tests, and one that cannot go on has failed")]

use std::collections::BTreeMap;

use bossnas_model::arch::NatsData;
use bossnas_model::graph::Orientation;
use bossnas_model::space::Space;
use bossnas_testkit::fixtures::{Case, Fixtures, Source};
use bossnas_testkit::recipe::{self, Kind, RecipeWeights};
use bossnas_trainer::search::siamese::{Extent, Siamese, Side, StagePaths};
use bossnas_trainer::torch::{Placement, from_f32, to_f32};
use serde_json::Value;
use tch::{Device, Tensor};

/// The full fixtures; `None` (said once by the kit) in a clone without them.
pub(crate) fn fixtures() -> Option<Fixtures> {
    let fixtures = Fixtures::open().unwrap();
    (fixtures.source() == Source::Full).then_some(fixtures)
}

/// The space of a case as published, attention included.
pub(crate) fn published_space(id: &str) -> Space {
    let space = match id {
        _ if id.starts_with("hytra/") => Space::hytra(),
        _ if id.starts_with("mbconv/") => Space::mbconv(),
        _ if id.starts_with("nats/nats_c100") => Space::nats(NatsData::Cifar100),
        _ => Space::nats(NatsData::Cifar10),
    };
    space.with_orientation(Orientation::Transposed)
}

/// A siamese network with the recipe's tensors.
pub(crate) fn siamese(space: Space, stage: &StagePaths, extent: Extent, gain: f64, placement: Placement) -> Siamese {
    let parts = stage.parts();
    let mut shapes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for &(side, part) in &parts {
        for param in part.graph(&space).params() {
            shapes.insert(side.name(&param.name), param.stored_shape().to_vec());
        }
    }
    if extent == Extent::Whole {
        for param in space.parameters() {
            shapes.extend([Side::Online, Side::Target].map(|side| (side.name(&param.name), param.shape.clone())));
        }
    }
    let weights =
        RecipeWeights::of_shapes(shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())), gain, 0);
    Siamese::load(space, &parts, extent, &weights, placement).unwrap()
}

/// The paths of a list as integers.
pub(crate) fn paths(value: &Value) -> Vec<Vec<u8>> {
    serde_json::from_value(value.clone()).unwrap()
}

/// An input that the manifest describes as `[name, shape, kind]`.
pub(crate) fn input(value: &Value, kind: tch::Kind) -> Tensor {
    let (name, shape, what): (String, Vec<usize>, String) = serde_json::from_value(value.clone()).unwrap();
    let values = recipe::values(&name, &shape, Kind::from_manifest(&what).unwrap(), 1.0, 0);
    from_f32(&values, &shape, Device::Cpu).unwrap().to_kind(kind)
}

/// The elements of a tensor.
pub(crate) fn f64s(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.detach().to_kind(tch::Kind::Double).contiguous();
    let mut values = vec![0.0; tensor.numel()];
    tensor.copy_data(&mut values, tensor.numel());
    values
}

/// The elements of a tensor that a fixture holds under `kind`: `first64` or `strided64`.
pub(crate) fn sample(tensor: &Tensor, kind: &str) -> Vec<f64> {
    let all = to_f32_or_f64(tensor);
    match kind {
        "first64" => all[..all.len().min(64)].to_vec(),
        _ => (0..64).map(|k| all[k * all.len() / 64]).collect(),
    }
}

fn to_f32_or_f64(tensor: &Tensor) -> Vec<f64> {
    if tensor.kind() == tch::Kind::Double {
        f64s(tensor)
    } else {
        to_f32(tensor).unwrap().into_iter().map(f64::from).collect()
    }
}

/// The largest difference in units of the largest of `theirs`.
pub(crate) fn far(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(0.0, |max: f64, x| max.max(x.abs()));
    let off = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    if off == 0.0 { 0.0 } else { off / largest }
}

/// Whether a case's gain, seed and the like.
pub(crate) fn gain(case: &Case) -> f64 {
    case.params["gain"].as_f64().unwrap()
}
