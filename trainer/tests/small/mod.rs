//! Small supernets for tests: with the recipe's weights or as they are before training, and their tensors as numbers.

#![allow(dead_code, clippy::unwrap_used, reason = "shared by several tests, and one that cannot go on has failed")]

use std::borrow::Cow;
use std::collections::BTreeMap;

use bossnas_model::arch::NatsData;
use bossnas_model::graph::{Graph, GraphBuilder, NormParams, Op, Param, Role};
use bossnas_model::init::Initial;
use bossnas_model::space::Space;
use bossnas_model::weights::{TensorInfo, Weights, WeightsError};
use bossnas_testkit::recipe::{self, RELU_GAIN, RecipeWeights};
use bossnas_trainer::search::siamese::{Extent, Learner, Siamese, StagePaths};
use bossnas_trainer::search::{Rules, World};
use bossnas_trainer::torch::{Module, Params, Placement, from_f32};
use tch::{Device, Kind, Tensor};

/// Float64 that gathers gradients.
pub(crate) const EXACT: Placement = Placement { device: Device::Cpu, kind: Kind::Double, trained: true };

/// The three kinds of spaces at their smallest widths that keep several heads, groups and slices.
pub(crate) fn hytra() -> Space {
    Space::hytra().with_base(8).unwrap()
}

pub(crate) fn mbconv() -> Space {
    Space::mbconv().with_base(16).unwrap()
}

pub(crate) fn nats() -> Space {
    Space::nats(NatsData::Cifar10).with_base(16).unwrap()
}

/// Computes on one thread: small maps are not worth sharing, and the bits are then the same on all machines of a kind.
pub(crate) fn one_thread() {
    tch::set_num_threads(1);
}

/// The recipe's weights of a graph.
pub(crate) fn recipe(graph: &Graph) -> RecipeWeights {
    RecipeWeights::new(graph.params(), RELU_GAIN, 0)
}

/// A pointwise convolution and its norm, with the mean over the map behind them or without.
pub(crate) fn conv_norm(channels: usize, out: usize, pooled: bool) -> Graph {
    let mut graph = GraphBuilder::default();
    let map = graph.input("map", channels);
    let weight = graph.param("0.weight", &[out, channels, 1, 1], Role::ConvWeight);
    let map = graph.node("0", Op::Conv2d { weight, bias: None, stride: 1, padding: 0, groups: 1 }, &[map]);
    let mut param = |part: &str, role| graph.param(format!("1.{part}"), &[out], role);
    let params = NormParams {
        weight: param("weight", Role::NormWeight),
        bias: param("bias", Role::NormBias),
        mean: param("running_mean", Role::RunningMean),
        var: param("running_var", Role::RunningVar),
    };
    graph.param("1.num_batches_tracked", &[], Role::BatchCount);
    let map = graph.node("1", Op::BatchNorm { params, eps: 1e-5 }, &[map]);
    let output = if pooled { graph.node("pool", Op::GlobalAvgPool, &[map]) } else { map };
    graph.finish(&[output])
}

/// A graph with the recipe's weights, under the names it has for them.
pub(crate) fn module(graph: &Graph, placement: Placement) -> Module {
    one_thread();
    let mut params = Params::default();
    let named = graph.params().iter().map(|param| (param.name.clone(), param.clone()));
    params.load(named, &recipe(graph), placement).unwrap();
    Module::bind(graph.clone(), &params, str::to_owned).unwrap()
}

/// An input of the recipe, in `±2`.
pub(crate) fn input(name: &str, shape: &[usize], kind: Kind) -> Tensor {
    from_f32(&recipe::input(name, shape), shape, Device::Cpu).unwrap().to_kind(kind)
}

/// The elements of a tensor in row-major order.
pub(crate) fn numbers(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.detach().to_kind(Kind::Double).contiguous();
    let mut values = vec![0.0; tensor.numel()];
    tensor.copy_data(&mut values, tensor.numel());
    values
}

pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |max, x| if x.is_nan() || x.abs() > max { x.abs() } else { max })
}

/// The largest difference in units of the largest of `theirs`; 0 where both are all 0.
pub(crate) fn far(ours: &[f64], theirs: &[f64]) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let off = largest(&ours.iter().zip(theirs).map(|(a, b)| a - b).collect::<Vec<_>>());
    if off == 0.0 { 0.0 } else { off / largest(theirs) }
}

/// Weights before training under their siamese names: both sides begin with the same.
pub(crate) struct BothSides(Initial);

impl BothSides {
    pub(crate) fn of(space: &Space, seed: u64) -> Self {
        Self(Initial::of_params(space.parameters().into_iter().map(Param::from), seed))
    }

    fn relative(name: &str) -> &str {
        name.strip_prefix("online_").or_else(|| name.strip_prefix("target_")).unwrap_or(name)
    }
}

impl Weights for BothSides {
    fn names(&self) -> Vec<&str> {
        self.0.names()
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.0.info(Self::relative(name))
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError> {
        self.0.bytes(Self::relative(name))
    }
}

/// A learner with weights before training, for these paths of the stage after `best`.
pub(crate) fn untrained(space: Space, best: &[&[u8]], paths: &[&[u8]], rules: Rules, extent: Extent) -> Learner {
    one_thread();
    let space = space.with_orientation(rules.attention);
    let stage = StagePaths::new(&space, best.iter().map(|path| path.to_vec()).collect()).unwrap();
    let stage = stage.only(&space, owned(paths)).unwrap();
    let weights = BothSides::of(&space, 7);
    let network = Siamese::load(space, &stage.parts(), extent, &weights, Placement::TRAINED).unwrap();
    Learner::new(network, stage, rules, World::alone()).unwrap()
}

pub(crate) fn owned(paths: &[&[u8]]) -> Vec<Vec<u8>> {
    paths.iter().map(|path| path.to_vec()).collect()
}

/// All tensors of a learner by their siamese names.
pub(crate) fn state(learner: &Learner) -> BTreeMap<String, Vec<f64>> {
    learner.siamese().params().iter().map(|(name, tensor)| (name.to_owned(), numbers(tensor))).collect()
}

/// The gradients that are there, by their siamese names.
pub(crate) fn gradients(learner: &Learner) -> BTreeMap<String, Vec<f64>> {
    let params = learner.siamese().params().iter();
    let gradients = params.map(|(name, tensor)| (name.to_owned(), tensor.grad()));
    gradients.filter(|(_, gradient)| gradient.defined()).map(|(name, gradient)| (name, numbers(&gradient))).collect()
}
