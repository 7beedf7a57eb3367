//! Known answers of the supernets: a stage of a path with its neck (and, for NATS-Bench, the channel fix and the
//! predictor), on weights that a formula defines.
//!
//! Tolerance: 1e-5 of the largest element. Ours is float64, theirs float32, and 2e-7 to 5e-7 apart; where attention on
//! recipe weights has scores above 100 (`hytra/fwd_s0_0`), whose exponentials float32 knows to 1e-5, it is 6e-6. A wrong
//! network is off by the size of the value.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bossnas_model::arch::NatsData;
use bossnas_model::evaluate::{Tensor, evaluate};
use bossnas_model::graph::{Graph, Orientation};
use bossnas_model::space::Space;
use bossnas_model::weights::{Cut, SharedWeights, TensorInfo, Weights, WeightsError};
use bossnas_testkit::fixtures::{Case, Fixtures, Source, Summary, Tensors};
use bossnas_testkit::recipe::{self, RecipeWeights};
use serde::Deserialize;

const TOLERANCE: f64 = 1e-5;

/// The online side of the siamese weights, under the names of a space.
struct Online(RecipeWeights);

impl Online {
    /// Cut to what `graph` uses. Tensors are made when they are read, so none is made in vain.
    fn of(graph: &Graph, gain: f64, seed: u64) -> Cut {
        let named = graph.params().iter().map(|param| (Self::key(&param.name), param.stored_shape()));
        let named: Vec<(String, &[usize])> = named.collect();
        let shapes = named.iter().map(|(name, shape)| (name.as_str(), *shape));
        let weights: SharedWeights = Arc::new(Self(RecipeWeights::of_shapes(shapes, gain, seed)));
        Cut::new(weights, graph)
    }

    fn key(name: &str) -> String {
        if name.starts_with("heads.") { name.to_owned() } else { format!("online_{name}") }
    }
}

impl Weights for Online {
    fn names(&self) -> Vec<&str> {
        self.0.names().into_iter().map(|name| name.strip_prefix("online_").unwrap_or(name)).collect()
    }
    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.0.info(&Self::key(name))
    }
    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>, WeightsError> {
        self.0.bytes(&Self::key(name))
    }
}

#[derive(Deserialize)]
struct Params {
    target: Option<String>,
    stage: usize,
    path: Vec<u8>,
    /// -1 for the first stage.
    pre_op: Option<i8>,
    input: (String, [usize; 4], String),
    gain: f64,
    seed: u64,
}

impl Params {
    fn space(&self, group: &str) -> Space {
        match (group, self.target.as_deref()) {
            ("hytra", _) => Space::hytra().with_orientation(Orientation::Transposed),
            ("mbconv", _) => Space::mbconv(),
            ("nats", Some("cifar10")) => Space::nats(NatsData::Cifar10),
            ("nats", Some("cifar100")) => Space::nats(NatsData::Cifar100),
            other => panic!("no claim about {other:?}"),
        }
    }

    /// The operations of the stage. NATS-Bench's cases have the whole path.
    fn ops(&self, space: &Space) -> &[u8] {
        if self.target.is_none() {
            return &self.path;
        }
        let start: usize = (0..self.stage).map(|stage| space.layers(stage)).sum();
        &self.path[start..start + space.layers(self.stage)]
    }

    /// The operation before the stage: told, or any that gives a map like the input.
    fn before(&self, space: &Space) -> Option<u8> {
        if self.stage == 0 {
            return None;
        }
        if let Some(told) = self.pre_op {
            return Some(told.try_into().unwrap());
        }
        let fits =
            |&op: &u8| space.layer(self.stage, 0, Some(op), self.path[0]).inputs()[0].channels == self.input.1[1];
        Some((0..space.operations()).find(fits).unwrap())
    }
}

fn run(graph: &Graph, params: &Params, input: Tensor) -> Tensor {
    let weights = Online::of(graph, params.gain, params.seed);
    evaluate(graph, &weights, vec![input]).unwrap().remove(0)
}

