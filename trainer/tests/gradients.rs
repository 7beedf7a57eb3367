//! Gradients with statistics of the batch: against differences of the loss, against the computation without shortcuts,
//! and that they reach what a path uses and nothing else.
//!
//! Tolerances. Differences: with a step of 1e-7 in float64, rounding is off by the sum of the loss's terms times 2e-16
//! times the root of some 200 roundings in a row, divided by the step (some 1e-6), and curvature by less than 1e-5 of
//! the largest gradient of a tensor. A ReLU that changes sides within the step spoils the difference to that side, not
//! the one to the other: one of the three differences (both sides, up, down) must agree. The pooled shortcut: 1e-10 in
//! float64, and in float32 1e-6 of the largest for the pooled map and its statistics; gradients run back through a
//! covariance and may lose one digit more.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod small;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use bossnas_model::graph::{Graph, GraphBuilder, Op, Orientation, Param, Role};
use bossnas_model::space::Space;
use bossnas_testkit::recipe::Bits;
use bossnas_trainer::search::siamese::{Batch, Extent, Learner, Part, Side, StagePaths};
use bossnas_trainer::search::{Prefix, Rules, World};
use bossnas_trainer::torch::{Mode, Module, Norm, Params, Placement, Statistics};
use small::{EXACT, conv_norm, far, input, largest, module, numbers, owned, recipe};
use tch::{Kind, Tensor};

const STEP: f64 = 1e-7;
const CURVATURE: f64 = 1e-5;
const ROUNDING: f64 = 15.0 * f64::EPSILON / STEP;

/// A path of the first stage up to its prediction, in float64, and the image that it sees.
struct Network {
    modules: Vec<Module>,
    image: Tensor,
}

impl Network {
    fn new(space: &Space, path: &[u8], side: usize) -> Self {
        let stage = StagePaths::new(space, Vec::new()).unwrap();
        let parts = stage.body(path).into_iter().chain([stage.projection(path), stage.prediction()]);
        let modules = parts.map(|part| module(&part.graph(space), EXACT)).collect();
        Self { modules, image: input("image", &[4, 3, side, side], Kind::Double) }
    }

    /// The prediction times a fixed direction: the loss is the sum of it.
    fn terms(&self, mode: &mut Mode<'_>) -> Tensor {
        let image = self.image.shallow_clone();
        let out = self.modules.iter().fold(image, |map, module| module.forward_one(&map, mode).unwrap());
        let shape: Vec<usize> = out.size().iter().map(|&extent| extent as usize).collect();
        out * input("direction", &shape, Kind::Double)
    }

    fn value(&self) -> f64 {
        let mut kept = Statistics::default();
        let terms = tch::no_grad(|| self.terms(&mut Mode::with(Norm::Estimate(&mut kept))));
        terms.sum(Kind::Double).double_value(&[])
    }

    /// The loss less, with, and more by `STEP` in one element.
    fn around(&self, tensor: &Tensor, at: &[i64]) -> [f64; 3] {
        let element = at.iter().fold(tensor.detach(), |tensor, &index| tensor.get(index));
        let before = element.double_value(&[]);
        let set = |value: f64| tch::no_grad(|| element.shallow_clone().fill_(value));
        let values = [before - STEP, before, before + STEP].map(|value| {
            let _ = set(value);
            self.value()
        });
        let _ = set(before);
        values
    }

    /// Compares two elements of each parameter: one that the path uses, and any.
    fn check(&self) {
        let terms = self.terms(&mut Mode::train());
        let rounding = ROUNDING * terms.abs().sum(Kind::Double).double_value(&[]);
        terms.sum(Kind::Double).backward();
        let mut telling = 0;
        for module in &self.modules {
            let by_name: BTreeMap<&str, &Param> =
                module.graph().params().iter().map(|param| (param.name.as_str(), param)).collect();
            for (name, tensor) in module.trained() {
                let param = by_name[name];
                let gradient = tensor.grad();
                let scale = largest(&numbers(&gradient));
                for (number, extents) in [&param.shape[..], param.stored_shape()].into_iter().enumerate() {
                    let bits = Bits::new(name, number as u64);
                    let at = |(dim, &extent): (usize, &usize)| (bits.unit(dim) * extent as f64) as i64;
                    let at: Vec<i64> = extents.iter().enumerate().map(at).collect();
                    let found = gradient.double_value(&at);
                    let [below, here, above] = self.around(tensor, &at);
                    let differences = [(above - below) / (2.0 * STEP), (above - here) / STEP, (here - below) / STEP];
                    let off = differences.map(|d| (d - found).abs()).into_iter().fold(f64::INFINITY, f64::min);
                    let allowed = CURVATURE * scale + rounding;
                    assert!(off <= allowed, "{name} {at:?}: {found}, not one of {differences:?}");
                    telling += usize::from(found.abs() > 1e3 * allowed);
                }
            }
        }
        assert!(telling > 20, "only {telling} gradients are large enough to tell");
    }
}

