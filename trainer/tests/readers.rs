//! Two readers of a graph that have no code in common: libtorch and the float64 evaluator, on random paths of all
//! spaces.
//!
//! Tolerances, of the largest element. In float64 1e-9: both compute the same sums in another order, some hundred of
//! them deep, each off by 1e-16 times its length; what is left is room for cancellation. In float32 1e-5: 6e-8 a
//! rounding, some 150 roundings deep, and convolutions of a few hundred terms. A wrong operand, stride or slice is off
//! by the size of the element itself. Parts one after the other compute what the whole graph computes by the same
//! operations, in float64 within 1e-12.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod small;

use std::sync::Arc;

use bossnas_model::arch::SearchPath;
use bossnas_model::evaluate::{self, evaluate_observed};
use bossnas_model::graph::{Graph, Op, Orientation, Param};
use bossnas_model::space::Space;
use bossnas_model::weights::{Cut, SharedWeights};
use bossnas_testkit::recipe::{self, RELU_GAIN, RecipeWeights};
use bossnas_trainer::search::siamese::{Part, StagePaths};
use bossnas_trainer::torch::{Mode, Module, Params, Placement};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use small::{far, input, numbers};
use tch::{Kind, Tensor};

const SINGLE: f64 = 1e-5;
const DOUBLE: f64 = 1e-9;
const PARTS: f64 = 1e-12;

/// Of the weights of a supernet, what a graph asks for, as stored.
fn params(graph: &Graph, all: &SharedWeights, kind: Kind) -> Params {
    let mut params = Params::default();
    let named = graph.params().iter().map(|param| (param.name.clone(), param.clone()));
    params.load(named, &**all, Placement { kind, ..Placement::FIXED }).unwrap();
    params
}

fn run(module: &Module, image: &Tensor, channels_last: bool) -> Tensor {
    let mut mode = Mode { channels_last, ..Mode::eval() };
    tch::no_grad(|| module.forward_one(image, &mut mode)).unwrap()
}

/// A path, chosen stage by stage by numbers.
fn path(space: &Space, choices: &[Index]) -> SearchPath {
    let mut before = None;
    let stages = (0..space.stages()).map(|stage| {
        let paths = space.paths(stage, before);
        let fitting: Vec<&Vec<u8>> = paths.iter().filter(|ops| space.goes_on(stage, *ops.last().unwrap())).collect();
        let ops = (*choices[stage].get(&fitting)).clone();
        before = ops.last().copied();
        ops.iter().map(u8::to_string).collect::<String>()
    });
    format!("{}:{}", space.name(), stages.collect::<Vec<_>>().join("/")).parse().unwrap()
}

/// What a search runs one after the other for a path through all stages, up to the prediction.
fn parts(space: &Space, path: &SearchPath) -> (Vec<Part>, [Part; 2]) {
    let mut best = path.stages();
    let last = best.pop().unwrap();
    let stage = StagePaths::new(space, best).unwrap();
    let body = stage.prefix().into_iter().chain(stage.body(&last)).collect();
    (body, [stage.projection(&last), stage.prediction()])
}

/// How a network is run.
#[derive(Debug, Clone)]
struct Run {
    space: Space,
    path: SearchPath,
    size: [usize; 2],
    channels_last: bool,
}