fn check(fixtures: &Fixtures, case: &Case) {
    let params: Params = serde_json::from_value(case.params.clone()).unwrap();
    let (name, shape, kind) = &params.input;
    assert_eq!(kind, "input", "{}", case.id);
    let space = params.space(&case.group);
    let (ops, mut before) = (params.ops(&space).to_vec(), params.before(&space));
    if space.last_stage() != Some(params.stage) {
        space.check_path(params.stage, before, &ops).unwrap();
    }

    let mut graph = (params.stage == 0).then(|| space.stem(ops[0]));
    for (layer, &op) in ops.iter().enumerate() {
        let next = space.layer(params.stage, layer, before, op);
        graph = Some(match graph {
            Some(graph) => graph.then(next),
            None => next,
        });
        before = Some(op);
    }
    let last = *ops.last().unwrap();
    let input: Vec<f64> =
        recipe::values(name, shape, recipe::Kind::Input, 1.0, params.seed).into_iter().map(f64::from).collect();
    let map = run(&graph.unwrap(), &params, Tensor::new(*shape, input).unwrap());

    let expected = fixtures.tensors(case).unwrap();
    let mut worst = compare(case, &expected, "out", &map);
    let map = match space.channels_fix(params.stage, last) {
        Some(graph) => {
            let map = run(&graph, &params, map);
            worst = worst.max(compare(case, &expected, "channel_fix", &map));
            map
        }
        None => map,
    };
    let projection = run(&space.neck(params.stage, last), &params, map);
    worst = worst.max(expected.get("neck").unwrap().relative_error(projection.data()));
    if case.summaries.contains_key("predictor") {
        let extents = [projection.shape()[0], projection.shape()[1], 1, 1];
        let projection = Tensor::new(extents, projection.data().to_vec()).unwrap();
        let prediction = run(&space.head(params.stage), &params, projection);
        worst = worst.max(compare(case, &expected, "predictor", &prediction));
    }
    println!("{}: {worst:.1e} of the largest", case.id);
    assert!(worst < TOLERANCE, "{}: {worst:.3e} of the largest", case.id);
}

/// The largest difference of the samples and of the statistics of a value, in units of its largest element.
fn compare(case: &Case, expected: &Tensors, name: &str, value: &Tensor) -> f64 {
    let Summary { shape, mean, absmax, l2, .. } = &case.summaries[name];
    assert_eq!(value.shape(), shape, "{}: {name}", case.id);
    let data = value.data();
    let n = data.len();
    let strided: Vec<f64> = (0..64).map(|k| data[k * n / 64]).collect();
    let first = &data[..64.min(n)];
    let samples = [("first64", first), ("strided64", strided.as_slice())].map(|(part, ours)| {
        let theirs = &expected.get(&format!("{name}.{part}")).unwrap().values;
        assert_eq!(theirs.len(), ours.len(), "{}: {name}.{part}", case.id);
        theirs.iter().zip(ours).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / absmax
    });
    let our_mean = data.iter().sum::<f64>() / n as f64;
    let norm = data.iter().map(|x| x * x).sum::<f64>().sqrt();
    let statistics =
        [(our_mean - mean).abs() / absmax, (norm - l2).abs() / l2, (value.max_abs() - absmax).abs() / absmax];
    samples.into_iter().chain(statistics).fold(0.0, f64::max)
}

/// Every kind once: each operation, both entries of HyTra's blocks, each scale before a neck, each stage's form, cells
/// with and without a change of width.
const EVERY_KIND: [&str; 20] = [
    "hytra/fwd_s0_0",
    "hytra/fwd_s0_2",
    "hytra/fwd_s0_3",
    "hytra/fwd_s1_0",
    "hytra/fwd_s1_2",
    "hytra/fwd_s1_7",
    "hytra/fwd_s2_1",
    "hytra/fwd_s3_1",
    "mbconv/fwd_s0_5",
    "mbconv/fwd_s1_5",
    "mbconv/fwd_s2_4",
    "mbconv/fwd_s3_1",
    "mbconv/fwd_s4_2",
    "mbconv/fwd_s5_0",
    "nats/nats_c10_fwd_s0_1",
    "nats/nats_c10_fwd_s1_3",
    "nats/nats_c10_fwd_s2_4",
    "nats/nats_c100_fwd_s0_0",
    "nats/nats_c100_fwd_s1_5",
    "nats/nats_c100_fwd_s2_4",
];

fn check_all(wanted: impl Fn(&Case) -> bool, at_least: usize) {
    let fixtures = Fixtures::open().unwrap();
    if fixtures.source() != Source::Full {
        return;
    }
    let groups = ["hytra", "mbconv", "nats"].into_iter().flat_map(|group| fixtures.group(group));
    let cases: Vec<&Case> = groups.filter(|case| case.name().contains("fwd_") && wanted(case)).collect();
    assert!(cases.len() >= at_least, "only {} cases", cases.len());
    // Two at a time: each holds little memory and the machine has more than one core.
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    check(&fixtures, case);
                }
            });
        }
    });
}

#[test]
fn every_kind_of_operation_gives_what_the_published_supernets_compute() {
    check_all(|case| EVERY_KIND.contains(&case.id.as_str()), EVERY_KIND.len());
}

#[test]
#[ignore = "half a minute, the other forward cases: `cargo xtask test --all`"]
fn every_path_gives_what_the_published_supernets_compute() {
    check_all(|case| !EVERY_KIND.contains(&case.id.as_str()), 60);
}