#[test]
fn of_attention_as_it_is_meant() {
    Network::new(&small::hytra().with_orientation(Orientation::Standard), &[4, 2, 0, 0], 64).check();
}

#[test]
fn of_attention_as_published() {
    Network::new(&small::hytra().with_orientation(Orientation::Transposed), &[4, 2, 0, 0], 64).check();
}

#[test]
fn of_convolutions_at_larger_scales() {
    Network::new(&small::hytra(), &[5, 4, 3, 1], 32).check();
}

#[test]
fn of_squeeze_and_excitation() {
    Network::new(&small::mbconv(), &[0, 3], 24).check();
}

#[test]
fn of_slices_and_of_the_pooled_shortcut() {
    Network::new(&small::nats(), &[2, 5], 9).check();
}

/// Tensors by name.
type Named = BTreeMap<String, Vec<f64>>;

/// The output, what became of the buffers, and the gradients, of a loss along a fixed direction.
fn shortcut(graph: &Graph, map: &Tensor, kind: Kind) -> (Vec<f64>, Named, Named) {
    let module = module(graph, Placement { kind, ..EXACT });
    let map = map.detach().set_requires_grad(true);
    let out = module.forward_one(&map, &mut Mode::train()).unwrap();
    along(&out);
    let buffers = graph.params().iter().enumerate().filter(|(_, param)| param.role.is_buffer());
    let buffers = buffers.map(|(index, param)| (param.name.clone(), numbers(module.tensor(index)))).collect();
    let gradients = module.trained().map(|(name, tensor)| (name.to_owned(), numbers(&tensor.grad())));
    (numbers(&out), buffers, gradients.chain([("map".to_owned(), numbers(&map.grad()))]).collect())
}

/// Goes backward from an output along a fixed direction.
fn along(out: &Tensor) {
    let shape: Vec<usize> = out.size().iter().map(|&extent| extent as usize).collect();
    (out * input("direction", &shape, out.kind())).sum(out.kind()).backward();
}

/// The same in plain operations of libtorch, node by node.
fn plain(graph: &Graph, map: &Tensor, kind: Kind) -> (Vec<f64>, Named, Named) {
    let mut params = Params::default();
    let named = graph.params().iter().map(|param| (param.name.clone(), param.clone()));
    params.load(named, &recipe(graph), Placement { kind, ..EXACT }).unwrap();
    let tensor = |id| params.get(&graph.param(id).name).unwrap();
    let map = map.detach().set_requires_grad(true);
    let mut value = map.shallow_clone();
    for node in graph.nodes() {
        value = match &node.op {
            &Op::Conv2d { weight, .. } => value.conv2d(tensor(weight), None::<&Tensor>, [1, 1], [0, 0], [1, 1], 1),
            Op::BatchNorm { params: norm, eps } => {
                let [weight, bias, mean, var] = [norm.weight, norm.bias, norm.mean, norm.var].map(tensor);
                value.batch_norm(Some(weight), Some(bias), Some(mean), Some(var), true, 0.1, *eps, false)
            }
            Op::GlobalAvgPool => value.mean_dim([2, 3].as_slice(), true, kind),
            Op::Flatten => value.flatten(1, -1),
            &Op::Linear { weight, bias } => value.linear(tensor(weight), bias.map(tensor)),
            Op::Activation(_) => value.relu(),
            other => unreachable!("{other:?} in a neck"),
        };
    }
    along(&value);
    let buffer = |param: &&Param| param.role.is_buffer();
    let of = |param: &Param| params.get(&param.name).unwrap();
    let buffers = graph.params().iter().filter(buffer).map(|param| {
        let count = [1.0].to_vec();
        (param.name.clone(), if param.role == Role::BatchCount { count } else { numbers(of(param)) })
    });
    let trained = graph.params().iter().filter(|param| !param.role.is_buffer());
    let gradients = trained.map(|param| (param.name.clone(), numbers(&of(param).grad())));
    (numbers(&value), buffers.collect(), gradients.chain([("map".to_owned(), numbers(&map.grad()))]).collect())
}