impl Run {
    /// The map after the last stage and the prediction, by the evaluator and by libtorch.
    fn check(&self) {
        small::one_thread();
        let (space, size) = (&self.space, self.size);
        let stored: Vec<Param> = space.parameters().into_iter().map(Param::from).collect();
        let all: SharedWeights = Arc::new(RecipeWeights::new(&stored, RELU_GAIN, 0));
        let shape = [2, 3, size[0], size[1]];
        let (body, ends) = parts(space, &self.path);
        let graph = space.features(&self.path);
        let whole = ends.iter().fold(graph.clone(), |graph, part| graph.then(part.graph(space)));
        let image = recipe::input("image", &shape).into_iter().map(f64::from).collect();
        let image = evaluate::Tensor::new(shape, image).unwrap();
        let mut features = Vec::new();
        let keep = |name: &str, value: &evaluate::Tensor| {
            if name == "features" {
                features = value.data().to_vec();
            }
        };
        let cut = Cut::new(Arc::clone(&all), &whole);
        let prediction = evaluate_observed(&whole, &cut, vec![image], keep).unwrap().remove(0).data().to_vec();
        for (kind, allowed) in [(Kind::Float, SINGLE), (Kind::Double, DOUBLE)] {
            let params = params(&whole, &all, kind);
            let image = input("image", &shape, kind);
            let bind = |graph: Graph| Module::bind(graph, &params, str::to_owned).unwrap();
            let map = run(&bind(graph.clone()), &image, self.channels_last);
            let off = far(&numbers(&map), &features);
            assert!(off <= allowed, "{self:?}, {kind:?}: {off:.1e} off");
            let off = far(&numbers(&run(&bind(whole.clone()), &image, self.channels_last)), &prediction);
            assert!(off <= allowed, "{self:?}, {kind:?}: the prediction is {off:.1e} off");
            if kind == Kind::Double {
                let chain = |from: Tensor, parts: &[Part]| {
                    parts.iter().fold(from, |map, part| run(&bind(part.graph(space)), &map, self.channels_last))
                };
                let in_parts = chain(image, &body);
                let off = far(&numbers(&in_parts), &numbers(&map));
                assert!(off <= PARTS, "{self:?} in parts: {off:.1e} off");
                let off = far(&numbers(&chain(in_parts, &ends)), &prediction);
                assert!(off <= DOUBLE, "{self:?} in parts up to the prediction: {off:.1e} off");
            }
        }
    }
}

/// Any network of small width, on images of any size that it takes.
fn runs() -> impl Strategy<Value = Run> {
    let numbers = (any::<bool>(), any::<[Index; 5]>(), [9_usize..30, 9_usize..30]);
    let flags = (any::<bool>(), any::<bool>());
    (select(Space::PUBLISHED.to_vec()), numbers, flags).prop_map(|(space, (wide, choices, size), flags)| {
        let (transposed, channels_last) = flags;
        // HyTra's maps must be whole multiples of each other; the others take any size.
        let (base, size) = match space {
            Space::Hytra(_) => (if wide { 8 } else { 4 }, size.map(|side| side.div_ceil(15) * 32)),
            Space::Mbconv(_) => (16, size),
            Space::Nats(_) => (if wide { 64 } else { 16 }, size),
        };
        let orientation = if transposed { Orientation::Transposed } else { Orientation::Standard };
        let space = space.with_base(base).unwrap().with_orientation(orientation);
        Run { path: path(&space, &choices), space, size, channels_last }
    })
}

#[test]
fn one_path_of_each_space_both_ways_round_and_in_both_formats() {
    for (text, base, size) in [
        ("hytra:4220/0101/0000/1010", 4, [64, 96]),
        ("mbconv:01/2301/0123/3210/1111", 16, [33, 19]),
        ("nats-c10:8:64:24:40:16", 16, [13, 9]),
        ("nats-c100:64:8:24:16:40", 16, [9, 17]),
    ] {
        let path: SearchPath = text.parse().unwrap();
        for (orientation, channels_last) in [(Orientation::Standard, true), (Orientation::Transposed, false)] {
            let space = Space::of(&path).with_base(base).unwrap().with_orientation(orientation);
            for channels_last in [channels_last, !channels_last] {
                Run { space, path: path.clone(), size, channels_last }.check();
            }
        }
    }
}

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, max_shrink_iters: 8, ..ProptestConfig::with_cases(count) }
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn libtorch_computes_what_the_evaluator_computes(run in runs()) {
        run.check();
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    #[ignore = "long: `cargo xtask test --all`"]
    fn libtorch_computes_what_the_evaluator_computes_on_many_paths(run in runs()) {
        run.check();
    }
}

#[test]
fn the_two_ways_round_of_attention_are_told_apart() {
    let path: SearchPath = "hytra:4200/0000/0000/0000".parse().unwrap();
    let of = |orientation| {
        let space = small::hytra().with_orientation(orientation);
        let graph = space.features(&path);
        assert!(graph.nodes().iter().any(|node| matches!(node.op, Op::Attention { .. })));
        numbers(&run(&small::module(&graph, small::EXACT), &input("image", &[1, 3, 64, 64], Kind::Double), true))
    };
    assert!(far(&of(Orientation::Standard), &of(Orientation::Transposed)) > 0.01);
}
