//! Known answers: what the published PyTorch code computes on weights that a formula defines.
//!
//! Tolerance of the logits: 1e-9 of the largest against the reference's own float64 run. Both compute in float64 from the
//! same float32 weights, in another order of summation; 1e-15 is seen, 1e-9 is far below any real difference.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::thread;

use bossnas_model::arch::BossNet;
use bossnas_model::cost::cost;
use bossnas_model::evaluate::{Tensor, evaluate_observed};
use bossnas_model::graph::{Op, drop_path_rate};
use bossnas_testkit::fixtures::{Case, Fixtures, ModelParams, Summary};
use bossnas_testkit::recipe::RecipeWeights;

const TOLERANCE: f64 = 1e-9;
/// Intermediate values are compared with float32 ones of the reference, whose own error is up to 3e-6 of the largest.
const FLOAT32_TOLERANCE: f64 = 1e-5;

fn network(params: &ModelParams) -> BossNet {
    params.architecture.parse().unwrap_or_else(|e| panic!("{}: {e}", params.architecture))
}

#[test]
fn every_network_gives_the_logits_of_the_published_code() {
    let fixtures = Fixtures::open().unwrap();
    let cases: Vec<(&Case, ModelParams)> = fixtures.model_cases().collect();
    assert!(cases.len() >= 5, "only {} cases", cases.len());
    // Two at a time: each holds little memory and the machine has more than one core.
    let next = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((case, params)) = cases.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    check_forward(&fixtures, case, params);
                }
            });
        }
    });
}

fn check_forward(fixtures: &Fixtures, case: &Case, params: &ModelParams) {
    let graph = network(params).graph();
    let weights = RecipeWeights::new(graph.params(), params.gain, params.seed);
    let image: Vec<f64> = params.input().into_iter().map(f64::from).collect();
    let image = Tensor::new(params.input_shape(), image).unwrap();
    let mut seen = 0;
    let outputs = evaluate_observed(&graph, &weights, vec![image], |name, value| {
        if let Some(summary) = published_name(case, &graph, name).and_then(|name| case.summaries.get(name)) {
            seen += 1;
            check_summary(&case.id, name, value, summary);
        }
    })
    .unwrap();
    let expected = fixtures.tensors(case).unwrap();
    let error = expected.get("logits_f64").unwrap().relative_error(outputs[0].data());
    println!("{}: {error:.1e} of the largest logit, {seen} intermediate values", case.id);
    assert!(error < TOLERANCE, "{}: {error:.3e} of the largest logit", case.id);
    assert_eq!(seen, case.summaries.len(), "{}: some intermediate values were not met", case.id);
}

/// The summary that belongs to a value: the stages' outputs are called after the stage, not after its last block.
fn published_name<'a>(case: &'a Case, graph: &bossnas_model::graph::Graph, value: &'a str) -> Option<&'a str> {
    let Some((stage, block)) = value.split_once('.') else {
        // Theirs is flattened already.
        return match value {
            "global_pool" => None,
            "flatten" => Some("global_pool"),
            _ => Some(value),
        };
    };
    let block: usize = block.parse().ok()?;
    let next = format!("{stage}.{}", block + 1);
    let is_last = graph.nodes().iter().all(|node| node.name != next);
    (is_last && case.summaries.contains_key(stage)).then_some(stage)
}

fn check_summary(case: &str, name: &str, value: &Tensor, summary: &Summary) {
    assert_eq!(value.shape(), summary.shape, "{case}: {name}");
    let n = value.data().len() as f64;
    let mean = value.data().iter().sum::<f64>() / n;
    let norm = value.data().iter().map(|x| x * x).sum::<f64>().sqrt();
    let near = |what: &str, got: f64, expected: f64, scale: f64| {
        assert!((got - expected).abs() <= FLOAT32_TOLERANCE * scale, "{case}: {what} of {name}: {got}, not {expected}");
    };
    near("mean", mean, summary.mean, summary.absmax);
    near("norm", norm, summary.l2, summary.l2);
    near("largest", value.max_abs(), summary.absmax, summary.absmax);
}

#[test]
fn parameters_have_the_published_names_shapes_and_order() {
    let fixtures = Fixtures::open().unwrap();
    for (case, params) in fixtures.model_cases() {
        let graph = network(&params).graph();
        let ours: Vec<(&str, &[usize])> =
            graph.params().iter().map(|p| (p.name.as_str(), p.shape.as_slice())).collect();
        let published = fixtures.state_dict(case).unwrap();
        let theirs: Vec<(&str, &[usize])> = published.iter().map(|e| (e.name.as_str(), e.shape.as_slice())).collect();
        assert_eq!(ours, theirs, "{}", case.id);
        let trained: usize =
            graph.params().iter().filter(|p| !p.role.is_buffer()).map(bossnas_model::graph::Param::elements).sum();
        assert_eq!(Some(trained as u64), case.values["n_params"].as_u64(), "{}", case.id);
    }
}

#[test]
fn multiply_adds_and_parameters_are_those_measured_on_the_published_networks() {
    let networks = [
        ("boss_t0_no_se_224", "1/1/11101/000100000+relu", 224),
        ("boss_t0_224", "1/1/11101/000100000+silu+se", 224),
        ("boss_t0_288", "1/1/11101/000100000+silu+se", 288),
        ("boss_t1_224", "1/1/11101/000100000+silu+se+s1", 224),
        ("boss_t1_256", "1/1/11101/000100000+silu+se+s1", 256),
        ("boss_r50", "111/1111/111111/111+silu+se", 224),
        ("boss_vit", "-/-/0000000000000000/-+silu+se", 224),
        ("boss_vit_32", "-/-/-/0000000000000000+silu+se", 224),
        ("boss_bot", "111/1111/111111/000+silu+se", 224),
        ("boss_random", "-/-/01110010110/01011+silu+se", 224),
        ("boss_dna", "1/111/10111101/0111+silu+se", 224),
        ("boss_unnas", "-/1/11/1110000100110+silu+se", 224),
    ];
    let measured = Fixtures::open().unwrap().measured_cost().unwrap();
    assert_eq!(measured.len(), networks.len(), "each measured network is compared");
    for (name, text, size) in networks {
        let net: BossNet = format!("bossnet:{text}").parse().unwrap();
        let ours = cost(&net.graph(), size, size).unwrap();
        let theirs = &measured[name];
        let ours = [ours.conv, ours.linear, ours.attention, ours.multiply_adds(), ours.params, ours.buffers];
        let theirs = [theirs.conv, theirs.linear, theirs.matmul, theirs.total, theirs.params, theirs.buffers];
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn drop_path_rates_are_the_published_ones() {
    let published: std::collections::BTreeMap<String, std::collections::BTreeMap<String, f64>> =
        Fixtures::open().unwrap().json("models/drop_path.json").unwrap();
    for (name, text) in [
        ("bossnet_T0", "bossnet:1/1/11101/000100000+silu+se"),
        ("boss_r50", "bossnet:111/1111/111111/111+silu+se"),
        ("boss_unnas", "bossnet:-/1/11/1110000100110+silu+se"),
    ] {
        let graph = text.parse::<BossNet>().unwrap().graph();
        let rates = graph.nodes().iter().filter_map(|node| match node.op {
            Op::DropPath { block } => Some((node.name.clone(), drop_path_rate(0.1, block))),
            _ => None,
        });
        assert_eq!(rates.collect::<std::collections::BTreeMap<_, _>>(), published[name], "{name}");
    }
}
