//! Every pass keeps every value: the graph before and after it, run in float64, agree wherever a name is in both.
//!
//! Tolerances, of a value's largest element: 1e-12 with the folded weights as they are computed, in float64, where only
//! the order of operations differs; 1e-6 with the folded weights rounded to float32 once, as a file holds them (6e-8 for
//! each weight, and a few layers on top of one another). A wrong fold is off by the size of the value itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::Arc;

use bossnas_model::arch::{Block, BlockActivation, BossNet, LastStride, Shortcut, Stem};
use bossnas_model::evaluate::{Tensor, evaluate_observed};
use bossnas_model::graph::{Activation, Graph, GraphBuilder, NormParams, Op, Orientation, Role, ValueId};
use bossnas_model::pass::{Pass, apply};
use bossnas_model::weights::{SharedWeights, Weights};
use bossnas_testkit::recipe::{self, RecipeWeights};
use proptest::prelude::*;

const TOLERANCE: f64 = 1e-12;
const ROUNDED_TOLERANCE: f64 = 1e-6;

/// The weights rounded to float32, as a file would hold them.
struct Rounded(SharedWeights);

impl Weights for Rounded {
    fn names(&self) -> Vec<&str> {
        self.0.names()
    }
    fn info(&self, name: &str) -> Option<&bossnas_model::weights::TensorInfo> {
        self.0.info(name)
    }
    fn bytes(&self, name: &str) -> Result<std::borrow::Cow<'_, [u8]>, bossnas_model::weights::WeightsError> {
        self.0.bytes(name)
    }
}

fn values(graph: &Graph, weights: &dyn Weights, shape: [usize; 4]) -> BTreeMap<String, Tensor> {
    let image = recipe::input("image", &shape).into_iter().map(f64::from).collect();
    let mut values = BTreeMap::new();
    let image = Tensor::new(shape, image).unwrap();
    let outputs = evaluate_observed(graph, weights, vec![image], |name, value| {
        assert!(values.insert(name.to_owned(), value.clone()).is_none(), "two values are called {name}");
    });
    assert_eq!(outputs.unwrap().len(), 1);
    values
}

