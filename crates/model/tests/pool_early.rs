//! Pooling early means the same: outputs before and after, in float64.
//!
//! Tolerance: 1e-10 of the largest element. Both compute the same sums in another order.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bossnas_model::arch::{BossNet, NatsData};
use bossnas_model::evaluate::{Tensor, evaluate};
use bossnas_model::graph::{Graph, Op};
use bossnas_model::pass::pool_early;
use bossnas_model::space::Space;
use bossnas_model::weights::Cut;
use bossnas_testkit::recipe::{self, RecipeWeights};
use std::sync::Arc;

const TOLERANCE: f64 = 1e-10;

/// Where a graph pools: the nodes whose maps its global pools read.
fn pooled(graph: &Graph) -> Vec<String> {
    let pools = graph.nodes().iter().filter(|node| matches!(node.op, Op::GlobalAvgPool));
    pools.map(|pool| graph.value_name(pool.inputs[0]).to_owned()).collect()
}

fn means_the_same(graph: &Graph, side: usize) -> Graph {
    let early = pool_early(graph);
    let shape = [2, graph.inputs()[0].channels, side, side];
    let input: Vec<f64> = recipe::input("input", &shape).into_iter().map(f64::from).collect();
    let run = |graph: &Graph| {
        let stored = graph.params().iter().map(|param| (param.name.as_str(), param.stored_shape()));
        let weights = Cut::new(Arc::new(RecipeWeights::of_shapes(stored, 3.0, 0)), graph);
        evaluate(graph, &weights, vec![Tensor::new(shape, input.clone()).unwrap()]).unwrap().remove(0)
    };
    let (before, after) = (run(graph), run(&early));
    assert_eq!(before.shape(), after.shape());
    let off = before.data().iter().zip(after.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(off <= TOLERANCE * before.max_abs(), "{off:.1e} of {:.1e}", before.max_abs());
    early
}

#[test]
fn the_last_layer_of_mbconv_is_projected_after_pooling() {
    let space = Space::mbconv().with_base(16).unwrap();
    for op in 0..4 {
        let graph = space.layer(1, 1, Some(0), op).then(space.neck(1, op));
        let early = means_the_same(&graph, 9);
        // Once for the gate and the projection, once for the shortcut.
        assert_eq!(pooled(&early).len(), 2, "{:?}", pooled(&early));
    }
}

#[test]
fn what_brings_nats_to_its_neck_is_computed_after_pooling() {
    let space = Space::nats(NatsData::Cifar10).with_base(16).unwrap();
    let project = |stage, op| space.channels_fix(stage, op).unwrap().then(space.neck(stage, op));
    for (stage, layer, op) in [(0, 1, 3), (2, 0, 5), (1, 0, 5)] {
        means_the_same(&space.layer(stage, layer, Some(5), op).then(project(stage, op)), 8);
    }
}

#[test]
fn hytra_and_a_whole_network_mean_the_same() {
    let space = Space::hytra().with_base(4).unwrap();
    for op in [0, 1, 2, 3, 4, 5] {
        means_the_same(&space.layer(0, 3, Some(op), op).then(space.neck(0, op)), 8);
    }
    let net: BossNet = "bossnet:1/1/01/10+silu+se+base=4+classes=5".parse().unwrap();
    let early = means_the_same(&net.graph(), 33);
    // Its last activation is between the last sum and the pool.
    assert!(pooled(&early).contains(&"layer4.1".to_owned()));
}