/// The largest differences of outputs, buffers and gradients. What is subtracted again by the norm of the neck has the
/// gradient 0: there, noise is measured against the largest gradient of all.
fn differences(graph: &Graph, shape: &[usize], kind: Kind) -> [f64; 3] {
    let map = input("map", shape, kind);
    let (ours, theirs) = (shortcut(graph, &map, kind), plain(graph, &map, kind));
    let named = |ours: &Named, theirs: &Named| {
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
        let all = theirs.values().map(|values| largest(values)).fold(0.0, f64::max);
        let off = |(name, theirs): (&String, &Vec<f64>)| {
            let is_zero = name.ends_with("fc0.bias") || name.starts_with("channels_fix.") && name.ends_with("bias");
            let noise = || largest(theirs).max(largest(&ours[name])) / all;
            if is_zero { noise() } else { far(&ours[name], theirs) }
        };
        theirs.iter().map(off).fold(0.0, f64::max)
    };
    [far(&ours.0, &theirs.0), named(&ours.1, &theirs.1), named(&ours.2, &theirs.2)]
}

#[test]
fn the_pooled_shortcut_is_no_other_computation() {
    // Few channels into many, where it is taken, and one pixel of many channels, where it is dearer and is not.
    for (channels, out, shape) in [(12, 256, [4, 12, 7, 5]), (2, 64, [2, 2, 3, 3]), (16, 8, [4, 16, 1, 1])] {
        let graph = conv_norm(channels, out, true);
        let double = differences(&graph, &shape, Kind::Double);
        assert!(double.iter().all(|&off| off <= 1e-10), "{shape:?}: {double:?} off");
        let [output, buffers, gradients] = differences(&graph, &shape, Kind::Float);
        assert!(
            output <= 1e-6 && buffers <= 1e-6 && gradients <= 1e-5,
            "{shape:?}: {output:?} {buffers:?} {gradients:?}"
        );
    }
}

/// A convolution over a window, and its global average pool where `pooled`.
fn window_conv(channels: usize, out: usize, padding: usize, pooled: bool) -> Graph {
    let mut graph = GraphBuilder::default();
    let image = graph.input("image", channels);
    let side = 2 * padding + 1;
    let weight = graph.param("conv.weight", &[out, channels, side, side], Role::ConvWeight);
    let op = Op::Conv2d { weight, bias: None, stride: 1, padding, groups: 1 };
    let map = graph.node("conv", op, &[image]);
    let output = if pooled { graph.node("pool", Op::GlobalAvgPool, &[map]) } else { map };
    graph.finish(&[output])
}

#[test]
fn a_pool_behind_a_window_needs_no_map() {
    // Maps that the window reaches over on one side, on both, and everywhere.
    for (padding, h, w) in [(1, 7, 5), (1, 2, 3), (1, 1, 1), (2, 6, 3), (2, 1, 2), (3, 2, 2)] {
        for (kind, tolerance) in [(Kind::Double, 1e-12), (Kind::Float, 1e-5)] {
            let run = |pooled: bool| {
                let network = module(&window_conv(3, 4, padding, pooled), Placement { kind, ..Placement::TRAINED });
                let image = input("image", &[2, 3, h, w], kind).set_requires_grad(true);
                let out = network.forward_one(&image, &mut Mode::eval()).unwrap();
                let out = if pooled { out } else { out.mean_dim([2, 3].as_slice(), true, None) };
                (&out * input("direction", &[2, 4, 1, 1], kind)).sum(kind).backward();
                let weight = network.trained().next().unwrap().1.grad();
                [numbers(&out), numbers(&image.grad()), numbers(&weight)]
            };
            for (ours, theirs) in run(true).iter().zip(&run(false)) {
                let off = far(ours, theirs);
                assert!(off <= tolerance, "padding {padding}, {h} x {w}, {kind:?}: {off:.1e} off");
            }
        }
    }
}