/// Applies `passes`, compares all values that both graphs have, and returns how many those are and the new graph.
fn compare(graph: &Graph, passes: &[Pass], shape: [usize; 4]) -> (usize, Graph) {
    let weights: SharedWeights = Arc::new(RecipeWeights::new(graph.params(), recipe::SILU_GAIN, 0));
    let before = values(graph, &*weights, shape);
    let (new_graph, new_weights) = apply(passes, graph, weights);
    let exact = values(&new_graph, &*new_weights, shape);
    let rounded = values(&new_graph, &Rounded(new_weights), shape);
    let mut common = 0;
    for (name, expected) in &before {
        let (Some(exact), Some(rounded)) = (exact.get(name), rounded.get(name)) else { continue };
        common += 1;
        for (got, tolerance) in [(exact, TOLERANCE), (rounded, ROUNDED_TOLERANCE)] {
            assert_eq!(got.shape(), expected.shape(), "{name}");
            let error = got.data().iter().zip(expected.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(
                error <= tolerance * expected.max_abs(),
                "{name}: off by {error:.2e} of {:.2e}",
                expected.max_abs()
            );
        }
    }
    let output = |graph: &Graph| graph.value_name(graph.outputs()[0]).to_owned();
    assert_eq!(output(graph), output(&new_graph), "the output keeps its name");
    (common, new_graph)
}

fn count(graph: &Graph, op: &str) -> usize {
    graph.nodes().iter().filter(|node| node.op.name() == op).count()
}

/// A convolution that makes queries, keys and values, attention, and (or not) a batch norm and an activation.
fn attention_graph(heads: usize, head_width: usize, orientation: Orientation, norm: bool, bias: bool) -> Graph {
    let mut graph = GraphBuilder::default();
    let image = graph.input("image", 3);
    let width = heads * head_width;
    let weight = graph.param("to_qkv.weight", &[3 * width, 3, 1, 1], Role::ConvWeight);
    let bias = bias.then(|| graph.param("to_qkv.bias", &[3 * width], Role::ConvBias));
    let op = Op::Conv2d { weight, bias, stride: 1, padding: 0, groups: 1 };
    let qkv = graph.node("to_qkv", op, &[image]);
    let op = Op::Attention { heads, head_width, scale: (head_width as f64).powf(-0.5), orientation };
    let mut value = graph.node("attention", op, &[qkv]);
    if norm {
        value = batch_norm(&mut graph, "norm", width, value);
    }
    let out = graph.node("act", Op::Activation(Activation::Silu), &[value]);
    graph.finish(&[out])
}

fn batch_norm(graph: &mut GraphBuilder, name: &str, channels: usize, input: ValueId) -> ValueId {
    let mut param = |part: &str, role| graph.param(format!("{name}.{part}"), &[channels], role);
    let params = NormParams {
        weight: param("weight", Role::NormWeight),
        bias: param("bias", Role::NormBias),
        mean: param("running_mean", Role::RunningMean),
        var: param("running_var", Role::RunningVar),
    };
    graph.node(name, Op::BatchNorm { params, eps: 1e-5 }, &[input])
}

fn stages() -> impl Strategy<Value = [Vec<Block>; 4]> {
    let block = prop_oneof![Just(Block::ResAtt), Just(Block::ResConv)];
    let stage = prop::collection::vec(block, 0..3);
    [stage.clone(), stage.clone(), stage.clone(), stage]
}

fn networks() -> impl Strategy<Value = BossNet> {
    let stem = prop_oneof![Just(Stem::Plain), Just(Stem::Deep { width: 4 }), Just(Stem::DeepTiered { width: 8 })];
    (stages(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), stem).prop_map(
        |(stages, silu, se, s1, plain, stem)| BossNet {
            stages,
            activation: if silu { BlockActivation::Silu } else { BlockActivation::Relu },
            se,
            last_stride: if s1 { LastStride::One } else { LastStride::Two },
            shortcut: if plain { Shortcut::Plain } else { Shortcut::AvgPool },
            stem,
            base: 8,
            classes: 7,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn folding_attention_keeps_all_values_in_both_orientations(
        heads in 1_usize..4, head_width in 1_usize..9, height in 1_usize..7, width in 1_usize..7,
        transposed: bool, norm: bool, bias: bool,
    ) {
        let orientation = if transposed { Orientation::Transposed } else { Orientation::Standard };
        let graph = attention_graph(heads, head_width, orientation, norm, bias);
        let (common, folded) = compare(&graph, &[Pass::FoldAttention], [2, 3, height, width]);
        prop_assert_eq!(common, 2, "what comes after the changed convolution");
        prop_assert_eq!(count(&folded, "BatchNorm"), 0);
        prop_assert_eq!(count(&folded, "Shift"), usize::from(norm && transposed));
    }

    #[test]
    fn every_pass_and_all_of_them_keep_all_values_of_a_network(
        net in networks(), height in 17_usize..40, width in 17_usize..40,
    ) {
        let graph = net.graph();
        for pass in Pass::INFERENCE {
            compare(&graph, &[pass], [1, 3, height, width]);
        }
        let (_, folded) = compare(&graph, &Pass::INFERENCE, [1, 3, height, width]);
        prop_assert_eq!(count(&folded, "BatchNorm"), 0);
        prop_assert_eq!(count(&folded, "DropPath"), 0);
    }
}

#[test]
fn a_batch_norm_whose_input_is_read_twice_stays() {
    let mut graph = GraphBuilder::default();
    let image = graph.input("image", 3);
    let weight = graph.param("conv.weight", &[4, 3, 3, 3], Role::ConvWeight);
    let conv = graph.node("conv", Op::Conv2d { weight, bias: None, stride: 1, padding: 1, groups: 1 }, &[image]);
    let norm = batch_norm(&mut graph, "norm", 4, conv);
    let sum = graph.node("sum", Op::Add, &[norm, conv]);
    let graph = graph.finish(&[sum]);
    let (common, folded) = compare(&graph, &[Pass::FoldNorm], [1, 3, 5, 5]);
    assert_eq!((common, count(&folded, "BatchNorm")), (3, 1));
}

#[test]
fn a_linear_layer_takes_the_batch_norm_after_it() {
    let mut graph = GraphBuilder::default();
    let image = graph.input("image", 3);
    let pooled = graph.node("pool", Op::GlobalAvgPool, &[image]);
    let flat = graph.node("flat", Op::Flatten, &[pooled]);
    let weight = graph.param("fc.weight", &[5, 3], Role::LinearWeight);
    let bias = Some(graph.param("fc.bias", &[5], Role::LinearBias));
    let linear = graph.node("fc", Op::Linear { weight, bias }, &[flat]);
    let norm = batch_norm(&mut graph, "norm", 5, linear);
    let graph = graph.finish(&[norm]);
    let (common, folded) = compare(&graph, &[Pass::FoldNorm], [2, 3, 4, 4]);
    assert_eq!((common, folded.nodes().len()), (3, 3));
}

#[test]
fn a_value_that_changes_its_meaning_changes_its_name() {
    let graph = attention_graph(2, 4, Orientation::Standard, true, false);
    let (_, folded) = compare(&graph, &[Pass::FoldAttention], [1, 3, 3, 3]);
    let names: Vec<&str> = folded.nodes().iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["to_qkv.folded", "norm", "act"]);
}
