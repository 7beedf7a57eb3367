//! Supernets of any width, depth and image size hold together: every path that is allowed runs, on parameters that are
//! all in the table, and no other is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bossnas_model::arch::{NatsData, SearchPath};
use bossnas_model::evaluate::{EvaluateError, Tensor, evaluate};
use bossnas_model::graph::{Graph, Orientation, Param, Role};
use bossnas_model::init::Initial;
use bossnas_model::shape;
use bossnas_model::space::{SharedParam, Space, hytra};
use bossnas_model::weights::{Cut, MemoryTensor, MemoryWeights, SharedWeights, Weights};
use bossnas_testkit::recipe::{self, RELU_GAIN, RecipeWeights};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The supernet's weights, all of them, cut to what a graph uses.
fn weights(space: &Space, graph: &Graph) -> Cut {
    let params: Vec<Param> = space.parameters().into_iter().map(Param::from).collect();
    let all: SharedWeights = Arc::new(RecipeWeights::new(&params, RELU_GAIN, 0));
    Cut::new(all, graph)
}

fn image(shape: [usize; 4]) -> Tensor {
    Tensor::new(shape, recipe::input("image", &shape).into_iter().map(f64::from).collect()).unwrap()
}

/// Puts `input` through a graph of a space; shapes are as inferred, or the evaluator panics.
fn run(space: &Space, graph: &Graph, input: Tensor) -> Tensor {
    evaluate(graph, &weights(space, graph), vec![input]).unwrap().remove(0)
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

/// The last map, its projection and the prediction.
fn forward(space: &Space, path: &SearchPath, size: [usize; 2]) -> [Tensor; 3] {
    let features = run(space, &space.features(path), image([2, 3, size[0], size[1]]));
    let stage = space.stages() - 1;
    let last = path.stages().into_iter().flatten().next_back().unwrap();
    let fixed = match space.channels_fix(stage, last) {
        Some(graph) => run(space, &graph, features.clone()),
        None => features.clone(),
    };
    let (neck, head) = (space.neck(stage, last), space.head(stage));
    let projection = run(space, &neck, fixed.clone());
    let as_map = Tensor::new([2, projection.shape()[1], 1, 1], projection.data().to_vec()).unwrap();
    let prediction = run(space, &head, as_map);
    assert_eq!(run(space, &neck.then(head), fixed), prediction, "in one graph and in two");
    [features, projection, prediction]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_paths_run_at_any_size(
        space in select(Space::PUBLISHED.to_vec()), wide: bool, choices: [Index; 5], rows in 1_usize..4, columns in 1_usize..4,
        transposed: bool, whole: bool,
    ) {
        // HyTra's maps must be whole multiples of each other; the others take any size.
        let (base, unit) = if space == Space::hytra() { (if wide { 3 } else { 2 }, 32) } else { (8, 19) };
        let orientation = if transposed { Orientation::Transposed } else { Orientation::Standard };
        let mut space = space.with_base(base).unwrap().with_orientation(orientation);
        if whole && space.name() == "hytra" {
            space = space.with_depths([4; 4]).unwrap();
        }
        let path = path(&space, &choices);
        let [features, projection, prediction] = forward(&space, &path, [rows * unit, columns * unit]);
        prop_assert!(features.max_abs() > 0.0 && features.max_abs().is_finite());
        prop_assert_eq!(projection.shape(), [2, 4 * base]);
        prop_assert_eq!(prediction.shape(), [2, 4 * base]);
    }
}

#[test]
fn a_path_is_allowed_exactly_where_it_is_listed() {
    let [hytra, mbconv, nats, _] = Space::PUBLISHED;
    for space in [hytra, hytra.with_depths([3, 4, 1, 2]).unwrap(), mbconv, nats] {
        // One operation too many is tried too.
        let tried = space.operations() + 1;
        for (stage, before) in (0..space.stages()).flat_map(|s| (0..tried).map(move |op| (s, op.checked_sub(1)))) {
            let listed: BTreeSet<Vec<u8>> = space.paths(stage, before).into_iter().collect();
            let layers = space.layers(stage);
            let mut allowed = 0;
            for number in 0..usize::from(tried).pow(layers as u32) {
                let digit = |layer: usize| (number / usize::from(tried).pow(layer as u32) % usize::from(tried)) as u8;
                let path: Vec<u8> = (0..layers).map(digit).collect();
                let fine = space.check_path(stage, before, &path).is_ok();
                assert_eq!(fine, listed.contains(&path), "{} {stage} {before:?} {path:?}", space.name());
                allowed += usize::from(fine);
            }
            assert_eq!(allowed, listed.len());
        }
    }
}

#[test]
fn hytra_runs_at_the_sizes_where_the_published_search_does_not() {
    let space = Space::hytra().with_base(4).unwrap();
    let path: SearchPath = "hytra:5443/3220/0010/0000".parse().unwrap();
    for size in [32, 96] {
        let [features, projection, _] = forward(&space, &path, [size, size]);
        assert_eq!(features.shape(), [2, 128, size / 32, size / 32]);
        assert_eq!(projection.shape(), [2, 16]);
    }
    // Any stage's map is brought to the smallest one before its neck.
    for (op, scale) in [(0, 0), (2, 1), (4, 2), (5, 3)] {
        let side = 1 << scale;
        let map = image([1, 3, side, side]).data()[..side * side].repeat(128 >> scale);
        let map = Tensor::new([1, 128 >> scale, side, side], map).unwrap();
        assert_eq!(run(&space, &space.neck(0, op), map).shape(), [1, 16], "{op}");
    }
}

#[test]
fn attention_the_published_way_round_is_another_network() {
    let path: SearchPath = "hytra:5432/2220/0000/0000".parse().unwrap();
    let [ours, theirs] = [Orientation::Standard, Orientation::Transposed].map(|orientation| {
        let space = Space::hytra().with_base(4).unwrap().with_orientation(orientation);
        run(&space, &space.features(&path), image([1, 3, 64, 64]))
    });
    let difference = ours.data().iter().zip(theirs.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(difference > 0.1 * ours.max_abs(), "{difference} of {}", ours.max_abs());
}

/// Every layer with every operation after every other that leaves it a map and weights, and every neck, head and channel
/// fix.
fn every_part(space: &Space) -> Vec<Graph> {
    let (stages, ops) = (space.last_stage().map_or(space.stages(), |last| last + 1), space.operations());
    let fits = |stage: usize, before: u8, op: u8| match space {
        Space::Hytra(supernet) => {
            let (before, scale) = (hytra::scale(before), hytra::scale(op));
            (scale..=scale + 1).contains(&before) && before < supernet.depths()[stage]
        }
        Space::Mbconv(_) | Space::Nats(_) => true,
    };
    let mut graphs: Vec<Graph> = (0..ops).map(|op| space.stem(op)).collect();
    graphs.extend((0..ops).map(|op| space.layer(0, 0, None, op)));
    for stage in 0..stages {
        for (layer, before, op) in layers_and_pairs(space.layers(stage), ops) {
            if (stage, layer) != (0, 0) && fits(stage, before, op) {
                graphs.push(space.layer(stage, layer, Some(before), op));
            }
        }
        graphs.extend((0..ops).map(|op| space.neck(stage, op)));
        graphs.extend((0..ops).filter_map(|op| space.channels_fix(stage, op)));
        graphs.push(space.head(stage));
    }
    graphs
}

/// All layers with all pairs of operations.
fn layers_and_pairs(layers: usize, ops: u8) -> impl Iterator<Item = (usize, u8, u8)> {
    (0..layers).flat_map(move |layer| (0..ops).flat_map(move |before| (0..ops).map(move |op| (layer, before, op))))
}

/// Parameters that the published supernets hold and no path uses, whatever the rules for paths.
fn is_never_used(space: &Space, name: &str) -> bool {
    let in_first_layer = name.starts_with("backbone._blocks.0._block_layers.0.");
    match space {
        // The first layer is entered through `downsamples`.
        Space::Hytra(_) => in_first_layer && name.contains("_d."),
        Space::Mbconv(_) => false,
        // The first cell is as wide as the stem.
        Space::Nats(_) => name.contains(".downsample_s.") || in_first_layer && name.contains(".factorizedreduce."),
    }
}

#[test]
fn the_table_has_what_paths_use_and_nothing_else() {
    for space in Space::PUBLISHED {
        let table: BTreeMap<String, SharedParam> =
            space.parameters().into_iter().map(|param| (param.name.clone(), param)).collect();
        let mut used = BTreeSet::new();
        for graph in every_part(&space) {
            for param in graph.params() {
                let listed = table.get(&param.name).unwrap_or_else(|| panic!("{} is not listed", param.name));
                assert_eq!((param.stored_shape(), param.role), (&*listed.shape, listed.role), "{}", param.name);
                used.insert(param.name.clone());
            }
        }
        for name in table.keys() {
            assert_eq!(!used.contains(name), is_never_used(&space, name), "{}: {name}", space.name());
        }
    }
}

#[test]
fn only_hytras_branches_start_closed() {
    for space in Space::PUBLISHED {
        let closed = space.parameters().into_iter().filter(|param| param.role == Role::BranchEndNormWeight);
        let closed: Vec<String> = closed.map(|param| param.name).collect();
        assert_eq!(closed.is_empty(), space.name() != "hytra");
        assert!(closed.iter().all(|name| name.ends_with(".bn3.weight") || name.ends_with(".net.5.weight")));
    }
}

#[test]
fn a_narrow_layer_uses_the_first_channels_of_the_stored_weight() {
    let space = Space::nats(NatsData::Cifar10);
    let graph = space.layer(0, 1, Some(0), 2);
    let name = "backbone._blocks.0._block_layers.1._mix_ops.conv_a.sconv.weight";
    let param = graph.params().iter().find(|param| param.name == name).unwrap();
    assert_eq!((&*param.shape, param.stored_shape()), (&[24, 8, 3, 3][..], &[64, 64, 3, 3][..]));

    let input = image([1, 3, 8, 8]).data().repeat(3)[..8 * 64].to_vec();
    let input = Tensor::new([1, 8, 8, 8], input).unwrap();
    let whole: SharedWeights = Arc::new(RecipeWeights::new(graph.params(), RELU_GAIN, 0));
    let refused = evaluate(&graph, &*whole, vec![input.clone()]).unwrap_err();
    assert!(matches!(refused, EvaluateError::ParamShape { ref found, .. } if *found == [64, 64, 3, 3]), "{refused}");

    // The same numbers, cut by hand.
    let mut by_hand = MemoryWeights::default();
    for param in graph.params().iter().filter(|param| param.role != Role::BatchCount) {
        let all = whole.f32(&param.name).unwrap();
        let values: Vec<f32> = match (param.shape.as_slice(), param.stored_shape()) {
            (&[out, channels, k, _], &[_, stored, _, _]) => {
                let element = |index: usize| {
                    let (row, rest) = (index / (channels * k * k), index % (channels * k * k));
                    all[row * stored * k * k + rest]
                };
                (0..out * channels * k * k).map(element).collect()
            }
            _ => all,
        };
        by_hand.insert(&param.name, MemoryTensor::f32(&param.shape, &values).unwrap());
    }
    let expected = evaluate(&graph, &by_hand, vec![input.clone()]).unwrap();
    assert_eq!(evaluate(&graph, &Cut::new(whole, &graph), vec![input]).unwrap(), expected);
}

#[test]
fn untrained_weights_of_a_path_are_those_of_its_supernet() {
    let space = Space::nats(NatsData::Cifar100).with_base(8).unwrap();
    let graph = space.features(&"nats-c100:31/2/07".parse().unwrap());
    let all = Initial::of_params(space.parameters().into_iter().map(Param::from), 7);
    let own = Initial::new(&graph, 7);
    for param in graph.params() {
        assert_eq!(own.bytes(&param.name).unwrap(), all.bytes(&param.name).unwrap(), "{}", param.name);
    }
}

#[test]
fn paths_that_are_none_are_refused_in_clear_words() {
    let refused = |space: &Space, stage: usize, before: Option<u8>, path: &[u8]| {
        space.check_path(stage, before, path).unwrap_err().to_string()
    };
    let [hytra, mbconv, nats, _] = Space::PUBLISHED;
    assert_eq!(refused(&hytra, 4, None, &[0; 4]), "hytra has stages 1 to 4, not 5");
    assert_eq!(refused(&mbconv, 0, None, &[0; 4]), "stage 1 has 2 layers, the path has 4");
    assert_eq!(refused(&nats, 1, Some(0), &[0, 8]), "stage 2, layer 2: operations are 0 to 7, not 8");
    assert_eq!(refused(&nats, 1, Some(9), &[0, 0]), "before stage 2: operations are 0 to 7, not 9");
    assert_eq!(refused(&hytra, 0, None, &[5, 3, 3, 3]), "stage 1, layer 2: 3 cannot stand there, only 4, 5");
    assert_eq!(refused(&hytra, 0, None, &[4, 5, 4, 4]), "stage 1, layer 2: 5 cannot stand there, only 2, 3, 4");
    assert_eq!(refused(&hytra, 1, Some(4), &[0; 4]), "stage 2, layer 1: 0 cannot stand there, only 2, 3, 4");
    assert_eq!(
        refused(&hytra, 1, Some(5), &[5; 4]),
        "stage 2, layer 1: the supernet has no weights for 5 there, \
         since the stage was built for the 3 smallest maps"
    );
    assert_eq!(
        refused(&hytra, 2, Some(4), &[3; 4]),
        "stage 3, layer 1: the supernet has no weights for 3 there, \
         since the stage was built for the 2 smallest maps"
    );
}

#[test]
fn supernets_that_cannot_be_are_refused_in_clear_words() {
    let refused = |space: Space, base| space.with_base(base).unwrap_err().to_string();
    let [hytra, mbconv, nats, _] = Space::PUBLISHED;
    assert_eq!(refused(hytra, 0), "the base width of hytra must be a multiple of 1 from 1 to 512, not 0");
    assert_eq!(refused(mbconv, 12), "the base width of mbconv must be a multiple of 8 from 8 to 512, not 12");
    assert_eq!(refused(nats, 520), "the base width of nats-c10 must be a multiple of 8 from 8 to 512, not 520");
    assert_eq!(hytra.with_depths([4, 5, 2, 2]).unwrap_err().to_string(), "a stage depth is 1 to 4, not 5");
    assert_eq!(mbconv.with_depths([4; 4]).unwrap_err().to_string(), "mbconv has no stage depths, only hytra has");
}

#[test]
fn a_map_that_does_not_fit_an_operation_is_refused() {
    // Two scales at once, and a map that grows: the graphs are there, no map goes through.
    for (before, op, channels, side) in [(4, 0, 512, 28), (3, 4, 1024, 14)] {
        let graph = Space::hytra().layer(1, 1, Some(before), op);
        assert!(shape::infer(&graph, &[[1, channels, side, side]]).is_err(), "{op} after {before}");
    }
}