#[test]
fn the_neck_with_the_pooled_shortcut_is_the_neck() {
    for op in [1, 7] {
        let space = small::nats();
        let graph = Part::Project { stage: 1, op }.graph(&space);
        assert!(graph.nodes().iter().any(|node| matches!(node.op, Op::Conv2d { .. })));
        let off = differences(&graph, &[4, (usize::from(op) + 1) * 2, 8, 8], Kind::Double);
        assert!(off.iter().all(|&off| off <= 1e-10), "{off:?}");
    }
}

/// What a batch of one path leaves in a supernet that holds everything.
fn after_a_batch(space: Space, best: &[&[u8]], path: &[u8], side: usize, prefix: Prefix) -> Learner {
    small::one_thread();
    let stage = StagePaths::new(&space, owned(best)).unwrap();
    // Other paths are there too.
    let other: Vec<Vec<u8>> = stage.candidates().iter().rev().take(3).cloned().chain([path.to_vec()]).collect();
    let stage = stage.only(&space, other).unwrap();
    let network = support::siamese(space, &stage, Extent::Whole, 3.0, Placement::TRAINED);
    let mut learner = Learner::new(network, stage, Rules { prefix, ..Rules::published() }, World::alone()).unwrap();
    let images = input("images", &[3, 2, 3, side, side], Kind::Float);
    learner.accumulate(Batch { images: &images, paths: &[path.to_vec()], accumulate: 1 }).unwrap();
    learner
}

/// The trained parameters of parts by their siamese names.
fn trained(space: &Space, parts: impl IntoIterator<Item = Part>) -> BTreeMap<String, Param> {
    let graphs = parts.into_iter().map(|part| part.graph(space));
    let params = graphs.flat_map(|graph| graph.params().to_vec()).filter(|param| !param.role.is_buffer());
    params.map(|param| (Side::Online.name(&param.name), param)).collect()
}

fn reach_the_path_alone(space: Space, best: &[&[u8]], path: &[u8], side: usize) {
    for prefix in [Prefix::Trained, Prefix::Frozen] {
        let learner = after_a_batch(space, best, path, side, prefix);
        let stage = learner.stage();
        let before = if prefix == Prefix::Trained { stage.prefix() } else { Vec::new() };
        let parts = before.into_iter().chain(stage.body(path)).chain([stage.projection(path), stage.prediction()]);
        let expected = trained(&space, parts);
        let params = learner.siamese().params();
        let with_gradient: BTreeSet<&str> =
            params.iter().filter(|(_, tensor)| tensor.grad().defined()).map(|(name, _)| name).collect();
        assert_eq!(with_gradient, expected.keys().map(String::as_str).collect(), "{space} {path:?} {prefix:?}");
        assert!(with_gradient.len() < params.iter().count() / 4, "there are others");
        let mut slices = 0;
        for (name, param) in &expected {
            let rest = params.get(name).unwrap().grad().detach().copy();
            let mut used = rest.shallow_clone();
            for (dim, &extent) in param.shape.iter().enumerate() {
                used = used.narrow(dim as i64, 0, extent as i64);
            }
            assert!(largest(&numbers(&used)) > 0.0, "{name}: no gradient where the path uses it");
            let _ = used.fill_(0.0);
            assert!(largest(&numbers(&rest)) == 0.0, "{name}: a gradient where the path does not use it");
            slices += usize::from(param.stored.is_some());
        }
        assert_eq!(slices > 0, space.name().starts_with("nats"), "{slices} slices");
    }
}

#[test]
fn of_nats_reach_the_path_and_its_slices_alone() {
    reach_the_path_alone(small::nats(), &[], &[2, 5], 8);
    reach_the_path_alone(small::nats(), &[&[6, 1]], &[3, 0], 8);
}

#[test]
fn of_mbconv_reach_the_path_alone() {
    reach_the_path_alone(small::mbconv(), &[&[1, 2]], &[3, 0, 2, 1], 32);
}

#[test]
fn of_hytra_reach_the_path_alone() {
    let space = Space::hytra().with_base(4).unwrap();
    reach_the_path_alone(space, &[], &[4, 2, 0, 1], 64);
    reach_the_path_alone(space, &[&[4, 3, 2, 2]], &[2, 1, 0, 0], 64);
}
